package thismac

import (
	"errors"
	"strings"

	"usher.internal/internal/propertylist"
)

// operatingSystem reads the same file as sw_vers. Nobody has run this on a Mac yet.
func operatingSystem() string { return versionIn("/System/Library/CoreServices/SystemVersion.plist") }

func versionIn(path string) string {
	version, err := propertylist.Read(path)
	if err != nil {
		return ""
	}
	name, _ := version["ProductName"].(string)
	number, _ := version["ProductVersion"].(string)
	return strings.TrimSpace(name + " " + number)
}

// machineID does not exist on macOS, where the hardware has a UUID.
func machineID() (string, error) { return "", errors.ErrUnsupported }
