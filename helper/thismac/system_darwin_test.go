package thismac

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestOperatingSystemIsNamed(t *testing.T) {
	_, err := os.Stat("/System/Library/CoreServices/SystemVersion.plist")
	if name := operatingSystem(); (err == nil) != strings.HasPrefix(name, "macOS ") {
		t.Errorf("the operating system is %q", name)
	}
	if id, err := machineID(); id != "" || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%q, %v", id, err)
	}
}
