package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/command"
)

// sudo keeps the PATH of the user who called it, including directories that the user can write to.
func TestRootRunsNoSSHThatOthersCanChange(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	ours, theirs := t.TempDir(), t.TempDir()
	for _, directory := range []string{ours, theirs} {
		if err := os.WriteFile(filepath.Join(directory, "ssh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(theirs, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", theirs+":"+ours+":/usr/bin")
	if program, path := command.SSH(); program.Path != filepath.Join(ours, "ssh") || path != ours+":/usr/bin" {
		t.Errorf("%s with PATH %s", program.Path, path)
	}
	t.Setenv("PATH", theirs)
	if program, path := command.SSH(); strings.HasPrefix(program.Path, theirs) || path != "" {
		t.Errorf("%s with PATH %q", program.Path, path)
	}
}
