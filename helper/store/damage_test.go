package store_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher.internal/helper/store"
)

// Whatever has happened to the file, the helper neither crashes nor accepts it as a journal.
func TestDamageIsNoticedAtTheStart(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "journal")
	s := open(t, whole)
	for i := range 400 {
		if err := put(s, fmt.Sprintf("%04d", i), fmt.Sprint("note ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, len(image))
	rand.Read(noise)
	behindMeta := slices.Concat(image[:2*os.Getpagesize()], noise[2*os.Getpagesize():])
	for name, content := range map[string][]byte{
		"noise": noise, "short noise": noise[:5000], "cut short": image[:5*os.Getpagesize()],
		"two pages": image[:2*os.Getpagesize()],
		"one page":  image[:os.Getpagesize()], "a byte": image[:1], "noise behind the meta pages": behindMeta,
		"zeros behind the meta pages": slices.Concat(image[:2*os.Getpagesize()],
			make([]byte, len(image)-2*os.Getpagesize())),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the first look does not keep it locked
				if opened, err := store.Open(path); !errors.Is(err, store.ErrDamaged) {
					if err == nil {
						opened.Close()
					}
					t.Fatalf("got %v", err)
				}
			}
			aside, err := store.SetAside(path)
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := os.ReadFile(aside); err != nil || !slices.Equal(kept, content) {
				t.Errorf("the file that was set aside has other content: %v", err)
			}
			if got := texts(t, open(t, path)); len(got) != 0 {
				t.Errorf("the new journal holds %q", got)
			}
		})
	}
}

// storedAt returns the places of some bytes in the pages that are in use: bbolt leaves earlier copies in free ones.
func storedAt(t *testing.T, path, text string) (places []int) {
	t.Helper()
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; ; {
		next := bytes.Index(image[at:], []byte(text))
		if next < 0 {
			return places
		}
		places = append(places, at+next)
		at += next + 1
	}
}

func flip(t *testing.T, path string, places []int) {
	t.Helper()
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range places {
		image[at] ^= 1
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A flipped bit that leaves valid JSON with another meaning is noticed, and only that value is lost. The value is set
// aside, and reported once to the opener of the journal and afterwards to every caller.
func TestFlippedBitCostsOneValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := open(t, path)
	for _, text := range []string{"first", "second", "third"} {
		if err := put(s, text, text); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	flip(t, path, storedAt(t, path, "econd\"}"))
	for round := range 3 {
		var reported []store.Damage
		s, err := store.OpenOrReplace(path, func(found []store.Damage) { reported = append(reported, found...) })
		if err != nil {
			t.Fatal(err)
		}
		if (len(reported) == 1) != (round == 0) {
			t.Errorf("round %d: reported %+v", round, reported)
		}
		if got := texts(t, s); !slices.Equal(got, []string{"first", "third"}) {
			t.Errorf("round %d: got %q", round, got)
		}
		damages, err := s.Damages()
		if err != nil || len(damages) != 1 || damages[0].Bucket != "notes" || string(damages[0].Key) != "second" ||
			damages[0].Value != nil {
			t.Errorf("round %d: %+v, %v", round, damages, err)
		}
		if got := store.Summarize(damages); len(got) != 1 ||
			!strings.HasPrefix(got[0].Text, "1 value of notes could not be read") || got[0].Fix == "" {
			t.Errorf("round %d: %+v", round, got)
		}
		s.Close()
		check(t, path)
	}
}

// A bit that flips while usherd runs is an error of the call that reads it; then the value is set aside.
func TestFlippedBitWhileTheFileIsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s, err := store.OpenOrReplace(path, func([]store.Damage) {})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, text := range []string{"first", "second"} {
		if err := put(s, text, text); err != nil {
			t.Fatal(err)
		}
	}
	flip(t, path, storedAt(t, path, "econd\"}"))
	err = s.View(func(tx *store.Tx) error { _, _, err := notes.Get(tx, []byte("second")); return err })
	if !errors.Is(err, store.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
	if got := texts(t, s); !slices.Equal(got, []string{"first"}) {
		t.Errorf("got %q", got)
	}
	if damages, err := s.Damages(); err != nil || len(damages) != 1 {
		t.Errorf("%+v, %v", damages, err)
	}
}

// Values that were set aside never take more than 1 MB, and the newest are kept.
func TestWhatIsSetAsideIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := open(t, path)
	for round := range 5 {
		for i := range 5 {
			if err := put(s, fmt.Sprint(round, "-", i), fmt.Sprint(i, strings.Repeat("x", 100<<10))); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		flip(t, path, storedAt(t, path, "x\"}"))
		var err error
		if s, err = store.OpenOrReplace(path, func([]store.Damage) {}); err != nil {
			t.Fatal(err)
		}
	}
	defer s.Close()
	damages, err := s.Damages()
	if err != nil || len(damages) != 25 {
		t.Fatalf("%d damages, %v", len(damages), err)
	}
	size, kept := 0, 0
	err = s.View(func(tx *store.Tx) error {
		for one, err := range store.NewBucket[store.Damage]("damages").Descend(tx) {
			if err != nil {
				return err
			}
			size += len(one.Value)
			if len(one.Value) > 0 {
				kept++
			}
		}
		return nil
	})
	if err != nil || size > 1<<20 || kept < 5 {
		t.Errorf("%d values in %d bytes, %v", kept, size, err)
	}
}

// No sequence of writes and deletes makes the store rebuild the file: bbolt's own output is regular.
func TestOrdinaryFileIsNotRebuilt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := open(t, path)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for range 60 {
		err := s.Update(func(tx *store.Tx) error {
			for range 100 {
				key := []byte(fmt.Sprint(random.IntN(5000)))
				err := notes.Put(tx, key, note{strings.Repeat("x", random.IntN(300))})
				if random.IntN(5) < 2 {
					err = errors.Join(err, notes.Delete(tx, []byte(fmt.Sprint(random.IntN(5000)))))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := texts(t, s)
		s.Close()
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
		if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
			t.Fatalf("the journal was written again, %v", err)
		}
		if got := texts(t, s); !slices.Equal(got, want) {
			t.Fatal("it holds something else")
		}
	}
}

// A version that a flipped bit has made a newer one is damage. It is not a downgrade, which would keep usherd from
// starting.
func TestFlippedVersionIsNotANewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	open(t, path).Close()
	places := storedAt(t, path, "schema"+string(store.NumberKey(store.Schema)))
	for i := range places {
		places[i] += len("schema") + 7
	}
	flip(t, path, places)
	if _, err := store.Open(path); len(places) == 0 || !errors.Is(err, store.ErrDamaged) ||
		errors.Is(err, store.ErrNewerSchema) {
		t.Errorf("%d places, %v", len(places), err)
	}
}

// One bit in the length of a value led bbolt out of the file. There the first look at it ended usherd with SIGBUS, at
// every start.
func TestLengthThatLeadsOutOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := open(t, path)
	for i := range 100 {
		if err := put(s, fmt.Sprintf("%04d", i), "note"); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// An entry is in a page of values, 16 bytes behind its head, and has its length at the end.
	const leaf, head, length = 2, 16, 12
	changed := 0
	for page := range len(image) / os.Getpagesize() {
		content := image[page*os.Getpagesize():]
		if page > 1 && binary.NativeEndian.Uint16(content[8:]) == leaf &&
			bytes.Contains(content[:os.Getpagesize()], []byte(`{"text"`)) {
			binary.NativeEndian.PutUint32(content[head+length:],
				binary.NativeEndian.Uint32(content[head+length:])|1<<27)
			changed++
		}
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := store.Open(path)
	if err == nil {
		opened.Close()
	}
	if changed == 0 || !errors.Is(err, store.ErrDamaged) {
		t.Errorf("%d pages were changed, %v", changed, err)
	}
}

// A journal that is removed while it is open is written again, with all its data. If it cannot be read either, it is
// lost, and the new one records that. A journal that another file has replaced accepts no more writes, since they would
// be lost.
func TestFileIsRemovedOrReplacedWhileItIsOpen(t *testing.T) {
	write := func(t *testing.T, s *store.Store) {
		// The first one may find the damage.
		if err := put(s, "b", "after"); err != nil && !errors.Is(err, store.ErrDamaged) {
			t.Fatal(err)
		}
		if err := put(s, "b", "after"); err != nil {
			t.Fatal(err)
		}
	}
	read := func(_ *testing.T, s *store.Store) {
		_ = s.View(func(tx *store.Tx) error { return nil })
	}
	for name, test := range map[string]struct {
		cut      bool
		use      []func(*testing.T, *store.Store)
		restored bool
		holds    []string
	}{
		"written to":            {false, []func(*testing.T, *store.Store){write}, true, []string{"before", "after"}},
		"closed":                {false, nil, true, []string{"before"}},
		"read and closed":       {false, []func(*testing.T, *store.Store){read}, true, []string{"before"}},
		"cut, written to":       {true, []func(*testing.T, *store.Store){write}, false, []string{"after"}},
		"cut, read, written to": {true, []func(*testing.T, *store.Store){read, write}, false, []string{"after"}},
		"cut, closed":           {true, nil, false, nil},
		"cut, read, and closed": {true, []func(*testing.T, *store.Store){read}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			var reported []store.Damage
			s, err := store.OpenOrReplace(path, func(found []store.Damage) { reported = append(reported, found...) })
			if err != nil {
				t.Fatal(err)
			}
			if err := put(s, "a", "before"); err != nil {
				t.Fatal(err)
			}
			if test.cut {
				err = os.Truncate(path, 0)
			}
			if err := errors.Join(err, os.Remove(path)); err != nil {
				t.Fatal(err)
			}
			for _, use := range test.use {
				use(t, s)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			check(t, path)
			again := open(t, path)
			if got := texts(t, again); !slices.Equal(got, test.holds) {
				t.Errorf("it holds %q, want %q", got, test.holds)
			}
			found, err := again.Damages()
			if err != nil || len(found) != 1 || found[0].Restored != test.restored || len(reported) != 1 ||
				reported[0].Restored != test.restored {
				t.Errorf("reported %+v, found %+v, %v", reported, found, err)
			}
		})
	}

	path := filepath.Join(t.TempDir(), "journal.db")
	s := open(t, path)
	if err := errors.Join(put(s, "a", "before"), os.Rename(path, path+".away"),
		os.WriteFile(path, []byte("another"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(*store.Tx) error { return nil }); err != nil || s.WriteError() == nil {
		t.Errorf("a reader does not notice it: %v, %v", err, s.WriteError())
	}
	if err := put(s, "b", "lost"); !errors.Is(err, store.ErrUnwritable) ||
		!strings.Contains(err.Error(), "another file has replaced it") {
		t.Errorf("written although another file is there: %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := put(s, "b", "kept"); err != nil || len(texts(t, s)) != 2 {
		t.Errorf("once it is back: %v", err)
	}
}

// However short the file becomes while it is open, no call waits for ever, and the store continues with a new file that
// records this.
func TestFileIsCutWhileItIsOpen(t *testing.T) {
	for _, size := range []int64{0, 1, 200, 4095, 4096, 4097, 8191, 8192, 8193, 12288} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			s, err := store.OpenOrReplace(path, func([]store.Damage) {})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(put(s, "a", "before"), os.Truncate(path, size)); err != nil {
				t.Fatal(err)
			}
			var callers sync.WaitGroup
			for range 8 {
				callers.Go(func() {
					for range 5 {
						_ = s.View(func(tx *store.Tx) error { return nil })
						_ = put(s, "b", "during")
					}
				})
			}
			callers.Wait()
			if err := put(s, "c", "after"); err != nil {
				t.Error(err)
			}
			if found, err := s.Damages(); err != nil || len(found) == 0 {
				t.Errorf("the damages are %+v, %v", found, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			check(t, path)
		})
	}
}

// A fault while bbolt holds its locks does not keep the store from being closed.
func TestFileIsCutAsATransactionBegins(t *testing.T) {
	for range 50 {
		path := filepath.Join(t.TempDir(), "journal.db")
		s, err := store.OpenOrReplace(path, func([]store.Damage) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := put(s, "a", "before"); err != nil {
			t.Fatal(err)
		}
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for range 20 {
					_ = s.View(func(tx *store.Tx) error { return nil })
				}
			})
		}
		if err := os.Truncate(path, 4096); err != nil {
			t.Fatal(err)
		}
		callers.Wait()
		if err := errors.Join(put(s, "c", "after"), s.Close()); err != nil && !errors.Is(err, store.ErrDamaged) {
			t.Error(err)
		}
	}
}
