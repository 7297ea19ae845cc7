// Package earlier finds what older versions of usher left, for tests that open it: e2e/upgrade/testdata says what there is.
package earlier

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Version is one that users may upgrade from.
type Version struct {
	// Name is its day, Revision the commit whose programs left it, and Directory where it is.
	Name, Revision, Directory string
}

// Versions returns all of them, the oldest first. There is at least one.
func Versions(t testing.TB) []Version {
	t.Helper()
	directory := filepath.Join(root(t), "e2e", "upgrade", "testdata")
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var all []Version
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		version := Version{Name: entry.Name(), Directory: filepath.Join(directory, entry.Name())}
		revision, err := os.ReadFile(version.Path("revision"))
		if err != nil {
			t.Fatal(err)
		}
		version.Revision = strings.TrimSpace(string(revision))
		all = append(all, version)
	}
	if len(all) == 0 {
		t.Fatalf("%s has no version", directory)
	}
	return all
}

// root is the directory of the module that the test is in.
func root(t testing.TB) string {
	t.Helper()
	directory, err := os.Getwd()
	for ; err == nil; directory = filepath.Dir(directory) {
		if _, missing := os.Stat(filepath.Join(directory, "go.mod")); missing == nil {
			return directory
		}
		if directory == filepath.Dir(directory) {
			err = errors.New("no go.mod above the test")
		}
	}
	t.Fatal(err)
	return ""
}

// Path is a file that the version left.
func (v Version) Path(name ...string) string {
	return filepath.Join(append([]string{v.Directory}, name...)...)
}

// Journal returns the path of a copy of the version's journal that the test may change.
func (v Version) Journal(t testing.TB) string {
	t.Helper()
	packed, err := os.Open(v.Path("journal.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	reader, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
