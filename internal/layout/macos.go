package layout

// MacOS is the layout of a Mac. The programs are not below the state directory, which only root may enter, because the
// user starts the agent.
var MacOS = Layout{
	System:           "darwin",
	Programs:         "/usr/local/usher",
	Link:             "/usr/local/bin/usherctl",
	HelperDefinition: "/Library/LaunchDaemons/" + HelperLabel + ".plist",
	AgentDefinition:  "/Library/LaunchAgents/" + AgentLabel + ".plist",
	LogDirectory:     "/Library/Logs/usher",
	HelperLog:        "/Library/Logs/usher/usherd.log",
	AgentLogs:        "Library/Logs/usher",
	AgentLog:         "~/Library/Logs/usher/usher-agent.log",
	AgentState:       "Library/Application Support/org.usher",
	Rotation:         "/etc/newsyslog.d/org.usher.conf",
	Manuals:          "/usr/local/share/man/man1",
	BashCompletion:   "/usr/local/share/bash-completion/completions/usherctl",
	ZshCompletion:    "/usr/local/share/zsh/site-functions/_usherctl",
	FishCompletion:   "/usr/local/share/fish/vendor_completions.d/usherctl.fish",
	Managed:          "/Library/Managed Preferences/org.usher.plist",
	Configuration:    "/Library/Preferences/org.usher.plist",
	State:            "/Library/Application Support/usher",
	Sockets:          "/var/run/usher",
}
