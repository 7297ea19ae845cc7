package portal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var bootID = sync.OnceValue(func() string {
	content, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // "" only makes the name of a process less exact
	return strings.TrimSpace(string(content))
})

func identify(pid int) (process, error) {
	p, _, err := status(pid)
	return p, err
}

func alive(p process) bool {
	now, state, err := status(p.PID)
	return err == nil && now == p && state != "Z" && state != "X"
}

// status reads /proc/PID/stat. The name of the program, in parentheses, may contain anything. The state is the field
// after it. The start time, in clock ticks since the system's start, is the 20th field after it.
func status(pid int) (p process, state string, err error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return process{}, "", fmt.Errorf("look at process %d: %w", pid, errNoProcess)
	}
	if err != nil {
		return process{}, "", fmt.Errorf("look at process %d: %w", pid, err)
	}
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	if len(fields) < 20 {
		return process{}, "", fmt.Errorf("look at process %d: /proc/%d/stat is of an unknown form", pid, pid)
	}
	return process{PID: pid, Start: bootID() + " " + fields[19]}, fields[0], nil
}

func running(executable string) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	program, programErr := os.Stat(executable)
	var found []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		directory, err := os.Stat(filepath.Join("/proc", entry.Name()))
		if err != nil || int(directory.Sys().(*syscall.Stat_t).Uid) != os.Getuid() {
			continue
		}
		// The link leads to the very file, even if it has another name by now; its text still has the path of a file
		// that an update has replaced.
		link := filepath.Join("/proc", entry.Name(), "exe")
		theirs, err := os.Stat(link)
		same := err == nil && programErr == nil && os.SameFile(theirs, program)
		if text, err := os.Readlink(link); err == nil && strings.TrimSuffix(text, " (deleted)") == executable {
			same = true
		}
		if !same {
			continue
		}
		if p, state, err := status(pid); err == nil && state != "Z" && state != "X" {
			found = append(found, p)
		}
	}
	return found, nil
}

func registrationOf(p process) (id string, known bool) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
	if err != nil {
		return "", false
	}
	for variable := range strings.SplitSeq(string(content), "\x00") {
		if id, ok := strings.CutPrefix(variable, registrationVariable+"="); ok {
			return id, true
		}
	}
	return "", true
}

// exitWatch is a pidfd, which becomes readable when its process ends.
type exitWatch struct{ file *os.File }

func watchExit(pid int) (*exitWatch, error) {
	descriptor, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		err = errNoProcess
	}
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	return &exitWatch{os.NewFile(uintptr(descriptor), "pidfd")}, nil
}

func (w *exitWatch) wait(ctx context.Context) error {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for end of process: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = raw.Read(func(descriptor uintptr) bool {
		state := []unix.PollFd{{Fd: int32(descriptor), Events: unix.POLLIN}}
		ready, err := unix.Poll(state, 0)
		return err == nil && ready == 1
	})
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("wait for end of process: %w", err)
	}
	return nil
}

func (w *exitWatch) close() { w.file.Close() }
