package keychain

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/command"
)

func script(t *testing.T, text string) securityRunner {
	t.Helper()
	path := filepath.Join(t.TempDir(), "security")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return runTool(command.Security.At(path))
}

func TestRunReturnsWhatWasPrinted(t *testing.T) {
	stdout, stderr, exitCode, err := script(t, `echo "$#: $1, $2"; cat; echo problem >&2; exit 44`)(t.Context(),
		"find it", "-a")
	if err != nil || exitCode != 44 || string(stderr) != "problem\n" || string(stdout) != "2: find it, -a\n" {
		t.Errorf("%q, %q, %d, %v", stdout, stderr, exitCode, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("no answer within reason"))
	defer cancel()
	_, _, _, err := script(t, "exec sleep 600")(ctx)
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no answer within reason") {
		t.Errorf("got %v", err)
	}
}

func TestRunSaysWhyItCouldNotRun(t *testing.T) {
	for name, test := range map[string]struct {
		run  securityRunner
		want error
	}{
		"not there":      {runTool(command.Security.At(filepath.Join(t.TempDir(), "security"))), ErrUnavailable},
		"killed":         {script(t, "kill -9 $$"), ErrUnavailable},
		"endless output": {script(t, "exec yes 0123456789012345678901234567890123456789"), command.ErrTooMuch},
	} {
		if _, _, _, err := test.run(t.Context()); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
