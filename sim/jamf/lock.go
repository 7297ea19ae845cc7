package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// lockRecon takes the lock that lets one recon run at a time; closing the file, or the end of the process, releases it.
// It blocks while another one runs, and says so.
func (m *mac) lockRecon() (*os.File, error) {
	lock, err := os.OpenFile(m.LockFile, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock recon: %w", err)
	}
	err = flock(lock, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		// The owner is only for the message; the form of the message is (?).
		holder, _ := io.ReadAll(lock)
		m.say("Another inventory update is running (PID %s), waiting for it...", strings.TrimSpace(string(holder)))
		err = flock(lock, unix.LOCK_EX)
	}
	if err == nil {
		err = errors.Join(lock.Truncate(0), writePID(lock))
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock recon: %w", err)
	}
	return lock, nil
}

func flock(file *os.File, how int) error {
	for {
		if err := unix.Flock(int(file.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func writePID(file *os.File) error {
	_, err := file.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return err
}
