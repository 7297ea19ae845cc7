package delivery

import "usher.internal/internal/command"

// reconEnvironment is the whole environment of jamf.
var reconEnvironment = []string{
	"PATH=" + command.SystemPath,
	"HOME=/var/root",
	"LANG=en_US.UTF-8",
}
