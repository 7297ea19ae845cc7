package thismac

import (
	"os"

	"howett.net/plist"
)

// operatingSystem reads what sw_vers reads. Nobody ran this on a Mac yet.
func operatingSystem() string {
	content, err := os.ReadFile("/System/Library/CoreServices/SystemVersion.plist")
	if err != nil {
		return ""
	}
	var version struct{ ProductName, ProductVersion string }
	if _, err := plist.Unmarshal(content, &version); err != nil {
		return ""
	}
	return version.ProductName + " " + version.ProductVersion
}
