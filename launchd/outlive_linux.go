package launchd

import (
	"context"
	"fmt"
	"os"
	"strings"

	"usher.internal/internal/command"
	"usher.internal/internal/layout"
)

// inside reads the control group of this process. Children of a service are in the service's group, even if their
// parent has changed.
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

// Outlive has systemd run a command as its own service and waits for its end. The command continues when this process
// ends. Its output is in the journal of the returned unit.
func Outlive(ctx context.Context, _ layout.Layout, program string, arguments ...string) (where string, exitCode int,
	err error) {
	unit := fmt.Sprintf("usher-install-%d", os.Getpid())
	ran, err := command.SystemdRun.With("--unit="+unit, "--description=install usher", "--", program).
		With(arguments...).Run(ctx)
	return "journalctl --unit " + unit, ran.ExitCode, err
}
