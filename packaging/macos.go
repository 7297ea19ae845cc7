package packaging

import (
	"fmt"
	"os"
	"path/filepath"

	"usher.internal/internal/layout"
)

// InstallerVersion returns a version in numbers that macOS's Installer compares. It is that of the tag, with the number
// of later commits as a further number. Without a tag it is 0 and the date.
func InstallerVersion(release Release) string {
	found := described.FindStringSubmatch(release.Version)
	switch {
	case found == nil:
		return "0." + release.Date.UTC().Format("20060102.150405")
	case found[2] != "":
		return found[1] + "." + found[2]
	}
	return found[1]
}

// WriteMacOS writes the input of pkgbuild and productbuild into directory: PackageInfo and Distribution. For
// scripts/pkg it writes the files version and identifier, with one line each.
func WriteMacOS(directory string, release Release) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	values := map[string]any{"Identifier": layout.BundleIdentifier, "Version": InstallerVersion(release)}
	for file, name := range map[string]string{"PackageInfo": "macos/PackageInfo.tmpl",
		"Distribution": "macos/Distribution.tmpl"} {
		content, err := fillIn(name, values)
		if err == nil {
			err = os.WriteFile(filepath.Join(directory, file), content, 0o644)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
	}
	for file, line := range map[string]string{"version": InstallerVersion(release),
		"identifier": layout.BundleIdentifier} {
		if err := os.WriteFile(filepath.Join(directory, file), []byte(line+"\n"), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
	}
	return nil
}
