// Package toolbox builds stand-ins for the tests that run them.
package toolbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Build builds packages of this module, by their import paths, into a directory; each program has the name of its
// package. It needs the Go toolchain.
func Build(t testing.TB, directory string, packages ...string) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go",
		append([]string{"build", "-tags", "grpcnotrace", "-o", directory + string(filepath.Separator)}, packages...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %v: %v\n%s", packages, err, output)
	}
}
