package atomicfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"usher.internal/internal/atomicfile"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// holds checks all names in a directory and their contents.
func holds(t *testing.T, directory string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	must(t, err)
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(directory, entry.Name()))
		if wanted, ok := want[entry.Name()]; err != nil || !ok || string(content) != wanted {
			t.Errorf("%s holds %q, %v; want %q", entry.Name(), content, err, wanted)
		}
	}
	if len(entries) != len(want) {
		t.Errorf("the directory has %v", entries)
	}
}

func TestFileIsReplaced(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	directory := t.TempDir()
	path := filepath.Join(directory, "x")
	for _, one := range []struct {
		content string
		mode    fs.FileMode
	}{{"first", 0o600}, {"the second", 0o644}, {"", 0o400}, {"last", 0o755}} {
		must(t, atomicfile.Write(path, []byte(one.content), one.mode))
		holds(t, directory, map[string]string{"x": one.content})
		if info, err := os.Lstat(path); err != nil || info.Mode() != one.mode {
			t.Errorf("%v, %v, want %v", info.Mode(), err, one.mode)
		}
	}
}

// A symbolic link in the place of the file is replaced, and its target is not written.
func TestLinkIsReplaced(t *testing.T) {
	directory, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	path := filepath.Join(directory, "x")
	must(t, os.WriteFile(elsewhere, []byte("theirs"), 0o600), os.Symlink(elsewhere, path))
	must(t, atomicfile.Write(path, []byte("ours"), 0o600))
	holds(t, filepath.Dir(elsewhere), map[string]string{"elsewhere": "theirs"})
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestDirectories(t *testing.T) {
	for name, open := range map[string]func(string) (atomicfile.Directory, error){
		"root": func(path string) (atomicfile.Directory, error) { return os.OpenRoot(path) },
		"path": func(path string) (atomicfile.Directory, error) { return atomicfile.Path(path), nil },
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			below := filepath.Join(directory, "below")
			must(t, os.Mkdir(below, 0o700))
			in, err := open(directory)
			must(t, err)
			long := "below/" + strings.Repeat("ü", 127) // 254 bytes
			must(t, atomicfile.File{}.Write(in, long, atomicfile.Content([]byte("one"))))
			err = atomicfile.File{Keep: true}.Write(in, long, atomicfile.Content([]byte("two")))
			if !errors.Is(err, fs.ErrExist) {
				t.Errorf("a file that is there: %v", err)
			}
			must(t, os.WriteFile(filepath.Join(below, "left"), []byte("half"), 0o644))
			must(t, atomicfile.File{Temporary: "below/left", Keep: true}.Write(in, "below/x",
				atomicfile.Content([]byte("three"))), atomicfile.SyncDirectory(in))
			holds(t, below, map[string]string{filepath.Base(long): "one", "x": "three"})
		})
	}
}

var errFull = errors.New("no space")

func TestContentThatCannotBeWritten(t *testing.T) {
	directory := t.TempDir()
	in := atomicfile.Path(directory)
	must(t, os.WriteFile(filepath.Join(directory, "x"), []byte("before"), 0o600))
	half := func(file *os.File) error { _, err := file.WriteString("ha"); return errors.Join(err, errFull) }
	for _, file := range []atomicfile.File{{}, {Unsynced: true}, {Temporary: "y"}} {
		if err := file.Write(in, "x", half); !errors.Is(err, errFull) {
			t.Errorf("%+v: %v", file, err)
		}
	}
	if err := atomicfile.CreateInPlace(in, "y", 0o600, half); !errors.Is(err, errFull) {
		t.Errorf("in place: %v", err)
	}
	if err := atomicfile.CreateInPlace(in, "x", 0o600, half); !errors.Is(err, fs.ErrExist) {
		t.Errorf("in place of another: %v", err)
	}
	must(t, os.Mkdir(filepath.Join(directory, "full"), 0o700), os.Mkdir(filepath.Join(directory, "full/z"), 0o700))
	if err := atomicfile.Write(filepath.Join(directory, "full"), nil, 0o600); err == nil {
		t.Error("a file has replaced a directory")
	}
	must(t, os.RemoveAll(filepath.Join(directory, "full")))
	holds(t, directory, map[string]string{"x": "before"})
}

// unreadable is a directory whose file descriptors cannot be synced. It counts the attempts.
type unreadable struct {
	atomicfile.Directory
	synced int
	err    error
}

func (u *unreadable) OpenFile(name string, flags int, mode fs.FileMode) (*os.File, error) {
	if flags == os.O_RDONLY {
		u.synced++
		return nil, u.err
	}
	return u.Directory.OpenFile(name, flags, mode)
}

func TestSyncOfTheDirectory(t *testing.T) {
	for _, test := range []struct {
		file   atomicfile.File
		err    error
		synced int
		fails  bool
	}{
		{atomicfile.File{}, fs.ErrPermission, 1, false},
		{atomicfile.File{Keep: true}, syscall.ENOTSUP, 1, false},
		{atomicfile.File{}, syscall.EIO, 1, true},
		{atomicfile.File{Unsynced: true}, syscall.EIO, 0, false},
	} {
		directory := t.TempDir()
		in := &unreadable{Directory: atomicfile.Path(directory), err: test.err}
		err := test.file.Write(in, "x", atomicfile.Content([]byte("new")))
		if (err != nil) != test.fails || in.synced != test.synced {
			t.Errorf("%+v with %v: %v after %d syncs", test.file, test.err, err, in.synced)
		}
		holds(t, directory, map[string]string{"x": "new"})
	}
}

func TestRename(t *testing.T) {
	directory := t.TempDir()
	from, to := filepath.Join(directory, "from"), filepath.Join(directory, "to")
	must(t, os.WriteFile(from, []byte("new"), 0o600), os.WriteFile(to, []byte("old"), 0o600))
	must(t, atomicfile.Rename(from, to))
	holds(t, directory, map[string]string{"to": "new"})
	if err := atomicfile.Rename(from, to); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestKilled kills processes that write without end: the name always leads to one complete content.
func TestKilled(t *testing.T) {
	const writes = "USHER_TEST_WRITES"
	contents := [][]byte{bytes.Repeat([]byte("a"), 1<<20), bytes.Repeat([]byte("b"), 1<<20)}
	if path := os.Getenv(writes); path != "" {
		for i := 0; ; i++ {
			if i == 1 {
				os.Stdout.WriteString("x") // the file exists
			}
			if err := atomicfile.Write(path, contents[i%2], 0o600); err != nil {
				os.Stdout.WriteString(err.Error())
				os.Exit(1)
			}
		}
	}
	for range 5 {
		path := filepath.Join(t.TempDir(), "x")
		command := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		command.Env = append(os.Environ(), writes+"="+path)
		said, err := command.StdoutPipe()
		must(t, err, command.Start())
		if _, err := said.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			content, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(content, contents[0]) && !bytes.Equal(content, contents[1]) {
				t.Errorf("a reader has %d bytes, %v", len(content), err)
			}
		}
		must(t, command.Process.Kill())
		command.Wait()
		content, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(content, contents[0]) && !bytes.Equal(content, contents[1]) {
			t.Errorf("after the kill it has %d bytes, %v", len(content), err)
		}
	}
}
