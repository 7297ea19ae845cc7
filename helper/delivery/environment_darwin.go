package delivery

import "usher.internal/internal/command"

// reconEnvironment is all that jamf gets of an environment.
var reconEnvironment = []string{
	"PATH=" + command.SystemPath,
	"HOME=/var/root",
	"LANG=en_US.UTF-8",
}
