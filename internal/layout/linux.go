package layout

// Linux is the layout that `usherctl install` makes. Debian is the layout of the Debian package.
var (
	Linux = Layout{
		System:           "linux",
		Programs:         "/usr/libexec/usher",
		Link:             "/usr/local/bin/usherctl",
		HelperDefinition: "/etc/systemd/system/" + HelperUnit,
		AgentDefinition:  "/etc/systemd/user/" + AgentUnit,
		AgentState:       ".local/state/usher",
		Manuals:          "/usr/local/share/man/man1",
		BashCompletion:   "/usr/local/share/bash-completion/completions/usherctl",
		ZshCompletion:    "/usr/local/share/zsh/site-functions/_usherctl",
		FishCompletion:   "/usr/local/share/fish/vendor_completions.d/usherctl.fish",
		Configuration:    "/etc/usher/config.yaml",
		State:            "/var/lib/usher",
		Sockets:          "/run/usher",
	}
	Debian = debian(Linux)
)

func debian(l Layout) Layout {
	l.Packaged = true
	l.Link = "/usr/bin/usherctl"
	l.HelperDefinition = "/usr/lib/systemd/system/" + HelperUnit
	l.AgentDefinition = "/usr/lib/systemd/user/" + AgentUnit
	l.Manuals = "/usr/share/man/man1"
	l.BashCompletion = "/usr/share/bash-completion/completions/usherctl"
	l.ZshCompletion = "/usr/share/zsh/vendor-completions/_usherctl"
	l.FishCompletion = "/usr/share/fish/vendor_completions.d/usherctl.fish"
	return l
}
