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

	"usher.internal/internal/command"
	"usher.internal/internal/oneline"
	"usher.internal/internal/processgroup"
	"usher.internal/internal/trust"
)

const (
	// reconTimeout limits one inventory run, which can take many minutes with slow extension attributes.
	reconTimeout = 30 * time.Minute
	// keptOutput is how much of the end of the output is read, in bytes.
	keptOutput = 4 << 10
)

type reconDeliverer struct {
	executable string
	patience   time.Duration
	log        *slog.Logger
}

// Recon returns the deliverer that runs `jamf recon`, whose extension attributes call `usherctl ea`. It does not pass
// on the report itself: inventory is of the whole computer, and usherctl asks the helper.
//
// The executable runs as our own user, root. So only root (or our own user) may be able to change it, and every
// directory and link that leads to it ([trust.Jamf]); any other executable is refused.
func Recon(jamfExecutable string, logger *slog.Logger) Deliverer {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &reconDeliverer{executable: jamfExecutable, patience: reconTimeout, log: logger}
}

// Deliver implements [Deliverer].
func (d *reconDeliverer) Deliver(ctx context.Context, report Report) error {
	executable, err := trust.Jamf.Check(d.executable)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("run jamf recon: %s is not there; Jamf's management framework may be installing; if "+
			"not, enrol this computer or set jamf.executable: %w", d.executable, fs.ErrNotExist)
	case errors.Is(err, trust.ErrUntrusted):
		return &RefusedError{Err: fmt.Errorf("run jamf recon: %w", err)}
	case err != nil:
		return fmt.Errorf("run jamf recon: %w", err)
	}
	return d.run(ctx, executable)
}

// run runs jamf to its end, or until the timeout. When ctx ends because usherd ends, jamf keeps running: an inventory
// can run policies, and one of them may be the upgrade that ends usherd. So jamf writes into a file, which remains
// usable after usherd has ended.
func (d *reconDeliverer) run(ctx context.Context, executable string) error {
	output, err := unnamedFile()
	if err != nil {
		return fmt.Errorf("run jamf recon: %w", err)
	}
	defer output.Close()
	jamf, err := command.Recon.At(executable).Child(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("run jamf recon: %w", err)
	}
	jamf.Env = reconEnvironment
	jamf.Stdout, jamf.Stderr = output, output
	began := time.Now()
	if err := jamf.Start(); err != nil {
		return fmt.Errorf("run jamf recon: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- jamf.Wait() }() // ends with jamf, so it may outlive this call
	patience := time.NewTimer(d.patience)
	defer patience.Stop()
	select {
	case err = <-ended:
	case <-ctx.Done():
		d.log.Info("jamf recon is left running", "pid", jamf.Process.Pid)
		return fmt.Errorf("run jamf recon: %w", ctx.Err())
	case <-patience.C: // jamf starts children, and all of them must end
		// They may have ended meanwhile.
		if err := processgroup.Signal(jamf.Process.Pid, syscall.SIGKILL); err != nil &&
			!errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("run jamf recon: end it after %v: %w", d.patience, err)
		}
		<-ended
		return fmt.Errorf("run jamf recon: ended after %v without a result%s; look for an extension attribute "+
			"that hangs: %w", d.patience, lastLine(output), context.DeadlineExceeded)
	}
	if err == nil {
		d.log.Debug("jamf recon succeeded", "took", time.Since(began))
		return nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("run jamf recon: %v%s; run `jamf recon -verbose` by hand to see more", exit.ProcessState,
			lastLine(output))
	}
	return fmt.Errorf("run jamf recon: %w", err)
}

// unnamedFile is a file that disappears when nobody has it open any more.
func unnamedFile() (*os.File, error) {
	file, err := os.CreateTemp("", "usher-recon-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// lastLine returns `, last line "…"` of the output, or nothing if there was none.
func lastLine(output *os.File) string {
	info, err := output.Stat()
	if err != nil {
		return ""
	}
	end := make([]byte, min(info.Size(), keptOutput))
	if _, err := output.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		return ""
	}
	lines := strings.FieldsFunc(string(end), func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" {
			return fmt.Sprintf(", last line %q", oneline.Of(line, longestError))
		}
	}
	return ""
}
