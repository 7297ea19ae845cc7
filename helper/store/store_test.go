package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"usher.internal/helper/store"
	"usher.internal/internal/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type note struct {
	Text string `json:"text"`
}

var notes = store.NewBucket[note]("notes")

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	opened, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return opened
}

func put(s *store.Store, key, text string) error {
	return s.Update(func(tx *store.Tx) error { return notes.Put(tx, []byte(key), note{text}) })
}

// texts are all notes, by their order.
func texts(t *testing.T, s *store.Store) (all []string) {
	t.Helper()
	err := s.View(func(tx *store.Tx) error {
		for one, err := range notes.Ascend(tx) {
			if err != nil {
				return err
			}
			all = append(all, one.Text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// check opens the file as bbolt does and has bbolt look for damage.
func check(t *testing.T, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		var damage error
		for err := range tx.Check() {
			damage = errors.Join(damage, err)
		}
		return damage
	})
	if err != nil {
		t.Errorf("damaged: %v", err)
	}
}

func TestValuesOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := open(t, path)
	for key, text := range map[string]string{"b": "two", "a": "one", "c": "three"} {
		if err := put(s, key, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Update(func(tx *store.Tx) error { return notes.Delete(tx, []byte("c")) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, open(t, path)); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("got %q", got)
	}
}

func TestOnlyOwnerMayReadTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	for range 2 { // created, and found with a mode that somebody widened
		open(t, path).Close()
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("mode is %v, %v", info.Mode(), err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The user who made the file can have it open, and write to it.
func TestFileOfAnotherUserIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	open(t, path).Close()
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatalf("this test needs root: %v", err)
	}
	if _, err := store.Open(path); !errors.Is(err, trust.ErrUntrusted) {
		t.Errorf("got %v", err)
	}
}

func TestDirectoryMustExist(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "journal")
	if _, err := store.Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestSecondProcessGetsErrInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	first := open(t, path)
	if _, err := store.Open(path); !errors.Is(err, store.ErrInUse) {
		t.Errorf("got %v", err)
	}
	first.Close()
	open(t, path)
}

func TestNewerSchemaIsNotChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := open(t, path)
	if err := put(s, "a", "one"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		if stored := meta.Get([]byte("schema")); binary.BigEndian.Uint64(stored) != store.Schema {
			t.Errorf("schema is %x", stored)
		}
		newer := binary.BigEndian.AppendUint64(nil, store.Schema+1)
		return errors.Join(meta.Put([]byte("schema"), newer), meta.Put([]byte("schema-sum"), store.SchemaSum(newer)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(path); !errors.Is(err, store.ErrNewerSchema) {
		t.Errorf("got %v", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed, %v", err)
	}
}

func TestWhatIsNoJournalIsAnErrorAndStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	content := bytes.Repeat([]byte("a letter to my aunt\n"), 2000)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if opened, err := store.Open(path); err == nil {
		opened.Close()
		t.Error("opened")
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
		t.Errorf("the file was changed, %v", err)
	}
}

func TestRefusedTransactionChangesNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal"))
	refused := errors.New("refused")
	called := false
	err := s.Update(func(tx *store.Tx) error {
		tx.OnCommit(func() { called = true })
		if err := notes.Put(tx, []byte("a"), note{"one"}); err != nil {
			return err
		}
		return refused
	})
	if err != refused || called || len(texts(t, s)) != 0 || s.WriteError() != nil {
		t.Errorf("err %v, called %t, %q, write error %v", err, called, texts(t, s), s.WriteError())
	}
}

// A function of OnCommit sees the committed data, and may write itself.
func TestOnCommitComesAfterTheCommit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal"))
	var seen []string
	err := s.Update(func(tx *store.Tx) error {
		tx.OnCommit(func() { seen = texts(t, s) })
		tx.OnCommit(func() {
			if err := put(s, "b", "two"); err != nil {
				t.Error(err)
			}
		})
		return notes.Put(tx, []byte("a"), note{"one"})
	})
	if err != nil || !slices.Equal(seen, []string{"one"}) || !slices.Equal(texts(t, s), []string{"one", "two"}) {
		t.Errorf("saw %q, then %q, %v", seen, texts(t, s), err)
	}
}

func TestViewCannotWrite(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal"))
	if err := put(s, "a", "one"); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*store.Tx) error{
		"put":      func(tx *store.Tx) error { return notes.Put(tx, []byte("a"), note{"two"}) },
		"delete":   func(tx *store.Tx) error { return notes.Delete(tx, []byte("a")) },
		"sequence": func(tx *store.Tx) error { _, err := notes.NextSequence(tx); return err },
	} {
		if err := s.View(write); err == nil {
			t.Errorf("%s in a view is no error", name)
		}
	}
	if got := texts(t, s); !slices.Equal(got, []string{"one"}) {
		t.Errorf("got %q", got)
	}
}

func TestBucket(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal"))
	empty := func(tx *store.Tx) error { // a bucket that was never written to
		if _, found, err := notes.Get(tx, []byte("a")); found || err != nil {
			t.Errorf("found %t, %v", found, err)
		}
		for range notes.Descend(tx) {
			t.Error("not empty")
		}
		return nil
	}
	if err := errors.Join(s.View(empty),
		s.Update(func(tx *store.Tx) error { return notes.Delete(tx, []byte("a")) })); err != nil {
		t.Fatal(err)
	}
	numbers := store.NewBucket[uint64]("numbers")
	err := s.Update(func(tx *store.Tx) error {
		for range 300 { // more than one byte of the key
			number, err := numbers.NextSequence(tx)
			if err != nil {
				return err
			}
			if err := numbers.Put(tx, store.NumberKey(number), number); err != nil {
				return err
			}
		}
		return numbers.Delete(tx, store.NumberKey(300))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(func(tx *store.Tx) error {
		if number, err := numbers.NextSequence(tx); number != 301 || err != nil {
			t.Errorf("next number is %d, %v", number, err)
		}
		want := uint64(0)
		for number, err := range numbers.Ascend(tx) {
			if want++; number != want || err != nil {
				return fmt.Errorf("number %d is %d, %v", want, number, err)
			}
		}
		for number := range numbers.Descend(tx) {
			if number != want {
				return fmt.Errorf("number %d is %d", want, number)
			}
			if want--; want == 290 {
				break
			}
		}
		if number, found, err := numbers.Get(tx, store.NumberKey(256)); number != 256 || !found || err != nil {
			return fmt.Errorf("got %d, %t, %v", number, found, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestUnreadableValueIsAnErrorOfThatValue(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "journal"))
	if err := s.Update(func(tx *store.Tx) error {
		return errors.Join(store.NewBucket[int]("notes").Put(tx, []byte("b"), 7),
			notes.Put(tx, []byte("c"), note{"three"}))
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(tx *store.Tx) error {
		if _, found, err := notes.Get(tx, []byte("b")); found || err == nil {
			t.Errorf("found %t, %v", found, err)
		}
		var got []string
		for one, err := range notes.Ascend(tx) {
			got = append(got, fmt.Sprint(one.Text, err != nil))
		}
		if !slices.Equal(got, []string{"true", "threefalse"}) {
			t.Errorf("got %q", got)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestWritersTakeTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := open(t, path)
	counters := store.NewBucket[int]("counters")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 10 {
				if err := s.Update(func(tx *store.Tx) error {
					count, _, err := counters.Get(tx, []byte("count"))
					return errors.Join(err, counters.Put(tx, []byte("count"), count+1))
				}); err != nil {
					t.Error(err)
				}
				if err := s.View(func(tx *store.Tx) error {
					_, _,
						err := counters.Get(tx, []byte("count"))
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := s.View(func(tx *store.Tx) error {
		if count, _, err := counters.Get(tx, []byte("count")); count != 80 || err != nil {
			t.Errorf("counted %d, %v", count, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	check(t, path)
}

func BenchmarkUpdate(b *testing.B) {
	s, err := store.Open(filepath.Join(b.TempDir(), "journal"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		if err := put(s, "a", "one"); err != nil {
			b.Fatal(err)
		}
	}
}

// A process that was killed while it wrote a new journal or a mark leaves a file. The next one removes it, except files
// that may still be in use.
func TestUnfinishedFilesAreRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	old := []string{path + ".new-1", path + ".mark.new-1", path + ".mark-1"}
	kept := []string{path, path + ".mark", path + ".new-2", path + ".mark.new-2", path + ".mine"}
	for _, name := range append(kept[2:], old...) {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	anHourAgo := time.Now().Add(-time.Hour)
	for _, name := range old {
		if err := os.Chtimes(name, anHourAgo, anHourAgo); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path)
	found, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(kept)
	if !slices.Equal(found, kept) {
		t.Errorf("there are %v, want %v", found, kept)
	}
}
