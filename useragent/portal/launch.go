package portal

import (
	"context"
	"fmt"
	"os/exec"

	"usher.internal/internal/command"
)

// start starts the executable with -r in a process group of its own, so a signal to one group does not end the other.
// Its standard streams are /dev/null. The error wraps [ErrNotRunnable].
func start(executable, id string) (*exec.Cmd, error) {
	portal, err := command.Portal.At(executable).Child(context.Background()) // it outlives the agent
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRunnable, err)
	}
	portal.Env = append(portal.Env, registrationVariable+"="+id)
	if err := portal.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRunnable, err)
	}
	return portal, nil
}
