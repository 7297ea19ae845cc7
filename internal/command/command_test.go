package command_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher.internal/internal/command"
	"usher.internal/internal/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a program with that text.
func script(t *testing.T, text string) command.Command {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return command.Command{Path: path, Deadline: time.Minute, OutputLimit: 1 << 10}
}

func TestRun(t *testing.T) {
	t.Setenv("A_SECRET", "x")
	t.Setenv("HOME", "/home/jane")
	ran, err := script(t, `echo "$#:$1:$2"; env; cat; echo oh >&2; exit 3`).With("one").With("two words").
		Run(t.Context())
	if err != nil || ran.ExitCode != 3 {
		t.Fatalf("%d, %v", ran.ExitCode, err)
	}
	if got := string(ran.Stdout); !strings.HasPrefix(got, "2:one:two words\n") || strings.Contains(got, "A_SECRET") ||
		!strings.Contains(got, "HOME=/home/jane") {
		t.Errorf("printed %q", got)
	}
	if string(ran.Stderr) != "oh\n" {
		t.Errorf("stderr %q", ran.Stderr)
	}
}

// Root's programs find others only where only root can put them, whatever PATH sudo or a service manager has set.
func TestRootHasThePathOfTheSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	t.Setenv("PATH", "/usr/local/bin:/usr/bin:"+t.TempDir())
	ran, err := script(t, "echo $PATH").Run(t.Context())
	if err != nil || string(ran.Stdout) != command.SystemPath+"\n" {
		t.Errorf("%q, %v", ran.Stdout, err)
	}
}

func TestRootRunsNothingThatOthersCanChange(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	theirs, open := script(t, "touch "+ran), script(t, "touch "+ran)
	if err := errors.Join(os.Chown(filepath.Dir(theirs.Path), 65534, 65534),
		os.Chmod(filepath.Dir(open.Path), 0o777)); err != nil {
		t.Fatalf("this test needs root: %v", err)
	}
	for _, program := range []command.Command{theirs, open} {
		if _, err := program.Run(t.Context()); !errors.Is(err, trust.ErrUntrusted) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("an untrusted program was run")
	}
}

func TestWithDoesNotChangeTheList(t *testing.T) {
	before := len(command.AppSSO.Arguments)
	if got := command.AppSSO.With("x", "y"); len(got.Arguments) != before+2 || len(command.AppSSO.Arguments) != before {
		t.Errorf("%v, %v", got.Arguments, command.AppSSO.Arguments)
	}
}

func TestRunFails(t *testing.T) {
	broken, breakOff := context.WithCancelCause(t.Context())
	why := errors.New("the caller has gone")
	breakOff(why)
	for name, test := range map[string]struct {
		program command.Command
		ctx     context.Context
		want    error
	}{
		"missing": {command.Command{Path: filepath.Join(t.TempDir(), "none"), Deadline: time.Minute},
			t.Context(), command.ErrMissing},
		"relative": {command.Command{Path: "sh", Deadline: time.Minute}, t.Context(), command.ErrMissing},
		"too slow": {script(t, "sleep 1000").Within(50 * time.Millisecond), t.Context(), command.ErrTooSlow},
		"ignores SIGTERM": {script(t, "trap '' TERM; sleep 1000 & wait; sleep 1000").Within(50 * time.Millisecond),
			t.Context(), command.ErrTooSlow},
		"prints for ever":    {script(t, "while :; do echo yes; done"), t.Context(), command.ErrTooMuch},
		"prints a byte more": {script(t, `printf '%01025d' 0`), t.Context(), command.ErrTooMuch},
		"killed":             {script(t, "kill -9 $$"), t.Context(), command.ErrKilled},
		"broken off":         {script(t, "sleep 1000"), broken, why},
	} {
		t.Run(name, func(t *testing.T) {
			if ran, err := test.program.Run(test.ctx); !errors.Is(err, test.want) || ran.Stdout != nil {
				t.Errorf("%v, %q", err, ran.Stdout)
			}
		})
	}
}

// A call does not wait for processes that a program leaves behind with its output open. Output that fits the limit is
// complete.
func TestRunDoesNotWaitForWhatWasLeftBehind(t *testing.T) {
	ran, err := script(t, `sleep 1000 & echo fine`).Run(t.Context())
	if err != nil || string(ran.Stdout) != "fine\n" {
		t.Fatalf("%q, %v", ran.Stdout, err)
	}
	exact, err := script(t, `printf '%01024d' 0`).Run(t.Context())
	if err != nil || len(exact.Stdout) != 1024 {
		t.Errorf("%d bytes, %v", len(exact.Stdout), err)
	}
}
