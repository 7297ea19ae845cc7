package thismac_test

import (
	"os"
	"path/filepath"
	"testing"

	"usher.internal/helper/thismac"
	"usher.internal/internal/wpj"
	"usher.internal/sim/hostile"
)

func TestHostileLists(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "com.apple.extensiblesso.plist")
	hostile.Meet(t, 1<<20, func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if microsoft, err := thismac.MicrosoftPlatformSSO(directory, "jane"); microsoft || err == nil {
			t.Errorf("%t, %v", microsoft, err)
		}
		if got := (thismac.Places{JamfPreferences: path}).Evidence(); len(got) != 1 ||
			got[0].Finding != wpj.CouldNotLook {
			t.Errorf("%+v", got)
		}
	})
}
