package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"usher.internal/internal/trust"
)

// lockWithin is how long [Open] waits for another process, one that is just ending, to let go of the file.
const lockWithin = time.Second

// mapped is how much of the address space the file has from the start. A journal that outgrows it waits, once, for those
// who read to end before it can be written; 200 registrations with their deliveries take less.
const mapped = 4 << 20

// openFile opens a file of bbolt's, or makes it.
func openFile(path string) (*bolt.DB, error) {
	var file *os.File
	options := &bolt.Options{Timeout: lockWithin, InitialMmapSize: mapped, NoStatistics: true}
	options.OpenFile = func(path string, flag int, mode fs.FileMode) (_ *os.File, err error) {
		file, err = os.OpenFile(path, flag, mode)
		return file, err
	}
	var db *bolt.DB
	err := withoutFaults(func() (err error) {
		db, err = bolt.Open(path, mode, options)
		return err
	})
	switch {
	case err == nil:
	case errors.Is(err, ErrDamaged):
		// bbolt has left it open, and its mapping, which cannot be reached, would keep the lock.
		return nil, errors.Join(err, unix.Flock(int(file.Fd()), unix.LOCK_UN), file.Close())
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrInUse
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum),
		strings.Contains(err.Error(), "file size too small"):
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	default:
		return nil, explained(err)
	}
	// The journal stays small; growing the file by bbolt's usual 16 MiB would ask for that much free disk.
	db.AllocSize = 256 << 10
	return db, nil
}

// create makes the file where there is none, wholly or not at all: it gets its name once it is complete. bbolt alone would
// leave a beginning of it on a full disk or after a power cut, which no later start could open.
func create(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return explained(err)
	}
	defer os.Remove(file.Name())
	if err := file.Close(); err != nil {
		return explained(err)
	}
	db, err := openFile(file.Name())
	if err != nil {
		return err
	}
	if err := errors.Join(migrate(db), db.Close()); err != nil {
		return err
	}
	// A link, other than a rename, never replaces a file that another process has made meanwhile.
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return explained(err)
	}
	return syncDirectory(filepath.Dir(path))
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}

// protect refuses a file of another user ([trust.StateFile]), and takes away what a mode that somebody widened gives to others.
func protect(path string) error {
	if _, err := trust.StateFile.Check(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() == mode {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("protect: %w", err)
	}
	return nil
}
