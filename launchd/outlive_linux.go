package launchd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"usher.internal/internal/command"
	"usher.internal/internal/layout"
)

// inside reads in which control group systemd has put us: children of a service are in its own, whoever their parent
// is.
func inside(layout.Layout) bool {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(groups)) {
		for _, unit := range []string{layout.HelperUnit, layout.AgentUnit} {
			if strings.HasSuffix(strings.TrimSpace(line), "/"+unit) {
				return true
			}
		}
	}
	return false
}

// Outlive has systemd run a command as a service of its own and waits for its end. The command goes on when this
// process is ended; its output is in the journal of the returned unit. The error is an [exec.ExitError] where the
// command ended badly.
func Outlive(ctx context.Context, _ layout.Layout, program string, arguments ...string) (where string, err error) {
	unit := fmt.Sprintf("usher-install-%d", os.Getpid())
	run := exec.CommandContext(ctx, "/usr/bin/systemd-run", append([]string{
		"--quiet", "--collect", "--wait", "--no-ask-password", "--unit=" + unit, "--description=install usher", "--",
		program,
	}, arguments...)...)
	run.Env = []string{"PATH=" + command.SystemPath}
	where = "journalctl --unit " + unit
	if err := run.Run(); err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return where, exit
		}
		return where, fmt.Errorf("run systemd-run: %w", err)
	}
	return where, nil
}
