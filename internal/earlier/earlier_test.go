package earlier_test

import (
	"os"
	"strings"
	"testing"

	"usher.internal/internal/earlier"
)

// Without the history the error says what to do.
func TestBuildWithoutTheHistory(t *testing.T) {
	lacking := earlier.Versions(t)[0]
	lacking.Revision = strings.Repeat("0123abcd", 5)
	archive := earlier.Version{Name: "2026-11-27", Revision: lacking.Revision, Directory: t.TempDir()}
	for name, version := range map[string]earlier.Version{"a shallow clone": lacking, "sources without .git": archive} {
		err := version.Build(t.Context(), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "git fetch --unshallow") ||
			!strings.Contains(err.Error(), "full clone") || !strings.Contains(err.Error(), version.Revision) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each version has all files that the tests open.
func TestVersions(t *testing.T) {
	for _, version := range earlier.Versions(t) {
		if len(version.Revision) != 40 {
			t.Errorf("%s: revision %q, want a whole commit id", version.Name, version.Revision)
		}
		if info, err := os.Stat(version.Journal(t)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", version.Name, err)
		}
		for _, file := range []string{"config.yaml", "org.usher.plist", "org.usher.mobileconfig", "said/status.json",
			"said/registrations.json", "said/outbox.json", "said/clean.json", "said/config.json"} {
			if _, err := os.Stat(version.Path(file)); err != nil {
				t.Errorf("%s: %v", version.Name, err)
			}
		}
	}
}
