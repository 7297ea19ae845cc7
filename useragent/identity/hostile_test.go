package identity_test

import (
	"os"
	"path/filepath"
	"testing"

	"usher.internal/internal/wpj"
	"usher.internal/sim/hostile"
	"usher.internal/useragent/identity"
)

// A hostile list in Jamf's place is a place that could not be looked at.
func TestHostileLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "com.jamf.management.jamfAAD.plist")
	hostile.Meet(t, 1<<20, func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := identity.JamfAgent(path).Look(t.Context()); got.Finding != wpj.CouldNotLook {
			t.Errorf("%s: %s", got.Finding, got.Detail)
		}
	})
}
