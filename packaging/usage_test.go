//go:build linux

package packaging_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// TestOutputIsNoOption checks that a script does not write into, or empty, a folder whose name begins with a dash.
func TestOutputIsNoOption(t *testing.T) {
	for _, line := range []string{
		"scripts/build --help", "scripts/build -o", "scripts/build bin more", "scripts/dist --help", "scripts/dist -h",
		"scripts/put-dist --help x", "scripts/pkg --help",
		"scripts/pkg --unsigned --help", "scripts/manuals --help", "scripts/manuals",
	} {
		words := strings.Fields(line)
		printed, err := try(t.Context(), "..", nil, words[0], words[1:]...)
		ended, ok := errors.AsType[*exec.ExitError](err)
		if !ok || ended.ExitCode() != 2 || !strings.HasPrefix(printed, "usage: "+words[0]+" ") {
			t.Errorf("%s: %v\n%s", line, err, printed)
		}
	}
}
