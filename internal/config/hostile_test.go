package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"usher.internal/internal/config"
	"usher.internal/sim/hostile"
)

func TestHostileLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "org.usher.plist")
	hostile.Meet(t, 1<<20, func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (config.Places{Local: path}).Load(); err == nil {
			t.Error("the file was accepted")
		}
	})
}
