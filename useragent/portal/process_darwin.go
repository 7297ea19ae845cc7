package portal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// zombie is SZOMB of <sys/proc.h>: ended, but not waited for.
const zombie = 5

func identify(pid int) (process, error) {
	p, _, err := status(pid)
	return p, err
}

func alive(p process) bool {
	now, state, err := status(p.PID)
	return err == nil && now == p && state != zombie
}

func status(pid int) (p process, state int8, err error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	// For an unused id the kernel returns nothing, and x/sys reports that as EIO.
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.ESRCH) || err == nil && int(info.Proc.P_pid) != pid {
		return process{}, 0, fmt.Errorf("look at process %d: %w", pid, errNoProcess)
	}
	if err != nil {
		return process{}, 0, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return processOf(info), info.Proc.P_stat, nil
}

func processOf(info *unix.KinfoProc) process {
	started := info.Proc.P_starttime
	return process{PID: int(info.Proc.P_pid), Start: fmt.Sprintf("%d.%06d", started.Sec, started.Usec)}
}

func running(executable string) ([]process, error) {
	infos, err := unix.SysctlKinfoProcSlice("kern.proc.uid", os.Getuid())
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	program, programErr := os.Stat(executable)
	var found []process
	for i := range infos {
		if int(infos[i].Proc.P_pid) == os.Getpid() || infos[i].Proc.P_stat == zombie {
			continue
		}
		arguments, ok := argumentsOf(int(infos[i].Proc.P_pid))
		if !ok {
			continue // ended meanwhile
		}
		same := arguments.executable == executable
		if theirs, err := os.Stat(arguments.executable); err == nil && programErr == nil &&
			os.SameFile(theirs, program) {
			same = true
		}
		if same {
			found = append(found, processOf(&infos[i]))
		}
	}
	return found, nil
}

func argumentsOf(pid int) (processArguments, bool) {
	data, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return processArguments{}, false
	}
	return parseProcessArguments(data)
}

// registrationOf does not know the environment of a process that the system protects: the system silently omits it.
func registrationOf(p process) (id string, known bool) {
	arguments, ok := argumentsOf(p.PID)
	if !ok || len(arguments.environment) == 0 {
		return "", false
	}
	for _, variable := range arguments.environment {
		if id, ok := strings.CutPrefix(variable, registrationVariable+"="); ok {
			return id, true
		}
	}
	return "", true
}

// exitWatch is a kqueue with two events: the process's end, and a pipe that wakes wait when its context ends.
type exitWatch struct {
	queue       int
	read, write *os.File
	over        bool
}

func watchExit(pid int) (*exitWatch, error) {
	queue, err := unix.Kqueue()
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	unix.CloseOnExec(queue)
	read, write, err := os.Pipe()
	if err != nil {
		unix.Close(queue)
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	w := &exitWatch{queue: queue, read: read, write: write}
	changes := make([]unix.Kevent_t, 2)
	unix.SetKevent(&changes[0], int(read.Fd()), unix.EVFILT_READ, unix.EV_ADD)
	unix.SetKevent(&changes[1], pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	changes[1].Fflags = unix.NOTE_EXIT
	_, err = unix.Kevent(queue, changes[:1], nil, nil)
	if err == nil {
		_, err = unix.Kevent(queue, changes[1:], nil, nil)
	}
	if errors.Is(err, unix.ESRCH) {
		// A child that has ended but was not waited for still exists, and its end raises no event any more.
		if _, _, statusErr := status(pid); statusErr == nil {
			w.over = true
			return w, nil
		}
		err = errNoProcess
	}
	if err != nil {
		w.close()
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	return w, nil
}

func (w *exitWatch) wait(ctx context.Context) error {
	if w.over {
		return nil
	}
	stop := context.AfterFunc(ctx, func() {
		_ = w.write.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = w.write.Write([]byte{0})
	})
	defer stop()
	events := make([]unix.Kevent_t, 2)
	for {
		n, err := unix.Kevent(w.queue, nil, events, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for end of process: %w", err)
		}
		for _, event := range events[:n] {
			if event.Filter == unix.EVFILT_PROC {
				return nil
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

func (w *exitWatch) close() {
	w.read.Close()
	w.write.Close()
	unix.Close(w.queue)
}
