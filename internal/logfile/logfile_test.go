package logfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"usher.internal/internal/logfile"
	"usher.internal/internal/trust"
)

func open(t *testing.T, path string, limit int64) *logfile.File {
	t.Helper()
	log, err := logfile.Open(path, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

func write(t *testing.T, log *logfile.File, entry string) {
	t.Helper()
	if _, err := log.Write([]byte(entry + "\n")); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, path, content string) {
	t.Helper()
	if found, err := os.ReadFile(path); err != nil || string(found) != content {
		t.Errorf("%s holds %q (%v), want %q", filepath.Base(path), found, err, content)
	}
}

// newsyslog moves the file away, and may create an empty one.
func TestMovedLogIsCreatedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder", "usherd.log")
	log := open(t, path, 0)
	write(t, log, "one")
	if err := os.Rename(path, path+".0"); err != nil {
		t.Fatal(err)
	}
	write(t, log, "two")
	want(t, path, "two\n")
	want(t, path+".0", "one\n")
	if err := os.Rename(path, path+".0"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("turned over\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, log, "three")
	want(t, path, "turned over\nthree\n")
}

func TestLogIsAppendedToAndBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := open(t, path, 15)
	write(t, log, "one")
	want(t, path, "before\none\n")
	write(t, log, "two two")
	want(t, path, "two two\n")
	want(t, path+".1", "before\none\n")
	// An entry that is too long for any log is in a log by itself.
	write(t, log, strings.Repeat("x", 40))
	write(t, log, "y")
	want(t, path, "y\n")
	want(t, path+".1", strings.Repeat("x", 40)+"\n")
}

func TestEntriesOfManyStayWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	log := open(t, path, 400)
	var writers sync.WaitGroup
	for writer := range 8 {
		writers.Go(func() {
			for entry := range 50 {
				if _, err := fmt.Fprintf(log, "writer %d entry %d end\n", writer, entry); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	for _, name := range []string{path, path + ".1"} {
		content, err := os.ReadFile(name)
		if err != nil || len(content) > 400 {
			t.Fatalf("%d bytes, %v", len(content), err)
		}
		for line := range strings.Lines(string(content)) {
			if !strings.HasPrefix(line, "writer ") || !strings.HasSuffix(line, " end\n") {
				t.Errorf("line %q", line)
			}
		}
	}
}

// Root writes where others may be able to create files.
func TestLogIsNoLinkAndNoPipe(t *testing.T) {
	directory := t.TempDir()
	elsewhere := filepath.Join(directory, "elsewhere")
	link := filepath.Join(directory, "usherd.log")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, "/dev/null", directory} {
		if log, err := logfile.Open(path, 0); err == nil {
			log.Close()
			t.Errorf("%s was opened", path)
		}
	}
	if _, err := os.Lstat(elsewhere); err == nil {
		t.Error("the link was followed")
	}
}

// Root creates no log in a directory that another user can change: that user could make the name lead elsewhere.
func TestLogOfRootInADirectoryOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	theirs := filepath.Join(t.TempDir(), "theirs")
	if err := errors.Join(os.Mkdir(theirs, 0o755), os.Chown(theirs, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(theirs, "usherd.log"), filepath.Join(theirs, "new", "usherd.log")} {
		if log, err := logfile.Open(path, 0); !errors.Is(err, trust.ErrUntrusted) {
			t.Errorf("%s: %v", path, err)
			if err == nil {
				log.Close()
			}
		}
	}
}
