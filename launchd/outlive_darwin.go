package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"usher.internal/internal/command"
	"usher.internal/internal/layout"
	"usher.internal/internal/trust"
)

// inside looks for one of our services among the ancestors of this process. Nobody has run this on a Mac yet.
func inside(layout layout.Layout) bool {
	const farEnough = 64 // generations; a process whose parent has ended is launchd's child
	pid := os.Getppid()
	for range farEnough {
		if pid <= 1 {
			return false
		}
		switch executableOf(pid) {
		case layout.Helper(), layout.Agent():
			return true
		}
		info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
		if err != nil {
			return false
		}
		pid = int(info.Eproc.Ppid)
	}
	return false
}

// executableOf returns the path with which a process was started: the text after the count of arguments in
// KERN_PROCARGS2.
func executableOf(pid int) string {
	arguments, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil || len(arguments) < 4 {
		return ""
	}
	path, _, _ := bytes.Cut(arguments[4:], []byte{0})
	return filepath.Clean(string(path))
}

// Outlive runs a command in its own session and waits for its end. launchd ends the process group of a job. The command
// is not in that group, so it continues when this process ends. Its output is in the returned file. Nobody has run this
// on a Mac yet.
func Outlive(ctx context.Context, layout layout.Layout, program string, arguments ...string) (where string,
	exitCode int, err error) {
	// Like the package's postinstall: for root and admins. A new file should get their group from /Library/Logs.
	if err := trust.LogDirectory.MakeDirectory(layout.LogDirectory, 0o750); err != nil {
		return "", 0, err
	}
	where = filepath.Join(layout.LogDirectory, "install.log")
	log, err := os.OpenFile(where, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o640)
	if err != nil {
		return "", 0, err
	}
	defer log.Close()
	run, err := command.Command{Path: program}.With(arguments...).Child(context.WithoutCancel(ctx))
	if err != nil {
		return "", 0, err
	}
	run.Stdout, run.Stderr = log, log
	run.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = run.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return where, exit.ExitCode(), nil
	}
	if err != nil {
		return where, 0, fmt.Errorf("run %s: %w", program, err)
	}
	return where, 0, nil
}
