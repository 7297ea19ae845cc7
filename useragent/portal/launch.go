package portal

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"

	"usher.internal/internal/command"
)

// start starts the executable with -r in a process group of its own, so that neither what ends the agent's group ends
// it nor the other way round. Its standard streams are /dev/null. The error wraps [ErrNotRunnable].
func start(executable, id string) (*exec.Cmd, error) {
	if !filepath.IsAbs(executable) {
		return nil, fmt.Errorf("%w: %q is not an absolute path", ErrNotRunnable, executable)
	}
	portal := exec.Command(executable, "-r")
	portal.Env = append(command.Environment(), registrationVariable+"="+id)
	portal.Dir = "/"
	portal.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := portal.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRunnable, err)
	}
	return portal, nil
}
