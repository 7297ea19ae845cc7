package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"usher.internal/useragent/portal"
)

// killAfter is how long a program may take to end after SIGTERM before it is killed.
const killAfter = 2 * time.Second

// runProgram runs a program in the user's session and returns its exit code. Its standard streams are /dev/null, since what
// it writes may be personal and nothing of it is needed; its environment is what a session consists of. When ctx ends the
// program's process group gets SIGTERM. The error wraps errProgram when it is missing or ended otherwise than by exiting.
func runProgram(ctx context.Context, path string, arguments ...string) (exitCode int, err error) {
	if !filepath.IsAbs(path) {
		return 0, fmt.Errorf("%w: %q is not an absolute path", errProgram, path)
	}
	command := exec.CommandContext(ctx, path, arguments...)
	command.Env = portal.Environment()
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = killAfter
	err = command.Run()
	var exit *exec.ExitError
	switch {
	case err != nil && ctx.Err() != nil:
		return 0, fmt.Errorf("run %s: %w", path, context.Cause(ctx))
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errProgram, err)
	}
	return 0, nil
}
