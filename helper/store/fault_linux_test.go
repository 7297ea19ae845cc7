package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"usher.internal/helper/store"
)

// overwrite changes a file in place, as a disk does. A process that has it mapped sees it.
func overwrite(t *testing.T, path string, at int64, content []byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(content, at); err != nil {
		t.Fatal(err)
	}
}

// filled is a journal of some pages that a store holds open.
func filled(t *testing.T, replace bool) (s *store.Store, path string, reported *[]store.Damage) {
	t.Helper()
	path, reported = filepath.Join(t.TempDir(), "journal"), new([]store.Damage)
	var err error
	if replace {
		s, err = store.OpenOrReplace(path, func(found []store.Damage) { *reported = append(*reported, found...) })
	} else {
		s, err = store.Open(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for i := range 200 {
		if err := put(s, string(store.NumberKey(uint64(i))), "note"); err != nil {
			t.Fatal(err)
		}
	}
	return s, path, reported
}

// readAll reads every note, in a view or, as a writer, in an update.
func readAll(s *store.Store, write bool) (count int, err error) {
	read := func(tx *store.Tx) error {
		count = 0
		for _, err := range notes.Ascend(tx) {
			if err != nil {
				return err
			}
			count++
		}
		return nil
	}
	if write {
		return count, s.Update(read)
	}
	err = s.View(read)
	return count, err
}

// The file is cut short, or overwritten, while usherd runs. The call that finds it ends with an error, none hangs, and
// the next one finds a new journal that records the damage.
func TestDamageWhileTheFileIsOpen(t *testing.T) {
	page := int64(os.Getpagesize())
	for name, damage := range map[string]func(t *testing.T, path string, size int64){
		"cut to two pages": func(t *testing.T, path string, _ int64) { truncate(t, path, 2*page) },
		"cut to nothing":   func(t *testing.T, path string, _ int64) { truncate(t, path, 0) },
		"zeros":            func(t *testing.T, path string, size int64) { overwrite(t, path, 0, make([]byte, size)) },
		"zeros behind the headers": func(t *testing.T, path string, size int64) {
			overwrite(t, path, 2*page, make([]byte, size-2*page))
		},
	} {
		for _, write := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s, path, reported := filled(t, true)
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				reopened := s.Reopened()
				damage(t, path, info.Size())
				if _, err := readAll(s, write); !errors.Is(err, store.ErrDamaged) ||
					write && !errors.Is(err, store.ErrUnwritable) {
					t.Fatalf("got %v", err)
				}
				if err := put(s, "after", "new"); err != nil {
					t.Fatal(err)
				}
				if got := texts(t, s); !slices.Equal(got, []string{"new"}) {
					t.Errorf("the new journal holds %q", got)
				}
				damages, err := s.Damages()
				if err != nil || len(damages) != 1 || damages[0].File != path+".damaged" || len(*reported) != 1 ||
					s.WriteError() != nil {
					t.Errorf("%+v, %v, reported %+v, write error %v", damages, err, *reported, s.WriteError())
				}
				select {
				case <-reopened:
				default:
					t.Error("the reopened file was not reported")
				}
			})
		}
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// Without permission to replace it, the store reports the problem as long as it lasts.
func TestDamageOfAnOpenFileThatIsNotReplaced(t *testing.T) {
	s, path, _ := filled(t, false)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	truncate(t, path, 3*int64(os.Getpagesize()))
	for range 3 {
		if _, err := readAll(s, false); !errors.Is(err, store.ErrDamaged) {
			t.Fatalf("got %v", err)
		}
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	if count, err := readAll(s, false); count != 200 || err != nil {
		t.Errorf("once it is back: %d notes, %v", count, err)
	}
}

// A panic of a caller of the store reaches the caller, and no lock of its transaction remains.
func TestPanicOfACallerIsNoDamage(t *testing.T) {
	s, _, _ := filled(t, true)
	for _, call := range []func(func(*store.Tx) error) error{s.View, s.Update} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic got lost")
				}
			}()
			call(func(*store.Tx) error { panic("a defect") })
		}()
	}
	if err := put(s, "after", "new"); err != nil {
		t.Error(err)
	}
}

// Anything in the journal's place that is not a file is set aside, whatever was set aside before it.
func TestNoFileInTheJournalsPlace(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"directory":     func(path string) error { return os.MkdirAll(filepath.Join(path, "in it"), 0o700) },
		"pipe":          func(path string) error { return unix.Mkfifo(path, 0o600) },
		"link":          func(path string) error { return os.Symlink("/etc/passwd", path) },
		"dangling link": func(path string) error { return os.Symlink("/none", path) },
		"empty file":    func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		for _, before := range []string{"nothing", "a file", "a directory"} {
			t.Run(name+" after "+before, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "journal")
				var err error
				switch before {
				case "a file":
					err = os.WriteFile(path+".damaged", []byte("earlier"), 0o600)
				case "a directory":
					err = os.MkdirAll(path+".damaged/in it", 0o700)
				}
				if err := errors.Join(err, make(path)); err != nil {
					t.Fatal(err)
				}
				reported := 0
				s, err := store.OpenOrReplace(path, func(found []store.Damage) { reported += len(found) })
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if err := put(s, "a", "one"); err != nil || reported != 1 {
					t.Errorf("reported %d, %v", reported, err)
				}
				if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
					t.Errorf("the journal is %v, %v", info.Mode(), err)
				}
			})
		}
	}
	if info, err := os.Stat("/etc/passwd"); err != nil || info.Mode().Perm()&0o004 == 0 {
		t.Errorf("what the link led to was touched: %v, %v", info.Mode(), err)
	}
}
