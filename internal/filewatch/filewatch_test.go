package filewatch_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher.internal/internal/filewatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watch is a running [filewatch.Watch], and the content of the files at each change that it reported.
type watch struct {
	t        *testing.T
	files    atomic.Pointer[[]string]
	renew    chan struct{}
	reported chan map[string]string
	end      func()
}

func watching(t *testing.T, files ...string) *watch {
	t.Helper()
	w := &watch{t: t, renew: make(chan struct{}, 1), reported: make(chan map[string]string, 64)}
	w.files.Store(&files)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- filewatch.Watch(ctx, slog.New(slog.DiscardHandler), func() []string { return *w.files.Load() },
			w.renew, func() {
				held := map[string]string{}
				for _, file := range *w.files.Load() {
					if content, err := os.ReadFile(file); err == nil {
						held[file] = string(content)
					}
				}
				w.reported <- held
			})
	}()
	w.end = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
		ended <- nil
	}
	t.Cleanup(func() { w.end() })
	select {
	case <-w.reported: // once at the beginning
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was reported at the beginning")
	}
	return w
}

// holds waits for the report that a file has this content; "" means that it does not exist.
func (w *watch) holds(file, want string) {
	w.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case held := <-w.reported:
			if held[file] == want {
				return
			}
		case <-limit:
			w.t.Fatalf("no report that %s holds %q", file, want)
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// replace writes a file next to the one at path, and moves it into its place.
func replace(path, content string) error {
	return errors.Join(os.WriteFile(path+".new", []byte(content), 0o644), os.Rename(path+".new", path))
}

// relink makes a link lead elsewhere, in one step.
func relink(link, target string) error {
	return errors.Join(os.Symlink(target, link+".new"), os.Rename(link+".new", link))
}

func TestFileComesIsChangedReplacedAndGoes(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	w := watching(t, file, "") // an empty name is ignored
	must(t, os.WriteFile(file, []byte("created"), 0o644))
	w.holds(file, "created")
	must(t, os.WriteFile(file, []byte("written in place"), 0o644))
	w.holds(file, "written in place")
	must(t, replace(file, "renamed over"))
	w.holds(file, "renamed over")
	must(t, replace(file, "renamed over again"))
	w.holds(file, "renamed over again")
	must(t, os.Remove(file))
	w.holds(file, "")
	must(t, replace(file, "is back"))
	w.holds(file, "is back")
}

// The programs that can read a file may change without the file.
func TestModeIsAChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, []byte("x"), 0o644))
	w := watching(t, file)
	must(t, os.Chmod(file, 0o600))
	w.holds(file, "x")
}

func TestDirectoriesThatComeLaterAndGo(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "not", "yet", "there", "file")
	w := watching(t, file)
	for _, content := range []string{"first", "second"} {
		must(t, os.MkdirAll(filepath.Dir(file), 0o755), replace(file, content))
		w.holds(file, content)
		must(t, replace(file, content+", changed"))
		w.holds(file, content+", changed")
		must(t, os.RemoveAll(filepath.Join(root, "not")))
		w.holds(file, "")
	}
	// Step by step, so that each directory is a change of its own.
	for _, directory := range []string{"not", "not/yet", "not/yet/there"} {
		must(t, os.Mkdir(filepath.Join(root, directory), 0o755))
		w.holds(file, "")
	}
	must(t, replace(file, "third"))
	w.holds(file, "third")
}

// A whole directory replaces another, as an installer does.
func TestDirectoryIsReplaced(t *testing.T) {
	root := t.TempDir()
	now, next := filepath.Join(root, "now"), filepath.Join(root, "next")
	file := filepath.Join(now, "file")
	must(t, os.Mkdir(now, 0o755), replace(file, "old"))
	w := watching(t, file)
	must(t, os.Mkdir(next, 0o755), replace(filepath.Join(next, "file"), "new"))
	must(t, os.Rename(now, filepath.Join(root, "before")), os.Rename(next, now))
	w.holds(file, "new")
	must(t, replace(file, "newer"))
	w.holds(file, "newer")
}

// A directory further up is replaced: the file's own directory is the same as before, and is no longer on the path.
func TestDirectoryAboveIsReplaced(t *testing.T) {
	root := t.TempDir()
	now, next := filepath.Join(root, "now"), filepath.Join(root, "next")
	file := filepath.Join(now, "a", "b", "file")
	must(t, os.MkdirAll(filepath.Dir(file), 0o755), replace(file, "old"))
	w := watching(t, file)
	must(t, os.MkdirAll(filepath.Join(next, "a", "b"), 0o755), replace(filepath.Join(next, "a", "b", "file"), "new"))
	must(t, os.Rename(now, filepath.Join(root, "before")), os.Rename(next, now))
	w.holds(file, "new")
	must(t, replace(file, "newer"))
	w.holds(file, "newer")
}

// A link next to the file that leads to itself, and one that leads nowhere, do not matter.
func TestNeighboursThatCannotBeOpened(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	must(t, replace(file, "old"), os.Symlink("a loop", filepath.Join(directory, "a loop")),
		os.Symlink("nowhere", filepath.Join(directory, "a link")),
		syscall.Mkfifo(filepath.Join(directory, "a pipe"), 0o600))
	w := watching(t, file)
	must(t, os.WriteFile(file, []byte("written in place"), 0o644))
	w.holds(file, "written in place")
	must(t, replace(file, "replaced"))
	w.holds(file, "replaced")
}

// Changes of other files in a directory are not reported. They do not prevent the report of a change, however many they
// are.
func TestBusyNeighbour(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	must(t, replace(file, "old"))
	w := watching(t, file)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			case <-time.After(10 * time.Millisecond):
				if err := replace(filepath.Join(directory, "neighbour"), "x"); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	must(t, replace(file, "new"))
	w.holds(file, "new")
	close(stop)
	must(t, <-stopped)
	must(t, replace(file, "newest"))
	reported := 1
	for held := range w.reported {
		if held[file] == "newest" {
			break
		}
		reported++
	}
	if reported > 1 {
		t.Errorf("%d more reports than changes of the file", reported-1)
	}
}

// Links anywhere on the path to the file.
func TestLinks(t *testing.T) {
	for name, test := range map[string]struct {
		// made creates the file below root, with the content old, and change changes the content to new.
		made, change func(root string) error
		file         string
	}{
		"the file it leads to is replaced": {
			file: "link",
			made: func(root string) error {
				return errors.Join(os.Mkdir(root+"/a", 0o755), replace(root+"/a/file", "old"),
					os.Symlink("a/file", root+"/link"))
			},
			change: func(root string) error { return replace(root+"/a/file", "new") },
		},
		"it leads elsewhere": {
			file: "link",
			made: func(root string) error {
				return errors.Join(os.Mkdir(root+"/a", 0o755), replace(root+"/a/one", "old"),
					replace(root+"/a/two", "new"), os.Symlink("a/one", root+"/link"))
			},
			change: func(root string) error { return relink(root+"/link", root+"/a/two") },
		},
		"its directory leads elsewhere": {
			file: "current/file",
			made: func(root string) error {
				return errors.Join(os.Mkdir(root+"/one", 0o755), os.Mkdir(root+"/two", 0o755),
					replace(root+"/one/file", "old"),
					replace(root+"/two/file", "new"), os.Symlink("one", root+"/current"))
			},
			change: func(root string) error { return relink(root+"/current", "two") },
		},
		// /mount/tls.crt leads to ..data/tls.crt, and ..data to a directory with a date.
		"as cert-manager's files in a pod": {
			file: "mount/tls.crt",
			made: func(root string) error {
				return errors.Join(os.MkdirAll(root+"/mount/..one", 0o755), replace(root+"/mount/..one/tls.crt", "old"),
					os.Symlink("..one", root+"/mount/..data"), os.Symlink("..data/tls.crt", root+"/mount/tls.crt"))
			},
			change: func(root string) error {
				return errors.Join(os.Mkdir(root+"/mount/..two", 0o755), replace(root+"/mount/..two/tls.crt", "new"),
					relink(root+"/mount/..data", "..two"), os.RemoveAll(root+"/mount/..one"))
			},
		},
		// An admin's link to live/host/cert.pem, which leads to archive/host/cert1.pem.
		"as certbot's, by a link": {
			file: "etc/cert.pem",
			made: func(root string) error {
				return errors.Join(os.MkdirAll(root+"/archive/host", 0o755), os.MkdirAll(root+"/live/host", 0o755),
					os.Mkdir(root+"/etc", 0o755),
					replace(root+"/archive/host/cert1.pem", "old"), replace(root+"/archive/host/cert2.pem", "new"),
					os.Symlink("../../archive/host/cert1.pem", root+"/live/host/cert.pem"),
					os.Symlink(root+"/live/host/cert.pem", root+"/etc/cert.pem"))
			},
			change: func(root string) error {
				return relink(root+"/live/host/cert.pem",
					"../../archive/host/cert2.pem")
			},
		},
		"it led nowhere": {
			file: "link",
			made: func(root string) error { return os.Symlink("a/b/file", root+"/link") },
			change: func(root string) error {
				return errors.Join(os.MkdirAll(root+"/a/b", 0o755), replace(root+"/a/b/file", "new"))
			},
		},
		"it led to itself": {
			file:   "link",
			made:   func(root string) error { return os.Symlink("link", root+"/link") },
			change: func(root string) error { return replace(root+"/link", "new") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			file := filepath.Join(root, test.file)
			must(t, test.made(root))
			w := watching(t, file)
			must(t, test.change(root))
			w.holds(file, "new")
			// It is watched at its new place.
			target, err := filepath.EvalSymlinks(file)
			must(t, err, replace(target, "newest"))
			w.holds(file, "newest")
		})
	}
}

// One file by its name and one by a link to its directory: the directory is watched for both, and then remains watched
// for one.
func TestOneDirectoryByTwoNames(t *testing.T) {
	root := t.TempDir()
	direct, linked := filepath.Join(root, "a", "one"), filepath.Join(root, "b", "two")
	must(t, os.Mkdir(filepath.Join(root, "a"), 0o755), os.Symlink("a", filepath.Join(root, "b")), replace(direct, "1"),
		replace(linked, "2"))
	w := watching(t, linked, direct)
	must(t, replace(direct, "one"))
	w.holds(direct, "one")
	must(t, replace(linked, "two"))
	w.holds(linked, "two")
	w.files.Store(&[]string{direct})
	w.renew <- struct{}{}
	w.holds(direct, "one")
	must(t, replace(direct, "still"))
	w.holds(direct, "still")
}

func TestRenewAsksForTheNamesAgain(t *testing.T) {
	one, other := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "other")
	must(t, replace(one, "1"), replace(other, "2"))
	w := watching(t, one)
	w.files.Store(&[]string{other})
	w.renew <- struct{}{}
	w.holds(other, "2")
	must(t, replace(other, "changed"))
	w.holds(other, "changed")
}

// A file that is written in many steps is reported at the end of them.
func TestBurstIsOneChange(t *testing.T) {
	const steps = 100
	file := filepath.Join(t.TempDir(), "file")
	w := watching(t, file)
	for range steps - 1 {
		must(t, os.WriteFile(file, []byte("half"), 0o644))
	}
	must(t, os.WriteFile(file, []byte("whole"), 0o644))
	reported := 1
	for held := range w.reported {
		if held[file] == "whole" {
			break
		}
		reported++
	}
	if reported > steps/10 {
		t.Errorf("reported %d times", reported)
	}
}

func TestItEndsWithItsContext(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	w := watching(t, file)
	w.end()
	must(t, replace(file, "x"))
	if len(w.reported) > 0 {
		t.Errorf("reported after its end: %v", <-w.reported)
	}
}

// withoutFiles lets the process open no files while do runs, so it cannot watch files.
func withoutFiles(t *testing.T, do func()) {
	t.Helper()
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	none := before
	none.Cur = 0
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	defer func() { must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)) }()
	do()
}

func TestOnlyRenewWhereFilesCannotBeWatched(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	renew, reported, unseen, ended := make(chan struct{}, 1), make(chan struct{}, 64), make(chan error, 64),
		make(chan struct{})
	come := func(what string, reported <-chan struct{}) {
		t.Helper()
		select {
		case <-reported:
		case <-time.After(20 * time.Second):
			t.Fatalf("no %s in time", what)
		}
	}
	withoutFiles(t, func() {
		go func() {
			defer close(ended)
			filewatch.WatchOrRenew(ctx, slog.New(slog.DiscardHandler), func() []string { return nil }, renew,
				func() { reported <- struct{}{} }, func(err error) { unseen <- err })
		}()
		come("the first call", reported)
	})
	for range 3 {
		renew <- struct{}{}
		come("the call after renew", reported)
	}
	cancel()
	come("the end", ended)
	if len(reported) > 0 || len(unseen) != 1 || !errors.Is(<-unseen, syscall.EMFILE) {
		t.Errorf("%d more reports, and %d reports that files cannot be watched", len(reported), len(unseen))
	}
}

// A caller that waits for the first call must watch the context too.
func TestEndBeforeTheBeginning(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		filewatch.WatchOrRenew(ctx, slog.New(slog.DiscardHandler), func() []string { return nil }, nil, func() {},
			func(err error) { t.Error(err) })
	}
}
