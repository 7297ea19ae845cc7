package delivery

// reconEnvironment is all that jamf gets of an environment.
var reconEnvironment = []string{
	"PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin",
	"HOME=/var/root",
	"LANG=en_US.UTF-8",
}
