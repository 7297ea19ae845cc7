package processgroup_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"usher.internal/internal/processgroup"
)

// start starts a shell as the leader of its own group, and returns when it has printed a line.
func start(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	command := exec.Command("/bin/sh", "-c", script)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	if _, err := io.ReadFull(output, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return command
}

// waitForZombie returns when the process has ended. It remains a zombie until somebody waits for it.
func waitForZombie(t *testing.T, command *exec.Cmd) {
	t.Helper()
	for { // both systems have ps; Go's darwin calls have no waitid
		output, err := exec.Command("/bin/ps", "-o", "stat=", "-p", strconv.Itoa(command.Process.Pid)).Output()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(strings.TrimSpace(string(output)), "Z") {
			return
		}
	}
}

func TestSignalReachesTheWholeGroup(t *testing.T) {
	command := start(t, "sleep 1000 & echo x; wait")
	if err := processgroup.Signal(command.Process.Pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	_ = command.Wait()
}

// The leader has ended, and nobody has waited for it. Processes that it left behind get the signal. If it left none,
// all have ended.
func TestLeaderThatNobodyHasWaitedFor(t *testing.T) {
	left := start(t, "sleep 1000 >/dev/null & echo x")
	waitForZombie(t, left)
	if err := processgroup.Signal(left.Process.Pid, syscall.SIGKILL); err != nil {
		t.Errorf("processes that the leader left: %v", err)
	}
	_ = left.Wait()

	empty := start(t, "echo x")
	waitForZombie(t, empty)
	// Linux sends the signal to the zombie, which is not an error.
	if err := processgroup.Signal(empty.Process.Pid, syscall.SIGTERM); err != nil &&
		!errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a group of a zombie only: %v", err)
	}
	_ = empty.Wait()
	if err := processgroup.Signal(empty.Process.Pid, syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a group that has ended: %v", err)
	}
}
