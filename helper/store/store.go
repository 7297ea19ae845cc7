// Package store keeps the data that must outlive the helper. It is bbolt with a schema version, typed buckets, and
// errors that say why a write is not possible. It does not know what the data means.
//
// [Open] opens the file, [Store.Update] is one transaction that is on disk when it returns, and a [Bucket] holds values
// of one type. A commit that fails loses no earlier data, and the store remains usable.
package store

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"usher.internal/internal/notice"
	"usher.internal/internal/oneline"
)

// The errors that callers decide on.
var (
	// ErrFull is wrapped when the disk has no room for a commit, or the owner of the file has no quota left.
	ErrFull = errors.New("no space left for the journal")
	// ErrUnwritable is wrapped by every commit that did not reach the disk, also on a full disk.
	ErrUnwritable = errors.New("journal cannot be written")
	// ErrInUse is wrapped by [Open] when another process has the file open.
	ErrInUse = errors.New("journal in use by another process")
	// ErrDamaged is wrapped by [Open] for a file that is no longer a journal, because it was cut short or overwritten.
	// It is also wrapped by every call that finds a part that cannot be read.
	ErrDamaged = errors.New("journal is damaged")
	// ErrNewerSchema is wrapped by [Open] for a file that a newer version wrote; the file is not changed.
	ErrNewerSchema = errors.New("journal written by a newer version")
)

var errClosed = errors.New("journal is closed")

// longestWhy is the maximum length of the reason why a journal was set aside, in characters.
const longestWhy = 300

// mode is that of the file: it holds which user registered which device.
const mode = 0o600

// Store is an open file. It is safe for concurrent use.
type Store struct {
	path    string
	replace bool
	found   func([]Damage)

	// opening is held for reading during each transaction, and for writing while the file is opened again. It guards
	// closed, db and file; the latter two are nil after the file could not be opened again.
	opening sync.RWMutex
	db      *bolt.DB
	file    *os.File
	closed  bool
	// opened is true once the file was open.
	opened bool

	// beginning is held while a transaction begins. It guards stuck, which is true after a fault while bbolt began one:
	// bbolt keeps its locks then.
	beginning sync.Mutex
	stuck     bool
	// doubtful is true after a part could not be read: the next transaction examines the file first.
	doubtful atomic.Bool

	// writing is held during a commit and the record of its result, so that the results are recorded in the order of
	// the commits. It guards restored, which the next commit records.
	writing  sync.Mutex
	restored []Damage

	generation atomic.Uint64

	mu         sync.Mutex
	writeError error
	// written is the mark of the newest commit, the zero mark before the file was open.
	written mark
	// changed is sent after each commit, and reopened when the file was opened again.
	changed, reopened notice.Broadcast
}

// Open opens the file at path, or makes it with mode 0600 in a directory that must exist, and brings it to the present
// schema. It waits up to a second for another process to unlock the file. It reads all of it once, so that damage is
// found now and not in the middle of a registration. A value that cannot be read is set aside ([Store.Damages]). The
// errors wrap [ErrInUse], [ErrDamaged], [ErrNewerSchema] and [ErrFull].
func Open(path string) (*Store, error) { return open(&Store{path: path, found: func([]Damage) {}}) }

// OpenOrReplace opens the file as [Open] does. A file that is damaged as a whole is set aside ([SetAside]) and replaced
// by a new one, now or whenever the damage is found later. found receives the damage. It must not use the store, which
// waits for it.
func OpenOrReplace(path string, found func([]Damage)) (*Store, error) {
	return open(&Store{path: path, found: found, replace: true})
}

func open(s *Store) (*Store, error) {
	err := s.open()
	if err != nil {
		return nil, err
	}
	return s, nil
}

// open opens the file. The caller holds opening, or is the only one that has the store.
func (s *Store) open() error {
	lost := s.lost()
	found, err := s.openExisting(lost)
	if found == nil {
		found = lost
	}
	if s.replace && errors.Is(err, ErrDamaged) {
		aside, asideError := SetAside(s.path)
		if asideError != nil {
			return fmt.Errorf("open journal %s: %w", s.path, errors.Join(err, asideError))
		}
		whole := []Damage{{At: time.Now(), File: aside, Why: oneline.Of(err.Error(), longestWhy)}}
		if _, err = s.openExisting(whole); err == nil {
			found = whole
		}
	}
	if err != nil {
		return fmt.Errorf("open journal %s: %w", s.path, err)
	}
	if len(found) > 0 {
		s.found(found)
	}
	return nil
}

// openExisting opens the file, or makes it and records in it what was found of the one before.
func (s *Store) openExisting(before []Damage) (found []Damage, err error) {
	for {
		created, err := create(s.path, before)
		if err == nil {
			err = protect(s.path)
		}
		if err != nil {
			return nil, err
		}
		db, file, looked, err := openFile(s.path, false)
		if err != nil {
			return nil, err
		}
		if created != (mark{}) {
			s.setWritten(created)
		}
		var present mark
		var setAside []Damage
		var rebuilt bool
		err = withoutFaults(func() (err error) {
			present, setAside, rebuilt, err = settle(db, s.path, looked, s.expected())
			return err
		})
		if err == nil {
			s.setWritten(present)
		}
		switch {
		case err != nil:
			return nil, errors.Join(err, db.Close())
		case !rebuilt:
			s.db, s.file, s.opened = db, file, true
			_ = present.writeBeside(s.path) // it is written again after each commit
			removeUnfinished(s.path)
			return found, nil
		case found != nil:
			return nil, errors.Join(fmt.Errorf("%w: it was damaged again while it was opened", ErrDamaged), db.Close())
		}
		if found = setAside; found == nil {
			found = []Damage{}
		}
		if err := db.Close(); err != nil {
			return nil, err
		}
	}
}

// Close closes the file. It waits for transactions under way.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.keepInPlace()
	if s.restored != nil || s.doubtful.Load() && s.isGone() {
		_, err = s.write(func(*Tx) error { return nil }) // this commit records it
	}
	return errors.Join(err, s.close())
}

func (s *Store) close() error {
	s.opening.Lock()
	defer s.opening.Unlock()
	s.closed = true
	return s.shut()
}

func (s *Store) shut() error {
	if s.db == nil {
		return nil
	}
	db, file := s.db, s.file
	s.db, s.file = nil, nil
	if s.stuck {
		// bbolt's Close would wait for ever for the locks. Its unreachable mapping would keep the file's lock.
		s.stuck = false
		return errors.Join(unix.Flock(int(file.Fd()), unix.LOCK_UN), file.Close())
	}
	return db.Close()
}

// use keeps the file open until release is called. If its content is in doubt, it is opened again first.
func (s *Store) use() (release func(), err error) {
	for {
		s.opening.RLock()
		switch {
		case s.closed:
			s.opening.RUnlock()
			return nil, errClosed
		case s.db != nil && !s.doubtful.Load():
			return s.opening.RUnlock, nil
		}
		s.opening.RUnlock()
		if err := s.reopen(); err != nil {
			return nil, err
		}
	}
}

// reopen opens the file again, as a new process would.
func (s *Store) reopen() error {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.closed || s.db != nil && !s.doubtful.Load() {
		return nil // another goroutine was faster
	}
	if err := s.shut(); err != nil {
		return fmt.Errorf("close journal %s: %w", s.path, err)
	}
	if err := s.open(); err != nil {
		return err
	}
	s.doubtful.Store(false)
	s.generation.Add(1)
	s.changed.Send()
	s.reopened.Send()
	return nil
}

// Reopened returns a channel that is closed when the store has opened its file again because of damage. Data that was
// read before may be gone. Call it before reading, and wait afterwards.
func (s *Store) Reopened() <-chan struct{} { return s.reopened.Next() }

// Changed returns a channel that is closed after the next commit. Call it before reading, and wait afterwards.
func (s *Store) Changed() <-chan struct{} { return s.changed.Next() }

// Generation returns a number that changes with each commit. While it is the same, earlier reads are still true.
func (s *Store) Generation() uint64 { return s.generation.Load() }

// WriteError returns the error of the last commit, nil if that succeeded.
func (s *Store) WriteError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeError
}
