// Package command is the one list of the external programs that usher runs, with their absolute paths, and the one way
// to run them. [Command.Run] gives a program a clean environment, no input, a deadline and a limit on its output.
//
// [Command.Child] is for a program that its caller follows. It has the same path, the same check of who can change the
// program, and the directory and environment of Run, but no deadline or limit. Its users are:
//   - Company Portal (useragent/portal) waits for a person. It outlives its agent, whose successor follows it.
//   - `jamf recon` (helper/delivery) outlives usherd, because an upgrade of usher can be one of its policies. It has
//     its own deadline, and an environment that does not depend on how usherd was started.
//   - usherctl runs as a child when an installation must outlive usher's own service (launchd on macOS).
//   - ssh (ctl) talks with usherctl for as long as its caller likes. It has the caller's environment, directory and
//     terminal, so that keys, agents and passwords work.
//
// Lint refuses other ways (forbidigo in .golangci.yml). One exception remains: github.com/kardianos/service itself runs
// launchctl or systemctl to install and remove usherd's definition.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"usher.internal/internal/processgroup"
	"usher.internal/internal/trust"
)

// The errors of [Command.Run].
var (
	// ErrMissing says that the program does not exist or cannot be run.
	ErrMissing = errors.New("program is missing or cannot be run")
	// ErrTooSlow says that it did not end before its deadline.
	ErrTooSlow = errors.New("program did not end in time")
	// ErrTooMuch says that it printed more than its limit.
	ErrTooMuch = errors.New("program printed too much")
	// ErrKilled says that a signal ended it that was not ours.
	ErrKilled = errors.New("program was killed")
)

// SystemPath is the PATH of everything that root runs. Only root can write to its directories. It does not contain
// /usr/local/bin, because Homebrew gives that to a user on Macs with an Intel processor.
const SystemPath = "/usr/bin:/bin:/usr/sbin:/sbin"

// killAfter is how long a program may take to end after SIGTERM before it is killed. It is also how long others may
// hold its pipes open.
const killAfter = 2 * time.Second

// stderrLimit is how much of stderr is kept, in bytes; the rest is dropped.
const stderrLimit = 16 << 10

// Command is one program with its arguments.
type Command struct {
	Path      string
	Arguments []string
	// Deadline is the longest time for a run.
	Deadline time.Duration
	// OutputLimit is how many bytes it may print; 0 drops everything.
	OutputLimit int

	credential *syscall.Credential
	variables  []string
}

// At returns the command with another path.
func (c Command) At(path string) Command {
	c.Path = path
	return c
}

// With returns the command with further arguments.
func (c Command) With(arguments ...string) Command {
	c.Arguments = slices.Concat(c.Arguments, arguments)
	return c
}

// Within returns the command with another deadline.
func (c Command) Within(deadline time.Duration) Command {
	c.Deadline = deadline
	return c
}

// As returns the command run by another user, with variables (NAME=value) added to its environment. Only root can run
// it. From our own environment it gets only LANG, with [SystemPath] as PATH.
func (c Command) As(uid, gid uint32, variables ...string) Command {
	c.credential = &syscall.Credential{Uid: uid, Gid: gid}
	c.variables = variables
	return c
}

// Output is the result of a program that has ended.
type Output struct {
	ExitCode int
	Stdout   []byte
	// Stderr is the beginning of its stderr.
	Stderr []byte
}

// Child returns the program as a process in its own group, which the caller starts, waits for and ends. It is killed
// when ctx ends. Its streams are /dev/null. The error wraps [ErrMissing] or [trust.ErrUntrusted].
func (c Command) Child(ctx context.Context) (*exec.Cmd, error) {
	if !filepath.IsAbs(c.Path) {
		return nil, fmt.Errorf("run %q: %w: the path is not absolute", c.Path, ErrMissing)
	}
	resolved, err := c.trusted()
	if errors.Is(err, trust.ErrUntrusted) {
		return nil, fmt.Errorf("run %s: %w", c.Path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: %w: %w", c.Path, ErrMissing, err)
	}
	child := exec.CommandContext(ctx, c.Path, c.Arguments...)
	child.Path = resolved // its name in the arguments does not change
	child.Env = c.environment()
	child.Dir = "/"
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.credential}
	return child, nil
}

// Run runs the program in its own process group and returns its result. An exit code that is not 0 is not an error.
// When the deadline or ctx ends, the group gets SIGTERM and then SIGKILL. The error wraps one of this package's errors,
// is ctx's error, or wraps [trust.ErrUntrusted]: root runs only programs that nobody else can change ([trust.Program]),
// and with [SystemPath]. The error never contains the program's output.
func (c Command) Run(ctx context.Context) (Output, error) {
	limited, cancel := context.WithTimeout(ctx, c.Deadline)
	defer cancel()
	command, err := c.Child(limited)
	if err != nil {
		return Output{}, err
	}
	command.Cancel = func() error { return processgroup.Signal(command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = killAfter
	stdout, stderr := &limitedBuffer{limit: c.OutputLimit, strict: true}, &limitedBuffer{limit: stderrLimit}
	if c.OutputLimit > 0 {
		command.Stdout, command.Stderr = stdout, stderr
	}
	err = command.Run()
	if command.Process != nil {
		// Processes that it started and left behind end with it.
		_ = processgroup.Signal(command.Process.Pid, syscall.SIGKILL)
	}
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case stdout.overflowed:
		return Output{}, fmt.Errorf("run %s: %w: more than %d bytes", c.Path, ErrTooMuch, c.OutputLimit)
	case ctx.Err() != nil && err != nil:
		return Output{}, fmt.Errorf("run %s: %w", c.Path, context.Cause(ctx))
	case limited.Err() != nil && err != nil:
		return Output{}, fmt.Errorf("run %s: %w: %s", c.Path, ErrTooSlow, c.Deadline)
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil // it has ended, but a process that it started kept its output open
	case exited && !exit.Exited():
		return Output{}, fmt.Errorf("run %s: %w: %s", c.Path, ErrKilled, exit.ProcessState)
	case err != nil && !exited:
		return Output{}, fmt.Errorf("run %s: %w: %w", c.Path, ErrMissing, err)
	}
	return Output{ExitCode: command.ProcessState.ExitCode(), Stdout: stdout.content, Stderr: stderr.content}, nil
}

// trusted returns the path of the program. A program that runs as another user has only that user's rights.
func (c Command) trusted() (string, error) {
	if os.Geteuid() != 0 || c.credential != nil {
		return c.Path, nil
	}
	resolved, err := trust.Program.Check(c.Path)
	if refused, ok := errors.AsType[*trust.Error](err); ok && refused.Reason == trust.Kind {
		return "", syscall.EACCES // the kernel's error for a directory and for a file that is not executable
	}
	return resolved, err
}

// limitedBuffer keeps at most limit bytes. Beyond them a strict one fails, which ends the program's output; others drop
// the rest.
type limitedBuffer struct {
	limit      int
	strict     bool
	content    []byte
	overflowed bool
}

// Write implements io.Writer.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	kept := min(len(p), b.limit-len(b.content))
	b.content = append(b.content, p[:kept]...)
	if kept < len(p) && b.strict {
		b.overflowed = true
		return kept, ErrTooMuch
	}
	return len(p), nil
}

// inherited are the environment variables that describe a session; all others are left out.
var inherited = []string{
	"HOME", "USER", "LOGNAME", "PATH", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY",
	"WAYLAND_DISPLAY", "__CF_USER_TEXT_ENCODING", "SSH_AUTH_SOCK",
}

func (c Command) environment() []string {
	var environment []string
	for _, name := range inherited {
		if c.credential != nil && name != "PATH" && name != "LANG" {
			continue
		}
		value, ok := os.LookupEnv(name)
		if name == "PATH" && os.Geteuid() == 0 { // whatever sudo or a service manager has set
			value, ok = SystemPath, true
		}
		if ok {
			environment = append(environment, name+"="+value)
		}
	}
	return append(environment, c.variables...)
}
