// Package layout says where usher's files are on disk: programs, definitions of the services, configuration, state,
// sockets and logs.
//
// Only [MacOS], [Linux] and [Debian] have these paths. They are data on every platform, not files with build tags:
// packages for a Mac are made on Linux, and tests on Linux check the Mac's paths. [Here] is the layout of this
// computer. A test compares scripts that repeat a path with it (packaging). The paths of other programs are in the
// packages about those programs, or are defaults of internal/config.
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

// BundleIdentifier is the identifier of the macOS package. macOS shows the services under it in Login Items.
const BundleIdentifier = "org.usher.usher"

// The file names of the programs.
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

// Layout is where all of usher's files are on a computer. All paths are absolute, except where a comment says
// otherwise.
type Layout struct {
	// System is Go's name for the platform: "darwin" or "linux".
	System string
	// Packaged reports whether the Debian package has put the files there; only dpkg changes them. A macOS package
	// installs the same files as usherctl.
	Packaged bool

	// Programs is the directory of the three programs, which only root can change. Link is usherctl in the PATH of all
	// users.
	Programs, Link string
	// HelperDefinition and AgentDefinition are the property lists or units of the two services.
	HelperDefinition, AgentDefinition string
	// LogDirectory holds HelperLog. Both are empty if the journal has the log.
	LogDirectory, HelperLog string
	// AgentLogs is the directory of the agent's log, relative to its user's home. AgentLog is the log with "~/" before
	// it; the agent replaces that with its user's home.
	AgentLogs, AgentLog string
	// AgentState is where the agent keeps the records of Company Portal's runs, relative to its user's home.
	AgentState string
	// Rotation is newsyslog's configuration. It is empty if there is none.
	Rotation string
	// Manuals and the completions come with packages. Uninstalling by hand removes them as well.
	Manuals, BashCompletion, ZshCompletion, FishCompletion string
	// Managed and Configuration are the files of the configuration's two layers. Managed is empty if the platform has
	// none.
	Managed, Configuration string
	// State and Sockets are the default directories of usherd.
	State, Sockets string
}

// Of returns the layout of a system, by Go's name for it. Windows has none: Company Portal registers by other means
// there, and Jamf does not exist.
func Of(system string) (Layout, error) {
	switch system {
	case MacOS.System:
		return MacOS, nil
	case Linux.System:
		return Linux, nil
	}
	return Layout{}, fmt.Errorf("lay usher out on %s: macOS and Linux are supported, Windows is not", system)
}

// Here returns the layout of this computer as usherctl installs it: MacOS on a Mac, and Linux elsewhere.
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

// AgentStateOf returns the agent's state folder for the user with that home and XDG_STATE_HOME. macOS has no
// XDG_STATE_HOME. A relative one is ignored, as the XDG Base Directory Specification demands.
func (l Layout) AgentStateOf(home, stateHome string) string {
	if !l.Mac() && filepath.IsAbs(stateHome) {
		return filepath.Join(stateHome, filepath.Base(l.AgentState))
	}
	return filepath.Join(home, l.AgentState)
}

// HomeLeavings returns the paths of files that agents leave in their users' homes, relative to the homes.
func (l Layout) HomeLeavings() []string {
	if l.AgentLogs == "" {
		return []string{l.AgentState}
	}
	return []string{l.AgentState, l.AgentLogs}
}
