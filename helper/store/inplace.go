package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"usher.internal/internal/atomicfile"
)

// errReplaced lets an admin decide which of the two files is the right one.
var errReplaced = errors.New(
	"another file has replaced it while usherd ran: restart usherd to use the new file, or move it away to keep " +
		"the one that is open")

// keepInPlace makes sure that the file at the path is the one that is open. Writes to a removed file are lost at the
// next start. So such a journal is written to its path again, and the next transaction opens it there.
func (s *Store) keepInPlace() error {
	s.opening.RLock()
	defer s.opening.RUnlock()
	if s.db == nil || s.doubtful.Load() {
		return nil // it is opened by its path
	}
	switch _, err := os.Lstat(s.path); {
	case s.isInPlaceLocked():
		return nil
	case err == nil:
		return errReplaced
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	err := s.putBack()
	if errors.Is(err, ErrDamaged) {
		s.doubtful.Store(true) // a new one is begun, and records this
		return nil
	}
	if err != nil {
		return fmt.Errorf("write it again after it was removed: %w", err)
	}
	s.restored = append(s.restored, Damage{At: time.Now(), Restored: true})
	s.doubtful.Store(true)
	return nil
}

// isInPlace reports whether the file at the path is the one that is open.
func (s *Store) isInPlace() bool {
	s.opening.RLock()
	defer s.opening.RUnlock()
	return s.isInPlaceLocked()
}

// isInPlaceLocked is isInPlace for a caller that holds opening.
func (s *Store) isInPlaceLocked() bool {
	if s.file == nil {
		return true // it is opened by its path
	}
	open, err := s.file.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(s.path)
	return err == nil && os.SameFile(open, now)
}

// isGone reports whether nothing is at the path.
func (s *Store) isGone() bool {
	_, err := os.Lstat(s.path)
	return errors.Is(err, fs.ErrNotExist)
}

// lost returns what a new file records about the one before, which is neither at its path nor readable through the open
// file.
func (s *Store) lost() []Damage {
	switch {
	case !s.isGone():
		return nil
	case !s.opened:
		return removedBefore(s.path)
	}
	return []Damage{{At: time.Now(), Exchanged: true,
		Why: "its file was removed while usherd ran, and could not be read any more; its data is lost"}}
}

// putBack writes the open file to the path, where there is none.
func (s *Store) putBack() error {
	return atomicfile.File{Mode: mode, Keep: true}.Write(atomicfile.Path(filepath.Dir(s.path)), filepath.Base(s.path),
		func(file *os.File) error {
			return withoutFaults(func() error {
				tx, err := s.begin(false)
				if err != nil {
					return err
				}
				defer tx.Rollback()
				_, err = tx.WriteTo(file)
				return err
			})
		})
}
