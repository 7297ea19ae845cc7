package portal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// inherited are the environment variables that Company Portal gets from the agent; everything else stays behind.
var inherited = []string{
	"HOME", "USER", "LOGNAME", "PATH", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY",
	"WAYLAND_DISPLAY", "__CF_USER_TEXT_ENCODING", "SSH_AUTH_SOCK",
}

// Environment returns the environment for a program that is started in the user's session: of the agent's own only what
// a session consists of.
func Environment() []string {
	var environment []string
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// start starts the executable with -r in a process group of its own, so that neither what ends the agent's group ends it
// nor the other way round. Its standard streams are /dev/null. The error wraps [ErrNotRunnable].
func start(executable, id string) (*exec.Cmd, error) {
	if !filepath.IsAbs(executable) {
		return nil, fmt.Errorf("%w: %q is not an absolute path", ErrNotRunnable, executable)
	}
	command := exec.Command(executable, "-r")
	command.Env = append(Environment(), registrationVariable+"="+id)
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRunnable, err)
	}
	return command, nil
}
