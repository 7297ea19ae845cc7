package ctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"usher.internal/internal/version"
)

// Jamf runs the examples with an empty $3 at startup, and with names that are not a person's during setup or if nobody
// has logged in. Then usherd is to take the user on the console. A policy blocks later ones, so it does not wait long
// by default.
func TestExamplesTakeTheUserOnTheConsole(t *testing.T) {
	directory := t.TempDir()
	calls, exits := filepath.Join(directory, "calls"), filepath.Join(directory, "exits")
	usherctl := filepath.Join(directory, "usherctl")
	stub := "#!/bin/sh\nfor one; do printf '<%s>' \"$one\"; done >>'" + calls + "'\nread -r code <'" + exits +
		"'\nexit \"$code\"\n"
	if err := os.WriteFile(usherctl, []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	// run runs a script that calls usherctl with some arguments.
	run := func(script, user, program, wait string, exits int) (exitCode int, said, called string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(directory, "exits"), []byte(strconv.Itoa(exits)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		arguments := []string{filepath.Join("../docs/examples", script), "/", "Mac", user, wait, program}
		if script == "gather.sh" {
			arguments[4], arguments[5] = program, wait
		}
		command := exec.CommandContext(t.Context(), "/bin/sh", arguments...)
		output, _ := command.CombinedOutput()
		content, err := os.ReadFile(calls)
		if err == nil {
			err = os.Remove(calls)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return command.ProcessState.ExitCode(), string(output), string(content)
	}
	// The account with a person's uid that every Linux has; usherd refuses it, and the script need not know.
	const person = "nobody"
	for script, command := range map[string]string{
		"register.sh": "<register><--user><%s><--wait><--timeout><%s>",
		"gather.sh":   "<gather><--user><%s><--timeout><%s>",
	} {
		for _, user := range []string{"", "root", "loginwindow", "_mbsetupuser", "no-such-account", "-u", "daemon"} {
			code, said, called := run(script, user, usherctl, "", 5)
			if want := fmt.Sprintf(command, "", "2m"); code != 0 || said != "" || called != want {
				t.Errorf("%s with user %q ended with %d, said %q and called %s, want %s", script, user, code, said,
					called, want)
			}
		}
		code, said, called := run(script, person, usherctl, "35m", 7)
		if want := fmt.Sprintf(command, person, "35m"); code != 7 || called != want {
			t.Errorf("%s of a person ended with %d: %s, and called %s, want %s", script, code, said, called, want)
		}
		for exits, want := range map[int]int{0: 0, 5: 0, 6: 0, 10: 0, 3: 3, 12: 12} {
			code, said, _ := run(script, person, usherctl, "", exits)
			if code != want || strings.Contains(said, "continues without this policy") != (exits == 6) {
				t.Errorf("%s ended with %d after %d: %s", script, code, exits, said)
			}
		}
		code, said, _ = run(script, "", filepath.Join(directory, "none"), "", 0)
		if code != 3 || !strings.HasPrefix(said, "usher is not installed") {
			t.Errorf("%s without usher ended with %d: %s", script, code, said)
		}
	}
}

// The extension attribute with which docs/deploy.md finds the Macs to upgrade.
func TestDocumentedVersionAttribute(t *testing.T) {
	document, err := os.ReadFile("../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(document), "```sh\n#!/bin/sh\n# Jamf Pro extension attribute \"Usher Version\"")
	script, _, found := strings.Cut("#"+after, "```")
	if !found {
		t.Fatal("docs/deploy.md has no such script")
	}
	usherctl := filepath.Join(t.TempDir(), "usherctl")
	run := func() string {
		t.Helper()
		changed := strings.Replace(script, "usherctl=/usr/local/usher/usherctl\n", "usherctl='"+usherctl+"'\n", 1)
		output, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", changed).CombinedOutput()
		if err != nil || changed == script {
			t.Errorf("the script: %v: %s", err, output)
		}
		return string(output)
	}
	if got := run(); got != "<result>not installed</result>\n" {
		t.Errorf("without usher it says %s", got)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "grpcnotrace", "-o", usherctl, "../cmd/usherctl")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build usherctl: %v: %s", err, output)
	}
	if want := "<result>usherctl " + version.String() + "</result>\n"; run() != want {
		t.Errorf("it says %s, want %s", run(), want)
	}
}
