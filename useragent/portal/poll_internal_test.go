package portal

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"syscall"
	"testing"

	"usher.internal/internal/wpj"
)

// unwatched starts a program as a child whose end cannot be watched. Named says whether it can be identified.
func unwatched(t *testing.T, named bool, program string, arguments ...string) *run {
	t.Helper()
	command := exec.Command(program, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	child := process{PID: command.Process.Pid}
	if named {
		var err error
		if child, err = identify(child.PID); err != nil {
			t.Fatal(err)
		}
	}
	r := newRun(New(Config{StateDirectory: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}),
		record{RegistrationID: "r", Process: child})
	r.command, r.alive = command, true
	return r
}

func TestUnwatchedChildIsLetGoOf(t *testing.T) {
	r := unwatched(t, true, "/bin/sleep", "60")
	defer func() {
		r.command.Process.Kill()
		r.command.Wait()
	}()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrClosed)
	if exit, err := r.waitForExit(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, %v", exit, err)
	}
	if !r.isAlive() {
		t.Error("it counts as ended")
	}
}

func TestEndOfUnwatchedChildIsTold(t *testing.T) {
	for name, named := range map[string]bool{"named": true, "not named": false} {
		exit, err := unwatched(t, named, "/bin/sh", "-c", "exit 66").waitForExit(t.Context())
		if err != nil || exit.Code == nil || *exit.Code != wpj.ExitRegistrationDeviceCapError {
			t.Errorf("%s: got %v, %v", name, exit, err)
		}
	}
}

// A child that has ended and that nobody has waited for cannot be signalled. That is not an error, so it is not logged
// as one.
func TestStopOfAChildThatHasJustEnded(t *testing.T) {
	var log bytes.Buffer
	r := unwatched(t, true, "/bin/sh", "-c", "exit 0")
	r.runner.logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
	if err := r.pollExit(t.Context()); err != nil { // it is a zombie then
		t.Fatal(err)
	}
	r.stop()
	r.markEnded()
	if err := r.command.Wait(); err != nil {
		t.Error(err)
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}
}
