package config

import (
	"cmp"
	"path/filepath"
	"runtime"

	"usher.internal/internal/layout"
	"usher.internal/internal/trust"
)

// platform holds the differences between macOS and Linux. Both are data, not files with build tags. Tests on Linux can
// therefore check the macOS defaults, and the documentation shows both.
type platform struct {
	layout layout.Layout

	adminGroup, portal      string
	jamf, conditionalAccess string
	jamfPreferences         string
	identitySources         string
	managedPreferences      string
}

// Places are the files of the two layers. An empty path is a layer that the platform does not have.
type Places struct {
	Managed, Local string

	// variables accepts [jssID], for a configuration that becomes a profile.
	variables bool
}

var macOS = platform{
	layout:     layout.MacOS,
	adminGroup: "admin",
	portal:     "/Applications/Company Portal.app/Contents/MacOS/Company Portal",
	jamf:       trust.JamfProgram,
	// This is the bundle's own program. Its alias jamfAAD gives other answers [SK-PSSO, BW#6].
	conditionalAccess: "/Library/Application Support/JAMF/Jamf.app/Contents/MacOS/Jamf Conditional " +
		"Access.app/Contents/MacOS/Jamf Conditional Access",
	jamfPreferences: "/Library/Preferences/com.jamfsoftware.jamf.plist",
	identitySources: LoginKeychain + ", " + PlatformSSO + ", " + SecureEnclave + ", " + JamfAgent + ", " + Directory,

	managedPreferences: filepath.Dir(layout.MacOS.Managed),
}

// Linux has neither Company Portal nor Jamf. These are the paths of their stand-ins.
var linux = platform{
	layout:            layout.Linux,
	adminGroup:        "sudo",
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
func PlatformPlaces() Places {
	here := layout.Here()
	return Places{Managed: here.Managed, Local: here.Configuration}
}

// manualsOf is the platform (Go's name for it) whose manual pages scripts/manuals writes: -ldflags "-X
// usher.internal/internal/config.manualsOf=darwin". It is empty in installed programs.
var manualsOf string

// Sudo returns the command line that runs usherctl as root with arguments. It has the full path because sudo on macOS
// uses its caller's PATH. On a Mac with Homebrew a user can own /usr/local/bin, which has a link to usherctl.
func Sudo(arguments string) string {
	return "sudo " + platformOf(cmp.Or(manualsOf, runtime.GOOS)).layout.Control() + " " + arguments
}
