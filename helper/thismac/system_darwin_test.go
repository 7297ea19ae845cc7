package thismac

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOperatingSystemIsNamed(t *testing.T) {
	_, err := os.Stat("/System/Library/CoreServices/SystemVersion.plist")
	if name := operatingSystem(); (err == nil) != strings.HasPrefix(name, "macOS ") {
		t.Errorf("the operating system is %q", name)
	}
	path := filepath.Join(t.TempDir(), "SystemVersion.plist")
	list := `<plist version="1.0"><dict><key>ProductName</key><string>macOS</string><key>ProductVersion</key><string>` +
		`26.1</string></dict></plist>`
	if err := os.WriteFile(path, []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	if name := versionIn(path); name != "macOS 26.1" {
		t.Errorf("it is %q", name)
	}
	if id, err := machineID(); id != "" || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%q, %v", id, err)
	}
}
