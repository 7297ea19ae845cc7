package quota_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"usher.internal/helper/quota"
	"usher.internal/helper/store"
)

var book = quota.NewBook[uint64]("test-book")

// shelf is a book in a journal, with the next key.
type shelf struct {
	t      *testing.T
	store  *store.Store
	limits quota.Limits
	held   quota.Held[uint64]
	next   uint64
}

func newShelf(t *testing.T, limits quota.Limits) *shelf {
	t.Helper()
	opened, err := store.Open(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return &shelf{t: t, store: opened, limits: limits}
}

func (s *shelf) update(f func(tx *store.Tx) error) {
	s.t.Helper()
	if err := s.store.Update(f); err != nil {
		s.t.Fatal(err)
	}
}

// add adds one entry of each of these users, and returns the removed entries.
func (s *shelf) add(uids ...uint32) (forgotten []quota.Entry[uint64]) {
	s.t.Helper()
	for _, uid := range uids {
		s.next++
		s.update(func(tx *store.Tx) error {
			gone, err := book.Add(tx, s.limits, quota.Entry[uint64]{UID: uid, Key: s.next}, s.held)
			forgotten = append(forgotten, gone...)
			return err
		})
	}
	return forgotten
}

func (s *shelf) mustHave(uid uint32, want ...uint64) {
	s.t.Helper()
	s.update(func(tx *store.Tx) error {
		if got, err := book.Of(tx, uid); err != nil || !slices.Equal(got, want) {
			s.t.Errorf("uid %d has %v, %v; want %v", uid, got, err, want)
		}
		return nil
	})
}

func times(count int, uid uint32) []uint32 { return slices.Repeat([]uint32{uid}, count) }

func TestNoUserPushesOutAnothersEntries(t *testing.T) {
	s := newShelf(t, quota.Limits{PerUser: 3, Total: 10})
	s.add(501, 501)
	gone := s.add(times(100, 502)...)
	s.mustHave(501, 1, 2)
	s.mustHave(502, 100, 101, 102)
	if len(gone) != 97 || slices.ContainsFunc(gone, func(e quota.Entry[uint64]) bool { return e.UID != 502 }) {
		t.Errorf("forgotten: %v", gone)
	}
}

// However many users there are, the limit of all together removes entries of those with the most.
func TestTotalTakesFromTheUserWhoHasMost(t *testing.T) {
	s := newShelf(t, quota.Limits{PerUser: 4, Total: 10})
	s.add(501, 501) // 1, 2
	s.add(times(4, 502)...)
	s.add(times(4, 503)...)
	if gone := s.add(504); fmt.Sprint(gone) != "[{502 3}]" { // the oldest of the two who have most
		t.Errorf("forgotten: %v", gone)
	}
	if gone := s.add(505); fmt.Sprint(gone) != "[{503 7}]" {
		t.Errorf("forgotten: %v", gone)
	}
	for uid := range uint32(5) {
		s.add(600 + uid)
	}
	s.mustHave(501, 2) // by now nobody has more than two, and this was the oldest
	for uid := range uint32(100) {
		s.add(700 + uid)
	}
	total := 0
	s.update(func(tx *store.Tx) error {
		for uid := range uint32(1000) {
			own, err := book.Of(tx, uid)
			if err != nil {
				return err
			}
			total += len(own)
		}
		return nil
	})
	if total != 10 {
		t.Errorf("%d entries are kept", total)
	}
}

func TestWhatIsHeldStays(t *testing.T) {
	s := newShelf(t, quota.Limits{PerUser: 2, Total: 3})
	s.held = func(e quota.Entry[uint64]) (bool, error) { return e.Key == 1, nil }
	s.add(times(4, 501)...)
	s.mustHave(501, 1, 4)
	s.held = func(quota.Entry[uint64]) (bool, error) { return true, nil }
	s.add(times(4, 502)...)
	s.mustHave(502, 5, 6, 7, 8)
	broken := errors.New("cannot be read")
	s.held = func(quota.Entry[uint64]) (bool, error) { return false, broken }
	err := s.store.Update(func(tx *store.Tx) error {
		_, err := book.Add(tx, s.limits, quota.Entry[uint64]{UID: 501, Key: 9}, s.held)
		return err
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	s.mustHave(501, 1, 4)
}

func TestRemove(t *testing.T) {
	s := newShelf(t, quota.Limits{PerUser: 9, Total: 9})
	s.add(501, 502, 501, 501)
	s.update(func(tx *store.Tx) error {
		return book.Remove(tx, quota.Entry[uint64]{UID: 501, Key: 3}, quota.Entry[uint64]{UID: 502, Key: 2},
			quota.Entry[uint64]{UID: 503, Key: 7})
	})
	s.mustHave(501, 1, 4)
	s.mustHave(502)
}

// A journal from before there was a book keeps its entries, divided by user.
func TestRebuild(t *testing.T) {
	s := newShelf(t, quota.Limits{PerUser: 3, Total: 5})
	s.add(501, 507) // the book is wrong now
	entries := []quota.Entry[uint64]{{UID: 501, Key: 13}, {UID: 501, Key: 10}, {UID: 502, Key: 11}, {UID: 501, Key: 12},
		{UID: 501, Key: 14}}
	for range 2 { // the second time nothing is left to do
		s.update(func(tx *store.Tx) error {
			gone, err := book.Rebuild(tx, s.limits, entries, nil)
			if err != nil || fmt.Sprint(gone) != "[{501 10}]" {
				t.Errorf("forgotten: %v, %v", gone, err)
			}
			return nil
		})
		s.mustHave(501, 12, 13, 14)
		s.mustHave(502, 11)
		s.mustHave(507)
	}
	s.update(func(tx *store.Tx) error {
		for _, test := range []struct {
			entries []quota.Entry[uint64]
			want    bool
		}{{entries, false}, {entries[2:], false}, {append(entries[2:], entries[0]), true}, {nil, false}} {
			if complete, err := book.Complete(tx, test.entries); complete != test.want || err != nil {
				t.Errorf("complete with %v: %t, %v", test.entries, complete, err)
			}
		}
		return nil
	})
}
