package config

import (
	"cmp"
	"path/filepath"
	"runtime"

	"usher.internal/internal/trust"
)

// platform is what differs between macOS and Linux. It is data for both rather than build-tagged files, so that tests
// on Linux hold the macOS defaults and the documentation shows both.
type platform struct {
	places Places

	socketDirectory, stateDirectory string
	adminGroup                      string
	programs, portal                string
	jamf, conditionalAccess         string
	jamfPreferences                 string
	identitySources                 string
	managedPreferences              string
}

// Places are the files of the two layers; an empty path is a layer that the platform does not have.
type Places struct {
	Managed, Local string

	// variables accepts [jssID], for a configuration that becomes a profile.
	variables bool
}

// The programs do not stand below the state directory, which only root may enter: an agent is started by its user.
var macOS = platform{
	places: Places{
		Managed: "/Library/Managed Preferences/org.usher.plist",
		Local:   "/Library/Preferences/org.usher.plist",
	},
	socketDirectory: "/var/run/usher",
	stateDirectory:  "/Library/Application Support/usher",
	adminGroup:      "admin",
	programs:        "/usr/local/usher",
	portal:          "/Applications/Company Portal.app/Contents/MacOS/Company Portal",
	jamf:            trust.JamfProgram,
	// The bundle's own program: its alias jamfAAD does not answer alike [SK-PSSO, BW#6].
	conditionalAccess: "/Library/Application Support/JAMF/Jamf.app/Contents/MacOS/Jamf Conditional " +
		"Access.app/Contents/MacOS/Jamf Conditional Access",
	jamfPreferences: "/Library/Preferences/com.jamfsoftware.jamf.plist",
	identitySources: LoginKeychain + ", " + PlatformSSO + ", " + SecureEnclave + ", " + JamfAgent + ", " + Directory,

	managedPreferences: "/Library/Managed Preferences",
}

// On Linux neither Company Portal nor Jamf exist; the paths are where their stand-ins are looked for.
var linux = platform{
	places:            Places{Local: "/etc/usher/config.yaml"},
	socketDirectory:   "/run/usher",
	stateDirectory:    "/var/lib/usher",
	adminGroup:        "sudo",
	programs:          "/usr/libexec/usher",
	portal:            "/opt/companyportal/companyportal",
	jamf:              trust.JamfProgram,
	conditionalAccess: "/usr/local/jamf/bin/jamfAAD",
	jamfPreferences:   "/Library/Preferences/com.jamfsoftware.jamf.plist",
	identitySources:   LoginKeychain,
}

func platformOf(goos string) platform {
	if goos == "darwin" {
		return macOS
	}
	return linux
}

// PlatformPlaces returns the files that [Load] reads on this platform.
func PlatformPlaces() Places { return platformOf(runtime.GOOS).places }

// Defaults are what a platform has without any configuration. Programs is the directory of the three programs, which
// only root can change.
type Defaults struct {
	Places                                    Places
	SocketDirectory, StateDirectory, Programs string
}

// PlatformDefaults returns those of a platform, "darwin" or "linux".
func PlatformDefaults(goos string) Defaults {
	platform := platformOf(goos)
	return Defaults{platform.places, platform.socketDirectory, platform.stateDirectory, platform.programs}
}

// manualsOf is the platform, as PlatformDefaults takes it, whose manual pages scripts/manuals writes: -ldflags "-X
// usher.internal/internal/config.manualsOf=darwin". It is empty in what is installed.
var manualsOf string

// Sudo returns the command line that runs usherctl as root with arguments. It has the whole path: on macOS sudo takes
// the PATH of who calls it, and on a Mac with Homebrew /usr/local/bin, which has a link to usherctl, can belong to a
// user.
func Sudo(arguments string) string {
	return "sudo " + filepath.Join(PlatformDefaults(cmp.Or(manualsOf, runtime.GOOS)).Programs, "usherctl") + " " +
		arguments
}
