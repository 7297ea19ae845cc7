package delivery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"usher.internal/internal/oneline"
)

const (
	// reconTimeout bounds one inventory run; with slow extension attributes they are known to take many minutes.
	reconTimeout = 30 * time.Minute
	// reconGrace is how long we wait for the output of processes that outlive jamf.
	reconGrace = 5 * time.Second
	// keptOutput is how much of the output's end is kept, in bytes.
	keptOutput = 4 << 10
)

type reconDeliverer struct {
	executable string
	log        *slog.Logger
}

// Recon returns the deliverer that runs `jamf recon`, whose extension attributes call `usherctl ea`. The report itself is
// not handed over: inventory is of the whole computer, and usherctl asks the helper.
//
// The executable is run as our own user, root, so it must be one that only root (or our own user) can change, along with
// every directory that leads to it; another one is refused.
func Recon(jamfExecutable string, logger *slog.Logger) Deliverer {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &reconDeliverer{executable: jamfExecutable, log: logger}
}

// Deliver implements [Deliverer].
func (d *reconDeliverer) Deliver(ctx context.Context, report Report) error {
	executable, err := TrustedExecutable(d.executable)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("run jamf recon: %s is not there; Jamf's management framework may be being installed, if not, enrol this computer or set jamf.executable: %w", d.executable, fs.ErrNotExist)
	case errors.Is(err, ErrUntrusted):
		return &RefusedError{Err: fmt.Errorf("run jamf recon: %w", err)}
	case err != nil:
		return fmt.Errorf("run jamf recon: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, reconTimeout)
	defer cancel()
	return d.run(ctx, executable)
}

func (d *reconDeliverer) run(ctx context.Context, executable string) error {
	output := &tail{limit: keptOutput}
	command := exec.CommandContext(ctx, executable, "recon")
	command.Dir = "/"
	command.Env = reconEnvironment
	command.Stdout, command.Stderr = output, output
	// jamf starts children; at the end of our patience all of them have to go.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error {
		if err := syscall.Kill(-command.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return os.ErrProcessDone
	}
	command.WaitDelay = reconGrace
	began := time.Now()
	err := command.Run()
	if ctx.Err() != nil && err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("run jamf recon: ended after %v without a result%s; look for an extension attribute that hangs: %w", reconTimeout, output.lastLine(), ctx.Err())
		}
		return fmt.Errorf("run jamf recon: %w", ctx.Err())
	}
	// A process that jamf left behind may keep the output open; jamf itself succeeded.
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		d.log.Debug("jamf recon succeeded", "took", time.Since(began))
		return nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("run jamf recon: %v%s; run `jamf recon -verbose` by hand to see more", exit.ProcessState, output.lastLine())
	}
	return fmt.Errorf("run jamf recon: %w", err)
}

// tail keeps the end of what is written to it. It is used by one writer, and read after that has ended.
type tail struct {
	limit int
	kept  []byte
}

// Write implements [io.Writer].
func (t *tail) Write(written []byte) (int, error) {
	t.kept = append(t.kept, written...)
	if extra := len(t.kept) - t.limit; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(written), nil
}

// lastLine returns `, last line "…"`, or nothing where there was no output.
func (t *tail) lastLine() string {
	lines := strings.FieldsFunc(string(t.kept), func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" {
			return fmt.Sprintf(", last line %q", oneline.Of(line, longestError))
		}
	}
	return ""
}
