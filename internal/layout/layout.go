// Package layout says where usher's files are on disk: programs, definitions of the services, configuration, state,
// sockets and logs.
//
// [MacOS], [Linux] and [Debian] are the only place of these paths. They are data on every platform and not build-tagged
// files: packages for a Mac are made on Linux, and tests on Linux check the Mac's paths. [Here] is the one of this
// computer. Scripts that repeat a path are compared with it by a test (packaging). The paths of other programs belong
// to the packages about those programs, or are defaults of internal/config.
package layout

import (
	"fmt"
	"path/filepath"
	"runtime"
)

// The names of the two services.
const (
	HelperLabel = "org.usher.helper"
	AgentLabel  = "org.usher.useragent"
	HelperUnit  = "usherd.service"
	AgentUnit   = "usher-agent.service"
)

// BundleIdentifier is that of the macOS package, and what macOS shows the services under in Login Items.
const BundleIdentifier = "org.usher.usher"

// The programs by their file names.
const (
	HelperProgram  = "usherd"
	AgentProgram   = "usher-agent"
	ControlProgram = "usherctl"
)

// The names of usherd's files in its directories. Others are next to them, with a suffix.
const (
	HelperSocket          = "helper.sock"
	AgentSocket           = "agent.sock"
	Journal               = "journal.db"
	LastGoodConfiguration = "configuration.last-good.json"
)

// ProgramNames returns all three.
func ProgramNames() []string { return []string{HelperProgram, AgentProgram, ControlProgram} }

// Layout is where everything of usher is on a computer. All paths are absolute, except where a comment says otherwise.
type Layout struct {
	// System is the platform by the name that Go has for it: "darwin" or "linux".
	System string
	// Packaged reports whether the Debian package has put the files there, which are dpkg's to change. A macOS package
	// lays out the same files as usherctl does.
	Packaged bool

	// Programs is the directory of the three programs, which only root can change; Link is usherctl in the PATH of all
	// users.
	Programs, Link string
	// HelperDefinition and AgentDefinition are the property lists or units of the two services.
	HelperDefinition, AgentDefinition string
	// LogDirectory holds HelperLog; both are empty where the journal has it.
	LogDirectory, HelperLog string
	// AgentLogs is the directory of the agent's log in its user's home, relative to that; AgentLog is the log with "~/"
	// before it, which the agent replaces by its user's home.
	AgentLogs, AgentLog string
	// AgentState is where the agent keeps the records of Company Portal's runs, relative to its user's home.
	AgentState string
	// Rotation is newsyslog's configuration, empty where there is none.
	Rotation string
	// Manuals and the completions come with packages; uninstalling by hand removes them as well.
	Manuals, BashCompletion, ZshCompletion, FishCompletion string
	// Managed and Configuration are the files of the configuration's two layers; Managed is empty where there is none.
	Managed, Configuration string
	// State and Sockets are the default directories of usherd.
	State, Sockets string
}

// Of returns the layout of a system, by the name that Go has for it. Windows has none: there Company Portal registers
// by other means, and there is no Jamf.
func Of(system string) (Layout, error) {
	switch system {
	case MacOS.System:
		return MacOS, nil
	case Linux.System:
		return Linux, nil
	}
	return Layout{}, fmt.Errorf("lay usher out on %s: macOS and Linux are supported, Windows is not", system)
}

// Here returns the layout of this computer as usherctl installs it: the Mac's on a Mac, and else that of Linux.
func Here() Layout {
	if runtime.GOOS == MacOS.System {
		return MacOS
	}
	return Linux
}

// Mac reports whether the layout is that of a Mac.
func (l Layout) Mac() bool { return l.System == MacOS.System }

// Program returns the path of an installed program.
func (l Layout) Program(name string) string { return filepath.Join(l.Programs, name) }

// Helper is the path of usherd.
func (l Layout) Helper() string { return l.Program(HelperProgram) }

// Agent is the path of usher-agent.
func (l Layout) Agent() string { return l.Program(AgentProgram) }

// Control is the path of usherctl.
func (l Layout) Control() string { return l.Program(ControlProgram) }

// AgentStateOf returns the agent's state folder of the user with that home and XDG_STATE_HOME, which macOS does not
// have. A relative one is ignored, as the XDG Base Directory Specification says.
func (l Layout) AgentStateOf(home, stateHome string) string {
	if !l.Mac() && filepath.IsAbs(stateHome) {
		return filepath.Join(stateHome, filepath.Base(l.AgentState))
	}
	return filepath.Join(home, l.AgentState)
}

// HomeLeavings returns what agents leave in their users' homes, relative to those.
func (l Layout) HomeLeavings() []string {
	if l.AgentLogs == "" {
		return []string{l.AgentState}
	}
	return []string{l.AgentState, l.AgentLogs}
}
