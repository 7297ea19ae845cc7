package launchd

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"usher.internal/internal/config"
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

// ProgramNames returns all three.
func ProgramNames() []string { return []string{HelperProgram, AgentProgram, ControlProgram} }

// System is a platform that usher can be installed on, by the name that Go has for it.
type System string

// The systems. Windows is out of scope: there Company Portal registers by other means, and there is no Jamf.
const (
	MacOS System = "darwin"
	Linux System = "linux"
)

// Owner says who put usher's files where they are.
type Owner bool

const (
	// ByHand is usherctl itself, or a macOS package, which lays out the same files.
	ByHand Owner = false
	// ByPackage is the Debian package, whose files are dpkg's to change.
	ByPackage Owner = true
)

// Layout is where everything of usher stands on a computer. All paths are absolute.
type Layout struct {
	System System
	Owner  Owner

	// Programs is the directory of the three programs, Link the name of usherctl in everybody's PATH.
	Programs, Link string
	// HelperDefinition and AgentDefinition are the property lists or units of the two services.
	HelperDefinition, AgentDefinition string
	// LogDirectory holds HelperLog; both are empty where the journal has it. AgentLog begins with "~/", which the agent
	// replaces by its user's home.
	LogDirectory, HelperLog, AgentLog string
	// Rotation is newsyslog's configuration, empty where there is none.
	Rotation string
	// Manuals and Completions are what packages bring besides; uninstalling by hand removes them as well.
	Manuals, BashCompletion, ZshCompletion, FishCompletion string
	// Configuration is what the programs read unless they are told otherwise; State and Sockets are where they keep
	// what is theirs by default.
	Configuration, State, Sockets string
	// HomeLeavings are what agents leave in their users' homes, relative to those.
	HomeLeavings []string
}

// LayoutOf returns the layout of a system. On macOS the package lays out what installing by hand does.
func LayoutOf(system System, owner Owner) (Layout, error) {
	defaults := config.PlatformDefaults(string(system))
	switch {
	case system == MacOS:
		return Layout{
			System:           system,
			Programs:         defaults.Programs,
			Link:             "/usr/local/bin/usherctl",
			HelperDefinition: "/Library/LaunchDaemons/" + HelperLabel + ".plist",
			AgentDefinition:  "/Library/LaunchAgents/" + AgentLabel + ".plist",
			LogDirectory:     "/Library/Logs/usher",
			HelperLog:        "/Library/Logs/usher/usherd.log",
			AgentLog:         "~/Library/Logs/usher/usher-agent.log",
			Rotation:         "/etc/newsyslog.d/org.usher.conf",
			Manuals:          "/usr/local/share/man/man1",
			BashCompletion:   "/usr/local/share/bash-completion/completions/usherctl",
			ZshCompletion:    "/usr/local/share/zsh/site-functions/_usherctl",
			FishCompletion:   "/usr/local/share/fish/vendor_completions.d/usherctl.fish",
			Configuration:    defaults.Places.Local,
			State:            defaults.StateDirectory,
			Sockets:          defaults.SocketDirectory,
			HomeLeavings:     []string{"Library/Application Support/org.usher", "Library/Logs/usher"},
		}, nil
	case system == Linux:
		layout := Layout{
			System:           system,
			Owner:            owner,
			Programs:         defaults.Programs,
			Link:             "/usr/local/bin/usherctl",
			HelperDefinition: "/etc/systemd/system/" + HelperUnit,
			AgentDefinition:  "/etc/systemd/user/" + AgentUnit,
			Manuals:          "/usr/local/share/man/man1",
			BashCompletion:   "/usr/local/share/bash-completion/completions/usherctl",
			ZshCompletion:    "/usr/local/share/zsh/site-functions/_usherctl",
			FishCompletion:   "/usr/local/share/fish/vendor_completions.d/usherctl.fish",
			Configuration:    defaults.Places.Local,
			State:            defaults.StateDirectory,
			Sockets:          defaults.SocketDirectory,
			HomeLeavings:     []string{".local/state/usher"},
		}
		if owner == ByPackage {
			layout.Link = "/usr/bin/usherctl"
			layout.HelperDefinition = "/usr/lib/systemd/system/" + HelperUnit
			layout.AgentDefinition = "/usr/lib/systemd/user/" + AgentUnit
			layout.Manuals = "/usr/share/man/man1"
			layout.BashCompletion = "/usr/share/bash-completion/completions/usherctl"
			layout.ZshCompletion = "/usr/share/zsh/vendor-completions/_usherctl"
			layout.FishCompletion = "/usr/share/fish/vendor_completions.d/usherctl.fish"
		}
		return layout, nil
	}
	return Layout{}, fmt.Errorf("lay usher out on %s: macOS and Linux are supported, Windows is not", system)
}

// Program returns the path of an installed program.
func (l Layout) Program(name string) string { return filepath.Join(l.Programs, name) }

// Helper is the path of usherd, Agent that of usher-agent.
func (l Layout) Helper() string { return l.Program(HelperProgram) }

// Agent is the path of usher-agent.
func (l Layout) Agent() string { return l.Program(AgentProgram) }

// File is a file of the layout with what is to stand in it. It belongs to root.
type File struct {
	Path    string
	Mode    fs.FileMode
	Content []byte
}

// Files returns what is to stand in the layout besides the programs, the definitions first.
func (l Layout) Files() ([]File, error) {
	var files []File
	for _, one := range []struct{ path, template string }{
		{l.HelperDefinition, l.helperTemplate()},
		{l.AgentDefinition, l.agentTemplate()},
		{l.Rotation, "newsyslog.conf"},
	} {
		if one.path == "" {
			continue
		}
		content, err := l.render(one.template)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: one.path, Mode: 0o644, Content: content})
	}
	return files, nil
}

func (l Layout) helperTemplate() string {
	if l.System == MacOS {
		return HelperLabel + ".plist"
	}
	return HelperUnit
}

func (l Layout) agentTemplate() string {
	if l.System == MacOS {
		return AgentLabel + ".plist"
	}
	return AgentUnit
}
