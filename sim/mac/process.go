package mac

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopWithin is the time limit for the end of a process after SIGTERM; then it is killed.
const stopWithin = 15 * time.Second

// Process is a program that runs until it is ended. Its standard error is kept, line by line, and can be waited on.
type Process struct {
	Name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error

	mu    sync.Mutex
	lines []string
	// more is closed and replaced whenever a line comes, and closed for good at the end.
	more chan struct{}
}

// startProcess starts command and follows its standard error, which also goes to tee unless that is nil.
func startProcess(name string, command *exec.Cmd, tee io.Writer) (*Process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	command.Stderr = write
	if command.Stdout == nil {
		command.Stdout = write
	}
	err = command.Start()
	write.Close()
	if err != nil {
		read.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	process := &Process{Name: name, cmd: command, done: make(chan struct{}), more: make(chan struct{})}
	go process.follow(read, tee)
	return process, nil
}

// follow owns the pipe and the wait. No program of usher's lets a child inherit its standard error, so the pipe ends
// with the process.
func (p *Process) follow(read *os.File, tee io.Writer) {
	defer close(p.done)
	defer read.Close()
	for lines := bufio.NewScanner(read); lines.Scan(); {
		if tee != nil {
			fmt.Fprintf(tee, "%s: %s\n", p.Name, lines.Text())
		}
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	p.err = p.cmd.Wait()
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode returns the exit code of the process, -1 for a signal. It blocks until the end.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Log returns the output of the process so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// WaitLog blocks until the process has written a line that contains text, from line number from on. It returns the
// number of the next line. It returns an error when the process or ctx ends first.
func (p *Process) WaitLog(ctx context.Context, text string, from int) (next int, err error) {
	for ended := false; ; {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		for i := from; i < len(lines); i++ {
			if strings.Contains(lines[i], text) {
				return i + 1, nil
			}
		}
		from = max(from, len(lines))
		if ended {
			return 0, fmt.Errorf("%s ended (%v) without writing %q:\n%s", p.Name, p.err, text, p.Log())
		}
		select {
		case <-more:
		case <-p.done:
			ended = true
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for %s to write %q: %w; it wrote:\n%s", p.Name, text, context.Cause(ctx),
				p.Log())
		}
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(signal syscall.Signal) error { return p.cmd.Process.Signal(signal) }

// Kill ends the process as kill -9 does, and waits for its end.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// Stop ends the process with SIGTERM, or with SIGKILL if that does not help, and waits for its end.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.Name, err)
	}
	kill := time.AfterFunc(stopWithin, func() { p.cmd.Process.Kill() })
	<-p.done
	if !kill.Stop() {
		return fmt.Errorf("stop %s: it did not end within %s of SIGTERM", p.Name, stopWithin)
	}
	return nil
}
