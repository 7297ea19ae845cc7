package store

import (
	"errors"
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// Tx is a transaction. It is valid until the function that got it returns.
type Tx struct {
	bolt     *bolt.Tx
	onCommit []func()
	// changed are the records of the contents of the buckets that this transaction has changed.
	changed map[string]*contents
	// damaged is true once a value could not be read.
	damaged bool
}

// OnCommit calls f after the transaction is on disk, and not at all if it does not get there. f may use the store. The
// functions of several transactions may be called in another order than the transactions.
func (tx *Tx) OnCommit(f func()) { tx.onCommit = append(tx.onCommit, f) }

// View reads in one transaction: f sees one state of the store. Writing in it is an error. f must not call [Store.View]
// or [Store.Update]. If a part cannot be read, View returns an error that wraps [ErrDamaged].
func (s *Store) View(f func(*Tx) error) error {
	if !s.isInPlace() {
		_ = s.Update(func(*Tx) error { return nil }) // this puts it back, or WriteError says why not
	}
	release, err := s.use()
	if err != nil {
		return err
	}
	defer release()
	tx := &Tx{}
	err = withoutFaults(func() error {
		if tx.bolt, err = s.begin(false); err != nil {
			return err
		}
		defer tx.bolt.Rollback()
		return f(tx)
	})
	if tx.damaged || errors.Is(err, ErrDamaged) {
		s.doubtful.Store(true)
	}
	return err
}

// Update writes in one transaction, one at a time. When it returns nil, everything that f wrote is on disk. An error of
// f is returned as it is, and nothing was written. Any other error is that of the commit, the same as
// [Store.WriteError]; a full disk wraps [ErrFull]. If a part cannot be read, the error wraps [ErrUnwritable] and
// [ErrDamaged]: the next call may be able to read it, or find it set aside. f must not call View or Update.
//
// A failed commit may be on disk all the same, if the disk took it and then failed to say so. So a caller that tries
// again checks the data first.
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
	return s.write(f)
}

// write is [Store.update] for a caller that holds writing.
func (s *Store) write(f func(*Tx) error) (committed *Tx, err error) {
	committed = &Tx{}
	var release func()
	if err = s.keepInPlace(); err == nil {
		release, err = s.use()
	}
	if err == nil {
		defer release()
		var refused error
		err = s.commit(committed, f, &refused)
		if committed.damaged || errors.Is(err, ErrDamaged) {
			s.doubtful.Store(true)
		}
		if refused != nil && !errors.Is(err, ErrDamaged) {
			return nil, refused
		}
	}
	if err == nil && s.restored != nil {
		s.found(s.restored)
		s.restored = nil
	}
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrUnwritable, s.path, explained(err))
	}
	s.generation.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeError = err
	s.changed.Send()
	return committed, err
}

// commit makes one transaction; refused is the error of f. bbolt's own Update reads the file once more after a panic.
// That panics again, and never releases bbolt's lock.
func (s *Store) commit(tx *Tx, f func(*Tx) error, refused *error) error {
	return withoutFaults(func() (err error) {
		if tx.bolt, err = s.begin(true); err != nil {
			return err
		}
		defer tx.bolt.Rollback() // of no effect once it is committed
		if *refused = f(tx); *refused != nil {
			return *refused
		}
		if len(s.restored) > 0 {
			if err := keep(tx, s.restored); err != nil {
				return err
			}
		}
		if err := tx.record(); err != nil {
			return err
		}
		present, err := readMark(tx.bolt)
		if err != nil {
			return err
		}
		present.commits++
		if err := present.put(tx.bolt); err != nil {
			return err
		}
		if err := tx.bolt.Commit(); err != nil {
			return err
		}
		s.setWritten(present)
		_ = present.writeBeside(s.path) // the next commit tries again, and one that is behind is as good
		return nil
	})
}

// begin begins a transaction. bbolt reads the header pages while it holds its locks. So they are read here first,
// without the locks, and an error is only that of the call.
func (s *Store) begin(writable bool) (*bolt.Tx, error) {
	newest, _, err := headers(s.file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if info, err := s.file.Stat(); err != nil || info.Size() < 2*newest.pageSize {
		return nil, errors.Join(fmt.Errorf("%w: it was cut short", ErrDamaged), err)
	}
	expected := s.expected() // before it begins, for there may be a commit at any time
	s.beginning.Lock()
	defer s.beginning.Unlock()
	if s.stuck {
		return nil, fmt.Errorf("%w: it is opened again", ErrDamaged)
	}
	s.stuck = true // unless Begin returns
	tx, err := s.db.Begin(writable)
	s.stuck = false
	if err != nil {
		return nil, err
	}
	begun := false
	defer func() {
		if !begun { // also if reading the mark was a fault
			tx.Rollback()
		}
	}()
	present, err := readMark(tx)
	if err != nil || present.follows(expected) != "" {
		return nil, errors.Join(fmt.Errorf("%w: its file was exchanged or changed", ErrDamaged), err)
	}
	begun = true
	return tx, nil
}

// explained adds [ErrFull] to the errors that mean it. bbolt keeps only the text of some, those of growing the file.
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
