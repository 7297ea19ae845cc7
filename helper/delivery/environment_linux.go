package delivery

import "usher.internal/internal/command"

// reconEnvironment is all that jamf gets of an environment.
var reconEnvironment = []string{
	"PATH=" + command.SystemPath,
	"HOME=/root",
	"LANG=C.UTF-8",
}
