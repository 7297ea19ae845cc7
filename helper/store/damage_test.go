package store_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"usher.internal/helper/store"
)

// Whatever has become of the file, the helper neither crashes nor takes it for a journal.
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
		"noise": noise, "short noise": noise[:5000], "cut short": image[:5*os.Getpagesize()], "two pages": image[:2*os.Getpagesize()],
		"one page": image[:os.Getpagesize()], "a byte": image[:1], "noise behind the meta pages": behindMeta,
		"zeros behind the meta pages": slices.Concat(image[:2*os.Getpagesize()], make([]byte, len(image)-2*os.Getpagesize())),
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
				t.Errorf("what was set aside is not what was there: %v", err)
			}
			if got := texts(t, open(t, path)); len(got) != 0 {
				t.Errorf("the new journal holds %q", got)
			}
		})
	}
}
