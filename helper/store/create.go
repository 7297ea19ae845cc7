package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"usher.internal/internal/atomicfile"
	"usher.internal/internal/trust"
)

// lockWithin is how long [Open] waits for another process that is just ending to unlock the file. lockPause is the
// pause between two attempts.
const (
	lockWithin = time.Second
	lockPause  = 50 * time.Millisecond
)

// mapped is how much of the address space the file has from the start. If the journal outgrows it, one write has to
// wait for all readers to end. 200 registrations with their deliveries take less.
const mapped = 4 << 20

// openFile opens an existing bbolt file. An empty file is initialized if it is fresh, and is damage otherwise. The file
// is locked before it is examined, and bbolt gets the same open file, so that nobody changes it in between.
func openFile(path string, fresh bool) (db *bolt.DB, file *os.File, looked examination, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, nil, looked, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, looked, fmt.Errorf("%w: it is not a file, but %s", ErrDamaged, info.Mode())
	}
	file, err = os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, mode)
	if err != nil {
		return nil, nil, looked, explained(err)
	}
	if err = lock(file, path); err == nil && !fresh {
		looked, err = examine(file)
	}
	if err != nil {
		file.Close()
		return nil, nil, looked, explained(err)
	}
	options := &bolt.Options{InitialMmapSize: mapped, NoStatistics: true}
	options.OpenFile = func(string, int, fs.FileMode) (*os.File, error) { return file, nil }
	err = withoutFaults(func() (err error) {
		db, err = bolt.Open(path, mode, options)
		return err
	})
	switch {
	case err == nil:
	case errors.Is(err, ErrDamaged):
		// bbolt has left it open, and its unreachable mapping would keep the lock.
		return nil, nil, looked, errors.Join(err, unix.Flock(int(file.Fd()), unix.LOCK_UN), file.Close())
	default:
		return nil, nil, looked, explained(err)
	}
	// The journal remains small; growing the file by bbolt's usual 16 MiB would need that much free disk.
	db.AllocSize = 256 << 10
	return db, file, looked, nil
}

// lock locks the open file at path with the lock that bbolt uses, which bbolt then already holds.
func lock(file *os.File, path string) error {
	for deadline := time.Now().Add(lockWithin); ; time.Sleep(lockPause) {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return isAt(file, path)
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("lock: %w", err)
		case time.Now().After(deadline):
			return ErrInUse
		}
	}
}

// isAt returns [ErrInUse] if the process that had the lock has put another file at the path.
func isAt(file *os.File, path string) error {
	locked, err := file.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(locked, now) {
		return errors.Join(ErrInUse, err)
	}
	return nil
}

// create makes the file if there is none, completely or not at all, and returns its mark. The new journal records what
// was found of the one before.
func create(path string, found []Damage) (created mark, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return mark{}, err
	}
	if found == nil {
		found = wasSetAside(path)
	}
	created = newMark()
	name, err := build(path, func(tx *bolt.Tx) error {
		if err := migrate(tx, 0, found); err != nil {
			return err
		}
		return created.put(tx)
	})
	if err != nil {
		return mark{}, err
	}
	defer os.Remove(name)
	if err := created.takeOver(path); err != nil {
		return mark{}, err
	}
	// A link never replaces a file that another process has made meanwhile; a rename does.
	switch err := os.Link(name, path); {
	case errors.Is(err, fs.ErrExist):
		return mark{}, nil
	case err != nil:
		return mark{}, explained(err)
	}
	return created, atomicfile.SyncDirectory(atomicfile.Path(filepath.Dir(path)))
}

// build writes a file beside path, which fill fills in one transaction, and returns its name. The file is renamed to
// the journal once it is complete. bbolt itself would leave an incomplete journal on a full disk or after a power cut,
// and no later start could open it.
func build(path string, fill func(*bolt.Tx) error) (name string, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+unfinishedSuffix)
	if err != nil {
		return "", explained(err)
	}
	name = file.Name()
	complete := false
	defer func() {
		if !complete {
			os.Remove(file.Name())
		}
	}()
	if err := file.Close(); err != nil {
		return "", explained(err)
	}
	db, _, _, err := openFile(name, true)
	if err != nil {
		return "", err
	}
	err = explained(errors.Join(db.Update(fill), db.Close()))
	complete = err == nil
	return name, err
}

// protect refuses a file of another user ([trust.StateFile]). It removes access for others if somebody has widened the
// mode.
func protect(path string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return err // a path that is not a file is damage: see openFile
	}
	if _, err := trust.StateFile.Check(path); err != nil || info.Mode().Perm() == mode {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("protect: %w", err)
	}
	return nil
}

// unfinishedSuffix ends the names of new journals until they get their place.
const unfinishedSuffix = atomicfile.Mark + "*"

// unfinishedFor is the age from which a file is abandoned. A younger one may be that of another process that has just
// started.
const unfinishedFor = time.Minute

// removeUnfinished removes the files of a process that was killed while it wrote a new journal or a mark for path. The
// caller has the journal open, so that no other process writes one for longer.
func removeUnfinished(path string) {
	// The last one is how an earlier version named them.
	for _, suffix := range []string{unfinishedSuffix, markSuffix + unfinishedSuffix, markSuffix + "-*"} {
		left, _ := filepath.Glob(path + suffix) // the only error is a wrong pattern
		for _, name := range left {
			if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > unfinishedFor {
				os.Remove(name) // a file that remains does no harm
			}
		}
	}
}
