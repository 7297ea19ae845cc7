// Package store keeps what must outlive the helper: bbolt with a schema version, typed buckets, and errors that say what
// stands in the way of writing. It knows nothing of what is kept.
//
// [Open] opens the file, [Store.Update] is one transaction that is on disk when it returns, and a [Bucket] holds values of
// one type. A commit that fails loses nothing of what was there before, and the store can be used on.
package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// The errors that callers decide on.
var (
	// ErrFull is wrapped when the disk has no room for a commit, or the owner of the file no quota.
	ErrFull = errors.New("no space left for the journal")
	// ErrUnwritable is wrapped by every commit that did not reach the disk, a full one's too.
	ErrUnwritable = errors.New("journal cannot be written")
	// ErrInUse is wrapped by [Open] when another process has the file open.
	ErrInUse = errors.New("journal in use by another process")
	// ErrDamaged is wrapped by [Open] for a file that is none of ours any more: cut short, or overwritten.
	ErrDamaged = errors.New("journal is damaged")
	// ErrNewerSchema is wrapped by [Open] for a file that a newer version wrote; the file stays as it is.
	ErrNewerSchema = errors.New("journal written by a newer version")
)

// mode is that of the file: it holds who registered which device.
const mode = 0o600

// Store is an open file. It is safe for concurrent use.
type Store struct {
	db   *bolt.DB
	path string

	// writing is held over a commit and the note of how it went, so that the notes come in the order of the commits.
	writing sync.Mutex

	generation atomic.Uint64

	mu         sync.Mutex
	writeError error
	// changed is closed with the next commit; nil while nobody waits for it.
	changed chan struct{}
}

// Open opens the file at path, or makes it with mode 0600 in a directory that must exist, and brings it to the present
// schema. It waits up to a second for another process to let go of the file, and reads all of it once, so that damage shows
// now and not in the middle of a registration. The errors wrap [ErrInUse], [ErrDamaged], [ErrNewerSchema] and [ErrFull].
func Open(path string) (*Store, error) {
	s := &Store{path: path}
	err := create(path)
	if err == nil {
		err = protect(path)
	}
	if err == nil {
		s.db, err = openFile(path)
	}
	if err == nil {
		if err = readable(s.db); err == nil {
			err = migrate(s.db)
		}
		if err != nil {
			s.db.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	return s, nil
}

// Close closes the file. It waits for transactions under way.
func (s *Store) Close() error { return s.db.Close() }

// Tx is a transaction. It is valid until the function that got it returns.
type Tx struct {
	bolt     *bolt.Tx
	onCommit []func()
}

// OnCommit calls f after the transaction is on disk, and not at all when it does not get there. f may use the store; what
// several transactions left to be called may come in another order than theirs.
func (tx *Tx) OnCommit(f func()) { tx.onCommit = append(tx.onCommit, f) }

// View reads in one transaction: f sees one state of the store. Writing in it is an error. f must not call [Store.Update].
func (s *Store) View(f func(*Tx) error) error {
	return s.db.View(func(tx *bolt.Tx) error { return f(&Tx{bolt: tx}) })
}

// Update writes in one transaction, one at a time. When it returns nil, everything that f wrote is on disk. An error of f
// is returned as it is, and nothing was written. Any other error is that of the commit, as [Store.WriteError] has it; a
// full disk wraps [ErrFull]. f must not call View or Update.
//
// A commit that failed may be there all the same, when the disk took it and then failed to say so. Whoever tries again
// looks first at what is there.
func (s *Store) Update(f func(*Tx) error) error {
	committed, err := s.update(f)
	if err != nil {
		return err
	}
	for _, call := range committed.onCommit {
		call()
	}
	return nil
}

func (s *Store) update(f func(*Tx) error) (committed *Tx, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	var refused error
	err = s.db.Update(func(tx *bolt.Tx) error {
		committed = &Tx{bolt: tx}
		refused = f(committed)
		return refused
	})
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrUnwritable, s.path, explained(err))
	}
	s.generation.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeError = err
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	return committed, err
}

// Changed returns a channel that is closed after the next commit. Whoever waits for it asks for it before he reads.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// Generation returns a number that is another one after each commit: what was read before it and is asked for again is
// still true while the number is the same.
func (s *Store) Generation() uint64 { return s.generation.Load() }

// WriteError returns the error of the last commit, nil when that one went well.
func (s *Store) WriteError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeError
}

// explained adds [ErrFull] to the errors that mean it. bbolt keeps of some, those of growing the file, only the text.
func explained(err error) error {
	if err == nil || errors.Is(err, ErrFull) {
		return err
	}
	for _, full := range []unix.Errno{unix.ENOSPC, unix.EDQUOT} {
		if errors.Is(err, full) || strings.HasSuffix(err.Error(), full.Error()) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}
