package directory_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"usher.internal/helper/directory"
	"usher.internal/internal/wpj"
	"usher.internal/sim/hostile"
)

func TestHostileLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	program := dscl(t, "exec cat '"+path+"'").Within(time.Minute)
	hostile.Meet(t, 1<<20, func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := directory.Look(t.Context(), program, "jane"); got.Finding != wpj.CouldNotLook {
			t.Errorf("%s: %s", got.Finding, got.Detail)
		}
	})
}
