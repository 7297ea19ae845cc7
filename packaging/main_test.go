//go:build linux

// These tests make the packages with the scripts that people use, and examine the results. They need the tools that
// scripts/install-test-dependencies installs. The one that installs the Debian package needs root.
package packaging_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// environment is the environment of every command here. It sets a version and a date, so that copies without git have
// that version.
var environment = []string{"USHER_VERSION=v1.2.3-4-g0123abc", "SOURCE_DATE_EPOCH=1790000000"}

// run runs a command in a directory and returns its output; the command must succeed.
func run(t *testing.T, directory string, more []string, name string, arguments ...string) string {
	t.Helper()
	output, err := try(t.Context(), directory, more, name, arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, output)
	}
	return output
}

func try(ctx context.Context, directory string, more []string, name string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = directory
	command.Env = append(append(os.Environ(), environment...), more...)
	output, err := command.CombinedOutput()
	return string(output), err
}

// copySources copies the files that git has, and new ones, into a directory and returns the directory.
func copySources(t *testing.T, name string) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(directory, 0o700); err != nil { // a different mode than a clone's; it must not matter
		t.Fatal(err)
	}
	run(t, "..", nil, "bash", "-c", `set -o pipefail
git ls-files -z --cached --others --exclude-standard --deduplicate |
  while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  tar --create --null --files-from=- | tar --extract --directory "$0"`, directory)
	return directory
}

var update = flag.Bool("update", false, "rewrite testdata")

// compareLines compares the found lines with a file of testdata.
func compareLines(t *testing.T, found, golden string) {
	t.Helper()
	file := filepath.Join("testdata", golden)
	if *update {
		if err := os.WriteFile(file, []byte(found), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wanted, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if found != string(wanted) {
		t.Errorf("different from %s; found:\n%s", file, found)
	}
}
