package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"usher.internal/internal/atomicfile"
	"usher.internal/internal/foreign"
)

// mark identifies a journal and its state. It is in the journal, and in a file beside it that is written after each
// commit. It shows the next start that the journal is gone, is another one, or is in an earlier state. A journal may be
// ahead of the file: its last writer was killed in between.
type mark struct {
	// journal is given to a journal when it is made.
	journal uuid.UUID
	// commits is the number of commits.
	commits uint64
}

const (
	// markSuffix ends the name of the file beside the journal.
	markSuffix = ".mark"
	// markLength is the length of an encoded mark, without its checksum.
	markLength = len(uuid.UUID{}) + 8
)

// markKey is in the meta bucket.
var markKey = []byte("mark")

var errNoMark = errors.New("its mark cannot be read")

func newMark() mark { return mark{journal: uuid.New()} }

// follows reports what is wrong with a journal that has this mark after an earlier one, in words for a [Damage]; "" if
// nothing is.
func (m mark) follows(before mark) string {
	switch {
	case before == mark{} || m.journal == before.journal && m.commits >= before.commits:
		return ""
	case m.journal != before.journal:
		return "another file has replaced it; its data is lost"
	default:
		return fmt.Sprintf("an earlier state has replaced it; commits that are lost: %d", before.commits-m.commits)
	}
}

func (m mark) encode() []byte {
	text := binary.BigEndian.AppendUint64(m.journal[:], m.commits)
	return binary.BigEndian.AppendUint64(text, sumOf(metaBucket, markKey, text))
}

func decodeMark(stored []byte) (mark, error) {
	if len(stored) != markLength+8 ||
		sumOf(metaBucket, markKey, stored[:markLength]) != binary.BigEndian.Uint64(stored[markLength:]) {
		return mark{}, errNoMark
	}
	return mark{journal: uuid.UUID(stored[:markLength-8]), commits: binary.BigEndian.Uint64(stored[markLength-8:])}, nil
}

// readMark returns the mark in a journal, the zero mark if an earlier version wrote the journal.
func readMark(tx *bolt.Tx) (mark, error) {
	stored := tx.Bucket(metaBucket).Get(markKey)
	if stored == nil {
		return mark{}, nil
	}
	return decodeMark(stored)
}

// put writes the mark into the journal.
func (m mark) put(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(markKey, m.encode()) }

// markBeside returns the mark in the file beside the journal at path. It returns the zero mark if there is none that
// can be read: then nothing is known about an earlier journal.
func markBeside(path string) mark {
	text, err := foreign.Read(path+markSuffix, int64(4*markLength))
	if err != nil {
		return mark{}
	}
	stored, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return mark{}
	}
	m, _ := decodeMark(stored)
	return m
}

// writeBeside writes the file beside the journal at path. The file is not synced, since it may be behind the journal.
func (m mark) writeBeside(path string) error {
	beside := atomicfile.File{Unsynced: true}
	return explained(beside.Write(atomicfile.Path(filepath.Dir(path)), filepath.Base(path)+markSuffix,
		atomicfile.Content(fmt.Appendf(nil, "%x\n", m.encode()))))
}

// takeOver puts this mark beside a journal that is about to move to path, if there is a mark of an earlier journal. The
// new journal itself records what happened to that one.
func (m mark) takeOver(path string) error {
	if markBeside(path) == (mark{}) {
		return nil
	}
	return m.writeBeside(path)
}

// removedBefore returns what a new journal at path records about one that was there before usherd started.
func removedBefore(path string) []Damage {
	if markBeside(path) == (mark{}) {
		return nil
	}
	return []Damage{{At: time.Now(), Exchanged: true,
		Why: "its file was removed before usherd started; its data is lost"}}
}

// expected returns the mark that the journal has now, or an earlier one.
func (s *Store) expected() mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written == (mark{}) {
		return markBeside(s.path)
	}
	return s.written
}

func (s *Store) setWritten(newest mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = newest
}
