package delivery

// reconEnvironment is all that jamf gets of an environment. /usr/local/bin is not in PATH: it may be a user's.
var reconEnvironment = []string{
	"PATH=/usr/bin:/bin:/usr/sbin:/sbin",
	"HOME=/root",
	"LANG=C.UTF-8",
}
