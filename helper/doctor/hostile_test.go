package doctor_test

import (
	"os"
	"path/filepath"
	"testing"

	"usher.internal/helper/doctor"
	"usher.internal/sim/hostile"
)

// Info.plist of an application, and Jamf's preferences, may be hostile.
func TestHostileLists(t *testing.T) {
	portal := bundled(t, "5.2504.0")
	information, preferences := filepath.Join(portal, "../../Info.plist"),
		filepath.Join(t.TempDir(), "com.jamfsoftware.jamf.plist")
	for _, path := range []string{information, preferences} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			hostile.Meet(t, 1<<20, func(t *testing.T, content []byte) {
				if err := os.WriteFile(path, content, 0o644); err != nil {
					t.Fatal(err)
				}
				if reason, says := trouble(t,
					doctor.Config{PortalExecutable: portal, PortalMinimumVersion: "5",
						JamfPreferences: preferences}); reason != "" {
					t.Errorf("%s: %s", reason, says)
				}
			})
		})
	}
}
