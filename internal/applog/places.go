package applog

import (
	"path/filepath"

	"usher.internal/internal/layout"
)

// CompanyPortalFolder is the folder of Company Portal's logs in a home [BREW, SIS]. JamfLogFile is Jamf's log.
const (
	CompanyPortalFolder = "Library/Logs/Company Portal"
	JamfLogFile         = "/var/log/jamf.log"
)

// Places returns the paths of this Mac's logs that show a user's registrations: the user's own in their home, and those
// of the Mac. They need not exist, and not everybody may read them (docs/log-formats.md).
func Places(home string) []string {
	return []string{
		filepath.Join(home, CompanyPortalFolder),
		filepath.Join(home, "Library/Containers/com.microsoft.CompanyPortalMac.ssoextension/Data/Library/Caches/Logs/"+
			"Microsoft/SSOExtension"),
		filepath.Join(home, "Library/Logs/JAMF"),
		filepath.Join(home, layout.MacOS.AgentLogs),
		JamfLogFile,
		layout.MacOS.LogDirectory,
	}
}
