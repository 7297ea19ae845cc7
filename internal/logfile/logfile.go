// Package logfile writes a log to a file that is rotated while it is open. newsyslog rotates it by moving the file
// away, or the package itself rotates it at a limit.
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

// Open opens the log at path for appending, and creates it and its directory if necessary. Root's log is readable by
// root and admins, see [AdminGroup]; any other user's log only by that user. If others can read root's log, Open
// removes that access. It does the same for the folder and the rotated files, if the folder is usher's own. A symbolic
// link at path is not followed.
//
// With a limit, in bytes, a log that would grow beyond it is renamed to path with ".1", which replaces the earlier one.
// Without a limit, another program rotates the log: if it was moved away, the next write creates a new one.
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
		err = fmt.Errorf("%s is not a regular file", f.path)
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

// makeDirectory creates the directory if necessary. Root's log is in a directory that only root can change
// ([trust.LogDirectory]). Users cannot open usher's own directory.
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

// TakeCrashes makes the Go runtime write its crash report of this process into the log too, in addition to standard
// error. A process may call it for one log.
func (f *File) TakeCrashes() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashes = true
	return debug.SetCrashOutput(f.file, debug.CrashOptions{})
}

// Write implements [io.Writer]: one call is one entry, which is written whole into one file. An error concerns only
// this entry; the next write tries again.
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
			return 0, fmt.Errorf("open log again: %w", err)
		}
	}
	n, err := f.file.Write(entry)
	f.size += int64(n)
	return n, err
}

// moved reports whether path leads to another file than the open one.
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
