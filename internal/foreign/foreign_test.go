package foreign_test

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"usher.internal/internal/foreign"
)

// The uids of two users; they need no account.
const (
	jane = 64_001
	john = 64_002
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mac is a folder of root's with Jane's home and John's file.
type mac struct {
	t *testing.T
	// folder belongs to root, and home belongs to Jane. shared is sticky like /tmp and open for everybody.
	folder, home, shared, open string
	// secret belongs only to root, johns belongs only to John.
	secret, johns string
}

func newMac(t *testing.T) *mac {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes files of several users, so it needs root")
	}
	folder := t.TempDir()
	m := &mac{t: t, folder: folder, home: filepath.Join(folder, "jane"), shared: filepath.Join(folder, "shared"),
		open:   filepath.Join(folder, "open"),
		secret: filepath.Join(folder, "secret"), johns: filepath.Join(folder, "johns")}
	for _, one := range []string{m.home, m.shared, m.open} {
		m.must(os.Mkdir(one, 0o755))
	}
	m.must(os.Chown(m.home, jane, jane))
	m.must(os.Chmod(m.shared, 0o777|fs.ModeSticky))
	m.must(os.Chmod(m.open, 0o777))
	m.write(m.secret, "root's secret", 0, 0o600)
	m.write(m.johns, "john's secret", john, 0o600)
	return m
}

func (m *mac) must(errs ...error) {
	m.t.Helper()
	if err := errors.Join(errs...); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mac) write(path, text string, owner int, mode fs.FileMode) {
	m.t.Helper()
	m.must(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode), os.Lchown(path, owner, owner))
}

// link makes a symbolic link that belongs to a user.
func (m *mac) link(target, path string, owner int) {
	m.t.Helper()
	m.must(os.Symlink(target, path), os.Lchown(path, owner, owner))
}

func (m *mac) folderOf(path string, owner int) {
	m.t.Helper()
	m.must(os.Mkdir(path, 0o755), os.Chown(path, owner, owner))
}

func TestRootFollowsNoLinkOfAnotherUser(t *testing.T) {
	m := newMac(t)
	logs := filepath.Join(m.home, "Logs")
	m.folderOf(logs, jane)
	m.write(filepath.Join(logs, "own.log"), "jane's", jane, 0o600)
	m.link(m.secret, filepath.Join(logs, "link.log"), jane)
	m.link(m.folder, filepath.Join(m.home, "out"), jane)
	m.link("own.log", filepath.Join(logs, "alias.log"), jane)
	m.link(m.secret, filepath.Join(logs, "roots.log"), 0)
	m.link(m.secret, filepath.Join(m.shared, "jane.log"), jane)
	m.link(m.secret, filepath.Join(m.shared, "root.log"), 0)
	m.link(m.secret, filepath.Join(m.open, "root.log"), 0)
	m.link(m.secret, filepath.Join(m.folder, "root.log"), 0)
	m.link("jane/Logs", filepath.Join(m.folder, "logs"), 0)
	m.link("../jane/./Logs/..//Logs/own.log", filepath.Join(m.shared, "winding"), 0)
	m.link("logs/link.log", filepath.Join(m.folder, "chain"), 0)
	m.link("round", filepath.Join(m.folder, "round"), 0)
	m.link("nowhere", filepath.Join(m.folder, "dangling"), 0)

	for _, test := range []struct {
		path, want string
		err        error
	}{
		{"jane/Logs/own.log", "jane's", nil},
		{"jane/Logs/link.log", "", foreign.ErrLink},
		{"jane/out/secret", "", foreign.ErrLink},
		{"jane/out/jane/Logs/own.log", "", foreign.ErrLink},
		{"jane/Logs/alias.log", "", foreign.ErrLink},
		{"jane/Logs/roots.log", "", foreign.ErrLink}, // jane may have moved it there
		{"shared/jane.log", "", foreign.ErrLink},
		{"shared/root.log", "root's secret", nil},
		{"open/root.log", "", foreign.ErrLink},
		{"root.log", "root's secret", nil},
		{"logs/own.log", "jane's", nil},
		{"logs/link.log", "", foreign.ErrLink},
		{"logs/../Logs/own.log", "jane's", nil}, // as the kernel reads it
		{"shared/winding", "jane's", nil},
		{"chain", "", foreign.ErrLink},
		{"round", "", syscall.ELOOP},
		{"dangling", "", fs.ErrNotExist},
		{"missing/own.log", "", fs.ErrNotExist},
		{"jane/Logs/own.log/x", "", syscall.ENOTDIR},
		{"jane/Logs/own.log/", "", syscall.ENOTDIR},
		{"jane/Logs", "", foreign.ErrNotAFile},
		{"", "", foreign.ErrNotAFile},
	} {
		for from, path := range map[string]string{"absolute": m.folder + "/" + test.path,
			"relative": "../" + filepath.Base(m.folder) + "/./" + test.path} {
			t.Chdir(m.home + "/..")
			got, err := foreign.Read(path, 100)
			if string(got) != test.want || !errors.Is(err, test.err) {
				t.Errorf("%s, %s: %q, %v", test.path, from, got, err)
			}
		}
	}
	if _, _, err := foreign.Open(""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no path: %v", err)
	}
	t.Chdir(logs)
	if got, err := foreign.Read("../../jane/Logs/../Logs/own.log", 100); string(got) != "jane's" || err != nil {
		t.Errorf("a path that begins with ..: %q, %v", got, err)
	}
	if _, err := foreign.Read("../../../"+filepath.Base(m.folder)+"/jane/out/secret", 100); !errors.Is(err,
		foreign.ErrLink) {
		t.Errorf("a link behind ..: %v", err)
	}
}

func TestRootOpensNoHardLinkToAThirdUsersFile(t *testing.T) {
	m := newMac(t)
	for name, target := range map[string]string{"secret.log": m.secret, "johns.log": m.johns} {
		m.must(os.Link(target, filepath.Join(m.home, name)), os.Link(target, filepath.Join(m.shared, name)))
	}
	m.write(filepath.Join(m.home, "own.log"), "jane's", jane, 0o600)
	m.must(os.Link(filepath.Join(m.home, "own.log"), filepath.Join(m.home, "again.log")))
	m.must(os.Link(m.secret, filepath.Join(m.folder, "again")))
	m.write(filepath.Join(m.home, "archive.zip"), "made by root", 0, 0o600)
	m.write(filepath.Join(m.home, "public.log"), "made by root", 0, 0o644)
	m.write(filepath.Join(m.shared, "john.log"), "john's", john, 0o600)
	for _, test := range []struct {
		path string
		// named and found say whether it is opened.
		named, found bool
	}{
		{"jane/secret.log", false, false},
		{"jane/johns.log", false, false},
		{"shared/secret.log", false, false},
		{"shared/johns.log", false, false},
		{"jane/own.log", true, true},
		{"jane/again.log", true, true},
		{"again", true, true},
		{"jane/archive.zip", true, false}, // it may have had another name once
		{"jane/public.log", true, true},
		{"shared/john.log", true, true},
	} {
		path := filepath.Join(m.folder, test.path)
		folder, err := foreign.OpenFolder(filepath.Dir(path))
		m.must(err)
		for how, open := range map[string]func() (*os.File, fs.FileInfo, error){
			"named": func() (*os.File, fs.FileInfo, error) { return foreign.Open(path) },
			"found": func() (*os.File, fs.FileInfo, error) { return foreign.Opener{}.OpenFound(path) },
			"in its folder": func() (*os.File, fs.FileInfo, error) {
				if _, err := folder.Stat(filepath.Base(path)); (err == nil) != test.found {
					t.Errorf("%s: its folder says %v", test.path, err)
				}
				return folder.Open(filepath.Base(path))
			},
		} {
			want := test.found
			if how == "named" {
				want = test.named
			}
			file, _, err := open()
			if (err == nil) != want || err != nil && !errors.Is(err, foreign.ErrHardLink) {
				t.Errorf("%s, %s: %v", test.path, how, err)
			}
			if err == nil {
				file.Close()
			}
		}
		m.must(folder.Close())
	}
}

func TestOnlyFilesAreOpened(t *testing.T) {
	m := newMac(t)
	pipe, socket := filepath.Join(m.home, "pipe"), filepath.Join(m.home, "socket")
	m.must(syscall.Mkfifo(pipe, 0o666), os.Chown(pipe, jane, jane))
	listener, err := net.Listen("unix", socket)
	m.must(err)
	defer listener.Close()
	for _, path := range []string{pipe, socket, m.home, "/dev/null", "/dev/zero"} {
		if _, err := foreign.Read(path, 10); !errors.Is(err, foreign.ErrNotAFile) {
			t.Errorf("%s: %v", path, err)
		}
	}
	long := filepath.Join(m.home, "long")
	m.write(long, strings.Repeat("x", 100), jane, 0o600)
	if got, err := foreign.Read(long, 100); len(got) != 100 || err != nil {
		t.Errorf("100 bytes: %d, %v", len(got), err)
	}
	if got, err := foreign.Read(long, 99); got != nil || !errors.Is(err, foreign.ErrTooLarge) ||
		!strings.Contains(err.Error(), long) {
		t.Errorf("100 bytes where 99 may be: %d, %v", len(got), err)
	}
}

// The opened file is read, even if its path has another file now.
func TestAFolderIsTheOneThatWasOpened(t *testing.T) {
	m := newMac(t)
	logs, other := filepath.Join(m.home, "Logs"), filepath.Join(m.folder, "other")
	m.folderOf(logs, jane)
	m.must(os.Mkdir(other, 0o700))
	m.folderOf(filepath.Join(logs, "inner"), jane)
	m.write(filepath.Join(logs, "a.log"), "jane's", jane, 0o600)
	m.write(filepath.Join(other, "a.log"), "root's secret", 0, 0o644)
	folder, err := foreign.OpenFolder(logs)
	m.must(err)
	defer folder.Close()
	m.must(os.Rename(logs, logs+".old"))
	m.link(other, logs, jane)
	entries, err := folder.Entries()
	if err != nil || len(entries) != 2 || entries[0].Name() != "a.log" || !entries[0].Type().IsRegular() ||
		!entries[1].IsDir() {
		t.Errorf("it has %v, %v", entries, err)
	}
	file, _, err := folder.Open("a.log")
	m.must(err)
	defer file.Close()
	if got, _ := io.ReadAll(file); string(got) != "jane's" {
		t.Errorf("read %q", got)
	}
	if _, err := foreign.OpenFolder(logs); !errors.Is(err, foreign.ErrLink) {
		t.Errorf("the link in its place: %v", err)
	}
	m.must(os.Remove(filepath.Join(logs+".old", "inner")))
	m.link(other, filepath.Join(logs+".old", "inner"), jane)
	if _, err := folder.Folder("inner"); err == nil {
		t.Error("a link was opened as a folder")
	}
	inner, err := foreign.OpenFolder(logs + ".old")
	m.must(err, inner.Close())
	if _, err := foreign.OpenFolder(filepath.Join(logs+".old", "a.log")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file as a folder: %v", err)
	}
	if _, _, err := folder.Open("../../secret"); err == nil {
		t.Error("a path leads out of the folder")
	}
}

func TestBelow(t *testing.T) {
	m := newMac(t)
	m.folderOf(filepath.Join(m.home, "Logs"), jane)
	m.write(filepath.Join(m.home, "Logs", "a.log"), "jane's", jane, 0o600)
	m.link(m.secret, filepath.Join(m.home, "out"), 0)
	m.must(os.Chown(m.home, 0, 0)) // so that root's link there would be followed
	opener := foreign.Opener{Below: m.home}
	for path, want := range map[string]error{
		m.home + "/Logs/a.log": nil, m.home + "/out": foreign.ErrLink, m.home + "/missing": fs.ErrNotExist,
		m.secret: nil,
	} {
		file, _, err := opener.Open(path)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			file.Close()
		}
	}
	folder, err := opener.OpenFolder(m.home + "/Logs")
	m.must(err, folder.Close())
}

// A user exchanges a file for a link, again and again, while root opens it. Root reads the file or nothing.
func TestNoRaceLeadsToALink(t *testing.T) {
	m := newMac(t)
	logs := filepath.Join(m.home, "Logs")
	m.folderOf(logs, jane)
	path := filepath.Join(logs, "a.log")
	m.write(path, "jane's", jane, 0o600)
	m.link(m.secret, filepath.Join(m.home, "link"), jane)
	m.must(os.Link(m.secret, filepath.Join(m.home, "hard")))
	m.folderOf(filepath.Join(m.home, "bait"), jane)
	m.link(m.folder, filepath.Join(m.home, "out"), jane)
	m.must(os.Mkdir(filepath.Join(m.folder, "trap"), 0o755))
	m.write(filepath.Join(m.folder, "a.log"), "root's secret", 0, 0o600)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		exchange := func(a, b string) { // both names exist all the time
			os.Rename(a, a+".x")
			os.Rename(b, a)
			os.Rename(a+".x", b)
		}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			exchange(path, filepath.Join(m.home, []string{"link", "hard"}[i/2%2]))
			exchange(logs, filepath.Join(m.home, "out"))
			exchange(logs, filepath.Join(m.home, "out"))
		}
	}()
	read := 0
	for range 2_000 {
		content, err := foreign.Read(path, 100)
		if err == nil {
			read++
		}
		if err == nil && string(content) != "jane's" {
			t.Fatalf("root read %q", content)
		}
	}
	close(stop)
	<-done
	t.Logf("read %d times", read)
	if read == 0 {
		t.Error("never read, so this test has tried nothing")
	}
}
