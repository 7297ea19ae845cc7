package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/helper/store"
)

// The next start finds changes to the file while usherd does not run, or right before usherd is killed. The mark beside
// the file shows them.
func TestFileIsExchangedWhileNobodyHasItOpen(t *testing.T) {
	for name, c := range map[string]struct {
		// exchange changes the closed journal at path; earlier is a copy of its state before the last three values.
		exchange func(t *testing.T, path, earlier string)
		want     string
		kept     []string
	}{
		"nothing": {func(*testing.T, string, string) {}, "", []string{"first", "fourth", "second", "third"}},
		"removed": {func(t *testing.T, path, _ string) { try(t, os.Remove(path)) },
			"its file was removed before usherd started", nil},
		"an earlier copy": {replaceBy, "an earlier state has replaced it; commits that are lost: 3", []string{"first"}},
		"an earlier copy, written over": {func(t *testing.T, path, earlier string) {
			content, err := os.ReadFile(earlier)
			try(t, err)
			try(t, os.WriteFile(path, content, 0o600))
		}, "an earlier state has replaced it; commits that are lost: 3", []string{"first"}},
		"another journal": {func(t *testing.T, path, _ string) {
			other := filepath.Join(t.TempDir(), "journal")
			s := open(t, other)
			for range 9 {
				try(t, put(s, "other", "other"))
			}
			try(t, s.Close())
			replaceBy(t, path, other)
		}, "another file has replaced it", []string{"other"}},
		"the mark beside it is behind, as after a kill": {func(t *testing.T, path, earlier string) {
			replaceBy(t, path+".mark", earlier+".mark")
		}, "", []string{"first", "fourth", "second", "third"}},
		"the mark beside it is removed": {func(t *testing.T, path, _ string) { try(t, os.Remove(path+".mark")) },
			"", []string{"first", "fourth", "second", "third"}},
		"the mark beside it is noise": {
			func(t *testing.T, path, _ string) { try(t, os.WriteFile(path+".mark", []byte("\x00}"), 0o600)) },
			"", []string{"first", "fourth", "second", "third"}},
	} {
		t.Run(name, func(t *testing.T) {
			path, earlier := filepath.Join(t.TempDir(), "journal"), filepath.Join(t.TempDir(), "journal")
			s := open(t, path)
			try(t, put(s, "1", "first"))
			try(t, s.Close())
			for _, suffix := range []string{"", ".mark"} {
				content, err := os.ReadFile(path + suffix)
				try(t, err)
				try(t, os.WriteFile(earlier+suffix, content, 0o600))
			}
			s = open(t, path)
			for _, text := range []string{"second", "third", "fourth"} {
				try(t, put(s, text, text))
			}
			try(t, s.Close())

			c.exchange(t, path, earlier)

			for start := range 2 { // it is found once, and shown from then on
				var found []store.Damage
				s, err := store.OpenOrReplace(path, func(damages []store.Damage) { found = damages })
				try(t, err)
				damages, err := s.Damages()
				try(t, err)
				if c.want == "" && (len(damages) != 0 || len(found) != 0) {
					t.Errorf("reported: %+v, %+v", damages, found)
				}
				if c.want != "" && len(found) != 1-start {
					t.Errorf("start %d found %+v", start, found)
				}
				if c.want != "" && (len(damages) != 1 || !strings.Contains(damages[0].Why, c.want)) {
					t.Errorf("reported: %+v", damages)
				}
				if got := texts(t, s); strings.Join(got, " ") != strings.Join(c.kept, " ") {
					t.Errorf("the journal holds %q", got)
				}
				try(t, s.Close())
			}
		})
	}
}

// A file that is copied over the open one is another state of the journal.
func TestEarlierStateIsCopiedOverTheOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := open(t, path)
	try(t, put(s, "1", "first"))
	try(t, s.Close())
	earlier, err := os.ReadFile(path)
	try(t, err)
	s, err = store.OpenOrReplace(path, func([]store.Damage) {})
	try(t, err)
	defer s.Close()
	for _, text := range []string{"second", "third", "fourth"} {
		try(t, put(s, text, text))
	}
	try(t, os.WriteFile(path, earlier, 0o600))
	if err := put(s, "new", "new"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("the first call: %v", err)
	}
	try(t, put(s, "new", "new"))
	if got := texts(t, s); strings.Join(got, " ") != "first new" {
		t.Errorf("the journal holds %q", got)
	}
	damages, err := s.Damages()
	try(t, err)
	if len(damages) != 1 || !strings.Contains(damages[0].Why, "an earlier state has replaced it") {
		t.Errorf("reported: %+v", damages)
	}
}

// A flipped bit in the file beside the journal says nothing about the journal. If that file cannot be written, the
// journal remains usable.
func TestDamagedFileBesideTheJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s := open(t, path)
	try(t, put(s, "1", "first"))
	try(t, s.Close())
	whole, err := os.ReadFile(path + ".mark")
	try(t, err)
	use := func(what string) {
		t.Helper()
		s := open(t, path)
		try(t, put(s, "1", "first"))
		damages, err := s.Damages()
		try(t, err)
		if len(damages) != 0 {
			t.Errorf("%s: reported: %+v", what, damages)
		}
		try(t, s.Close())
	}
	for at := range whole {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << (at % 7)
		try(t, os.WriteFile(path+".mark", flipped, 0o600))
		use(fmt.Sprintf("bit of byte %d", at))
	}
	try(t, os.Remove(path+".mark"))
	try(t, os.MkdirAll(path+".mark/full", 0o700))
	use("a folder")
	try(t, os.WriteFile(path, []byte("noise"), 0o600))
	s, err = store.OpenOrReplace(path, func([]store.Damage) {})
	try(t, err)
	try(t, s.Close())
}

func replaceBy(t *testing.T, path, other string) {
	t.Helper()
	try(t, os.Rename(other, path))
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
