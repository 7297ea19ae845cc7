// Package logfile writes a log to a file that is rotated under it: by newsyslog, which moves the file away, or by
// itself at a limit.
package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"

	"usher.internal/internal/trust"
)

// File is a log. Its methods may be called from several goroutines.
type File struct {
	path  string
	limit int64

	crashes bool

	mu   sync.Mutex
	file *os.File
	size int64
}

// Open opens the log at path for appending, and makes it and its directory if need be: readable by root and admins for
// root, see [AdminGroup], and only by oneself for anybody else. Root's log is closed to others if it is not, and so are
// the folder and the rotated files, if the folder is usher's own. A symbolic link at path is not followed.
//
// With a limit, in bytes, the log is renamed to path with ".1" when it would grow beyond it, which replaces the one
// before. Without, somebody else rotates it: a log that was moved away is begun anew at the next write.
func Open(path string, limit int64) (*File, error) {
	f := &File{path: path, limit: limit}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}

func (f *File) open() error {
	directory, mode := fs.FileMode(0o700), fs.FileMode(0o600)
	if os.Geteuid() == 0 {
		directory, mode = 0o755, rootFile
	}
	if err := makeDirectory(filepath.Dir(f.path), directory); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, mode)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", f.path)
	}
	if err == nil {
		err = closeToUsers(file, info)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if f.file != nil {
		f.file.Close() // nothing is buffered in it
	}
	f.file, f.size = file, info.Size()
	if f.crashes {
		return debug.SetCrashOutput(file, debug.CrashOptions{})
	}
	return nil
}

// makeDirectory makes the directory if need be. Root's log is in a directory that only root can change
// ([trust.LogDirectory]). Usher's own is closed to users.
func makeDirectory(path string, mode fs.FileMode) error {
	if os.Geteuid() != 0 {
		return os.MkdirAll(path, mode)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if !isOwnFolder(path) {
		return trust.LogDirectory.MakeDirectory(path, mode)
	}
	if err := trust.LogDirectory.MakeDirectory(path, rootFolder); err != nil {
		return err
	}
	return Tighten(path, AdminGroup(runtime.GOOS))
}

// TakeCrashes has the Go runtime write into the log, besides to standard error, what it says when this process crashes.
// It is for one log of a process.
func (f *File) TakeCrashes() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashes = true
	return debug.SetCrashOutput(f.file, debug.CrashOptions{})
}

// Write implements [io.Writer]: one call is one entry, and stands whole in one file. An error is of this entry alone;
// the next one is tried again.
func (f *File) Write(entry []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.limit > 0 && f.size > 0 && f.size+int64(len(entry)) > f.limit {
		if err := os.Rename(f.path, f.path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("rotate log: %w", err)
		}
	}
	if f.moved() {
		if err := f.open(); err != nil {
			return 0, fmt.Errorf("open log anew: %w", err)
		}
	}
	n, err := f.file.Write(entry)
	f.size += int64(n)
	return n, err
}

// moved tells whether path leads elsewhere than to what we write to.
func (f *File) moved() bool {
	ours, err := f.file.Stat()
	if err != nil {
		return true
	}
	there, err := os.Lstat(f.path)
	return err != nil || !os.SameFile(ours, there)
}

// Close closes the log.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}
