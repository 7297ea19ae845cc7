package delivery

import "usher.internal/internal/command"

// reconEnvironment is the whole environment of jamf.
var reconEnvironment = []string{
	"PATH=" + command.SystemPath,
	"HOME=/root",
	"LANG=C.UTF-8",
}
