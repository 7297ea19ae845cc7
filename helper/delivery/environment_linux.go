package delivery

// reconEnvironment is all that jamf gets of an environment.
var reconEnvironment = []string{
	"PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin",
	"HOME=/root",
	"LANG=C.UTF-8",
}
