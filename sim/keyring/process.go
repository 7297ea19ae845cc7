package keyring

import (
	"bytes"
	"cmp"
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
const stopWithin = 5 * time.Second

// past is a deadline that is over.
var past = time.Unix(1, 0)

// process is a program of the session. One goroutine waits for the process, and stop waits for that goroutine.
type process struct {
	name    string
	command *exec.Cmd
	// done is closed at the end; err is the process's result, to be read after that.
	done chan struct{}
	err  error
	// wrote is its output on standard error.
	wrote lockedBuffer

	stopping sync.Once
	stopErr  error
}

// run starts a program as the user, in an environment that names only the session.
func (k *Keyring) run(name string, stdin io.Reader, stdout *os.File, arguments ...string) (*process, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, ErrMissing)
	}
	p := &process{name: name, done: make(chan struct{})}
	p.command = exec.Command(path, arguments...)
	p.command.Env = append(k.Environment(), "PATH=/usr/bin:/bin", "LANG=C.UTF-8")
	p.command.Dir = "/"
	p.command.Stdin, p.command.Stderr = stdin, &p.wrote
	if stdout != nil {
		p.command.Stdout = stdout
	}
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if k.options.UID != uint32(os.Getuid()) {
		p.command.SysProcAttr.Credential = &syscall.Credential{Uid: k.options.UID, Gid: k.options.GID}
	}
	// A child of the process can still have standard error open.
	p.command.WaitDelay = stopWithin
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		p.err = p.command.Wait()
	}()
	return p, nil
}

// stop ends the process and waits for its end; a second call has the same result. An end by a signal is not an error,
// but an end before stop is one.
func (p *process) stop() error {
	p.stopping.Do(func() { p.stopErr = p.end() })
	return p.stopErr
}

func (p *process) end() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended by itself: %w%s", p.name, cmp.Or(p.err, errors.New("exit status 0")), p.remarks())
	default:
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	_ = p.resume() // a suspended process does not end
	kill := time.AfterFunc(stopWithin, func() { _ = p.command.Process.Kill() })
	<-p.done
	if !kill.Stop() {
		return fmt.Errorf("stop %s: it did not end within %s of SIGTERM%s", p.name, stopWithin, p.remarks())
	}
	return nil
}

func (p *process) suspend() error { return p.command.Process.Signal(syscall.SIGSTOP) }

func (p *process) resume() error { return p.command.Process.Signal(syscall.SIGCONT) }

// remarks returns the output of the process, as an addition to an error.
func (p *process) remarks() string {
	if text := strings.TrimSpace(p.wrote.String()); text != "" {
		return "; it wrote: " + text
	}
	return ""
}

// lockedBuffer can be read while the goroutine that copies standard error writes to it.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
