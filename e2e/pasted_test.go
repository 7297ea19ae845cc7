//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/internal/documented"
	"usher.internal/internal/errorcode"
	"usher.internal/internal/event"
	"usher.internal/internal/layout"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
)

// onMacsOnly are programs of macOS without a stand-in here; a command with one of them is only read.
var onMacsOnly = []string{"/usr/bin/swcutil", "/usr/sbin/systemsetup"}

// refusedCodes are the exit codes of a wrong command. usherctl has one for wrong usage and one for a missing
// permission. A shell has one for a program that cannot be executed and one for a missing program.
var refusedCodes = []int{2, 4, 126, 127}

// Each command in a table of usher's (states, exit codes, reasons, events, error codes, the fixes of doctor) is pasted
// into a terminal. The terminal belongs to a user of the Mac who is not an admin. No command turns out to be wrong.
func TestCommandsOfTheTablesRunWhenPasted(t *testing.T) {
	s := newStory(t, nil)
	s.withJamf(registerScript, nil)
	s.must(s.Set(map[string]any{"delivery.mode": "api"}))
	s.start()
	jane := s.loggedIn("jane")
	terminal := s.terminalOf(jane)

	commands := s.commandsOfTables()
	ran := 0
	for _, line := range slices.Sorted(maps.Keys(commands)) {
		filled, err := documented.Fill(line, map[string]string{"NAME": jane.Name, "FILE": terminal.file})
		s.must(err)
		calls, err := documented.Calls(filled)
		s.must(err)
		if slices.ContainsFunc(calls,
			func(call documented.Call) bool { return slices.Contains(onMacsOnly, call.Program) }) {
			continue
		}
		// A fix for a fault does not suit a user whose registration is sound: `usherctl clean` refuses to remove that.
		s.control(0, "clean", "--user", jane.Name, "--force", "--yes")
		code, shown := terminal.paste(filled)
		if slices.Contains(refusedCodes, code) {
			t.Errorf("%s: `%s` ended with %d:\n%s", commands[line], line, code, shown)
		}
		ran++
	}
	for _, known := range []string{"usherctl clean --force && usherctl register",
		"sudo /usr/local/usher/usherctl outbox list", "sudo /usr/local/jamf/bin/jamf manage"} {
		if commands[known] == "" {
			t.Errorf("`%s` is in no table", known)
		}
	}
	if ran < 20 {
		t.Errorf("only %d commands were run: %q", ran, slices.Sorted(maps.Keys(commands)))
	}

	// The terminal detects a wrong command.
	for line, want := range map[string]int{"usherctl statsu": 2, "usherctl outbox list": 4, "usherclt status": 127,
		"usherctl explain 66": 0, "usherctl explain 66 | grep -q no-such-text": 1} {
		if code, shown := terminal.paste(line); code != want {
			t.Errorf("`%s` ended with %d, want %d:\n%s", line, code, want, shown)
		}
	}
}

// commandsOfTables returns the commands in usher's tables, each with where it is.
func (s *story) commandsOfTables() map[string]string {
	s.t.Helper()
	commands := map[string]string{}
	add := func(where, text string) {
		for _, one := range documented.Spans(text) {
			if documented.Runs(one) || strings.HasPrefix(one, "sudo ") {
				commands[one] = where
			}
		}
	}
	for _, page := range []string{"states", "exit-codes", "troubleshooting"} {
		content, err := os.ReadFile("../docs/" + page + ".md")
		s.must(err)
		for line := range strings.Lines(string(content)) {
			if strings.HasPrefix(line, "|") {
				add("docs/"+page+".md", line)
			}
		}
	}
	for _, state := range wpj.States() {
		add(string(state.State), state.Meaning+" "+state.Fix)
		if state.Command != "" {
			commands[state.Command] = string(state.State)
		}
	}
	for _, code := range wpj.ExitCodes() {
		add(code.Name, code.Admin+" "+code.User)
	}
	for _, known := range event.All() {
		add(known.Name, known.Advice)
	}
	for _, code := range errorcode.All() {
		add(code.Written(), code.Meaning()+" "+code.Advice)
	}
	for number := range usherv1.FailureReason_name {
		s.addExplained(add, usherv1.FailureReason(number).String(), "FAILURE_REASON_")
	}
	for number := range usherv1.ErrorReason_name {
		s.addExplained(add, usherv1.ErrorReason(number).String(), "ERROR_REASON_")
	}
	return commands
}

// addExplained adds the text of `usherctl explain` for a reason.
func (s *story) addExplained(add func(where, text string), name, prefix string) {
	s.t.Helper()
	if name = strings.TrimPrefix(name, prefix); name != "UNSPECIFIED" {
		// In the form for pages on Macs.
		onMac := strings.NewReplacer(layout.Linux.Control(),
			layout.MacOS.Control())
		add("explain "+name, onMac.Replace(s.control(0, "explain", name).Stdout))
	}
}

// terminal is a window of Terminal on the Mac.
type terminal struct {
	t    *testing.T
	ctx  context.Context
	user *mac.User
	// bin is first in PATH; it has usherctl, and stand-ins for sudo and pbpaste.
	bin  string
	file string
	// places maps the paths of programs on a Mac to their paths here.
	places *strings.Replacer
}

func (s *story) terminalOf(user *mac.User) *terminal {
	s.t.Helper()
	bin := filepath.Join(s.Directory, "bin")
	s.must(os.Mkdir(bin, 0o755))
	control := s.Programs.Command(s.ctx, s.Programs.Control, "--config", s.ConfigFile()).Args
	for name, script := range map[string]string{
		"usherctl": "exec '" + strings.Join(control, "' '") + "' \"$@\"",
		// the window into which a command with sudo is pasted belongs to root
		"sudo":    "[ $(id -u) = 0 ] || exit 1\nexec \"$@\"",
		"pbpaste": "echo 'error -25244'",
	} {
		s.must(os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	t := &terminal{t: s.t, ctx: s.ctx, user: user, bin: bin, file: filepath.Join(s.Directory, "a-file")}
	s.must(os.WriteFile(t.file, nil, 0o666))
	t.places = strings.NewReplacer("/usr/local/usher/usherctl", filepath.Join(bin, "usherctl"),
		"/usr/local/jamf/bin/jamf", s.JamfBinary())
	return t
}

// paste pastes a command line and answers yes to its questions. It returns the exit code and the text on the terminal.
func (t *terminal) paste(line string) (exitCode int, shown string) {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "script", "--quiet", "--return", "--command", t.places.Replace(line), "/dev/null")
	// The input remains open after the typed text: script waits then.
	keyboard, typed, err := os.Pipe()
	if err != nil {
		t.t.Fatal(err)
	}
	defer keyboard.Close()
	defer typed.Close()
	answers := "y\ny\n"
	if strings.Contains(line, "credentials set") {
		answers = jamfpro.DefaultClientSecret + "\r"
	}
	if _, err := typed.WriteString(answers); err != nil {
		t.t.Fatal(err)
	}
	shell.Stdin = keyboard
	shell.Env = []string{"PATH=" + t.bin + ":/usr/bin:/bin", "SHELL=/bin/sh", "TERM=xterm", "HOME=" + t.user.Home}
	shell.Dir = "/"
	if !strings.HasPrefix(line, "sudo ") {
		shell.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: t.user.UID, Gid: t.user.GID}}
	}
	output, err := shell.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited || ctx.Err() != nil {
		t.t.Fatal(fmt.Errorf("paste %s: %w, %w\n%s", line, err, ctx.Err(), output))
	}
	return shell.ProcessState.ExitCode(), string(output)
}
