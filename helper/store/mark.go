package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"

	"usher.internal/internal/foreign"
)

// mark tells journals apart, and what is in one from what was in it earlier. It is in the journal and in a file beside it, which is written
// after each commit: a journal that is gone, exchanged, or as it was before, shows by it at the next start. A journal that is
// ahead of the file is as it should be; its last writer was killed in between.
type mark struct {
	// Journal is given to a journal when it is begun.
	Journal uuid.UUID `json:"journal"`
	// Commits is how many there were.
	Commits uint64 `json:"commits"`
}

const (
	// markSuffix ends the name of the file beside the journal.
	markSuffix = ".mark"
	// longestMark is how much of such a file is read, in bytes.
	longestMark = 1 << 10
)

// markKey is in the meta bucket.
var markKey = []byte("mark")

var errNoMark = errors.New("the record of how far it is written cannot be read")

func newMark() mark { return mark{Journal: uuid.New()} }

// follows reports what is wrong with a journal that has this mark where an earlier one said before, in words for a [Damage]; "" if nothing is.
func (m mark) follows(before mark) string {
	switch {
	case before == mark{} || m.Journal == before.Journal && m.Commits >= before.Commits:
		return ""
	case m.Journal != before.Journal:
		return "another file is in its place than the one that usherd wrote; what that one held is lost"
	default:
		return fmt.Sprintf("an earlier state of it is in its place; what usherd wrote last, %d times, is lost", before.Commits-m.Commits)
	}
}

func (m mark) encode() []byte {
	text := binary.BigEndian.AppendUint64(m.Journal[:], m.Commits)
	return binary.BigEndian.AppendUint64(text, sumOf(metaBucket, markKey, text))
}

// readMark returns the mark in a journal, the zero one where earlier versions wrote it.
func readMark(tx *bolt.Tx) (mark, error) {
	stored := tx.Bucket(metaBucket).Get(markKey)
	if stored == nil {
		return mark{}, nil
	}
	const length = len(mark{}.Journal) + 8
	if len(stored) != length+8 || sumOf(metaBucket, markKey, stored[:length]) != binary.BigEndian.Uint64(stored[length:]) {
		return mark{}, errNoMark
	}
	return mark{Journal: uuid.UUID(stored[:length-8]), Commits: binary.BigEndian.Uint64(stored[length-8:])}, nil
}

// put writes the mark into the journal.
func (m mark) put(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(markKey, m.encode()) }

// markBeside returns what the file beside the journal at path says, the zero mark where there is none that can be read: then nothing is
// known of what was there.
func markBeside(path string) (m mark) {
	text, err := foreign.Read(path+markSuffix, longestMark)
	if err != nil || json.Unmarshal(text, &m) != nil {
		return mark{}
	}
	return m
}

// writeBeside writes the file beside the journal at path. It is not synced: one that is behind the journal is as good.
func (m mark) writeBeside(path string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	unfinished := path + markSuffix + ".new" // only the process that has the journal open writes it
	if err := os.WriteFile(unfinished, text, mode); err != nil {
		os.Remove(unfinished)
		return explained(err)
	}
	return explained(os.Rename(unfinished, path+markSuffix))
}

// takeOver is for the mark of a journal that is about to get its place at path. Where a file says of one that was there before, it says this now:
// the new journal tells itself what has become of the other.
func (m mark) takeOver(path string) error {
	if markBeside(path) == (mark{}) {
		return nil
	}
	return m.writeBeside(path)
}

// removed is what a new journal at path says of one that was there before usherd started.
func removed(path string) []Damage {
	if markBeside(path) == (mark{}) {
		return nil
	}
	return []Damage{{At: time.Now(), Exchanged: true, Why: "its file was removed before usherd started; what it held is lost"}}
}
