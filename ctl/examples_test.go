package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Jamf runs the examples with $3 empty at startup, and with these names while macOS is being set up or nobody has logged in. A policy
// that fails then for each Mac that starts hides those that fail for a reason.
func TestExamplesAreFineWithNobodyAtTheConsole(t *testing.T) {
	directory := t.TempDir()
	calls := filepath.Join(directory, "calls")
	usherctl := filepath.Join(directory, "usherctl")
	if err := os.WriteFile(usherctl, []byte("#!/bin/sh\necho \"$@\" >>'"+calls+"'\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(script, user string, missing bool) (exitCode int, said string) {
		t.Helper()
		arguments := []string{filepath.Join("../docs/examples", script), "/", "Mac", user}
		program := usherctl
		if missing {
			program = filepath.Join(directory, "none")
		}
		switch script {
		case "register.sh":
			arguments = append(arguments, "1m", program)
		case "gather.sh":
			arguments = append(arguments, program)
		}
		command := exec.CommandContext(t.Context(), "/bin/sh", arguments...)
		output, _ := command.CombinedOutput()
		return command.ProcessState.ExitCode(), string(output)
	}
	for _, script := range []string{"register.sh", "gather.sh"} {
		for _, nobody := range []string{"", "root", "loginwindow", "_mbsetupuser"} {
			for _, missing := range []bool{false, true} {
				if code, said := run(script, nobody, missing); code != 0 || !strings.HasPrefix(said, "nobody is logged in") || strings.Count(said, "\n") != 1 {
					t.Errorf("%s with user %q ended with %d: %s", script, nobody, code, said)
				}
			}
		}
		if _, err := os.Stat(calls); err == nil {
			t.Errorf("%s has called usherctl for nobody", script)
		}
		if code, said := run(script, "jane", false); code != 7 {
			t.Errorf("%s of jane ended with %d: %s", script, code, said)
		}
		if code, said := run(script, "jane", true); code != 3 {
			t.Errorf("%s without usher ended with %d: %s", script, code, said)
		}
		if err := os.Remove(calls); err != nil {
			t.Errorf("%s has not called usherctl for jane: %v", script, err)
		}
	}
}
