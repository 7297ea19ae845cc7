package thismac

import (
	"os"
	"strconv"
	"strings"
)

// operatingSystem reads os-release(5).
func operatingSystem() string {
	content, _ := os.ReadFile("/etc/os-release")
	for line := range strings.Lines(string(content)) {
		value, found := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME=")
		if !found {
			continue
		}
		if unquoted, err := strconv.Unquote(value); err == nil {
			return unquoted
		}
		return value
	}
	return ""
}

// machineID reads machine-id(5).
func machineID() (string, error) {
	content, err := os.ReadFile("/etc/machine-id")
	return strings.TrimSpace(string(content)), err
}
