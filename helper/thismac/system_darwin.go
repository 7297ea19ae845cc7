package thismac

import (
	"errors"
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

// machineID is not there on macOS, where the hardware has a UUID.
func machineID() (string, error) { return "", errors.ErrUnsupported }
