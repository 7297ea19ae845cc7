package jamfpro

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/command"
)

// A Mac identifies itself. If there is no ioreg, as under the loader of sim/darwin, the error names it.
func TestThisComputerIsAsked(t *testing.T) {
	which, err := ThisComputer(t.Context())
	if (err == nil) != (which.UDID != "") || err != nil && !strings.Contains(err.Error(), "ioreg") {
		t.Errorf("%+v, %v", which, err)
	}
}

func TestAnswersOfIOReg(t *testing.T) {
	for script, want := range map[string]string{
		"echo '  \"IOPlatformUUID\" = \"0A1B2C3D-0000-4000-8000-00000000BEEF\"'": "",
		"exit 3": "it ended with 3",
		"true":   "hardware UUID of this computer is not known",
	} {
		program := filepath.Join(t.TempDir(), "ioreg")
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		which, err := computerOf(t.Context(), command.IORegistry.At(program))
		if (err == nil) != (want == "") || err == nil && which.UDID != "0A1B2C3D-0000-4000-8000-00000000BEEF" ||
			err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", script, which, err, want)
		}
	}
}
