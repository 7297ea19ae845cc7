package link

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// serveAt makes a socket at path for the rest of the test.
func serveAt(t *testing.T, path string) *Listener {
	t.Helper()
	listener, err := Listen(path, ListenConfig{Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestAgentNeedNotSleepWhenAHelperComes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.sock")
	for name, test := range map[string]struct {
		old, earlier bool // there was a socket before; the new one comes before the wait begins
	}{
		"none before": {}, "none before, race": {earlier: true},
		"stale before": {old: true}, "stale before, race": {old: true, earlier: true},
	} {
		t.Run(name, func(t *testing.T) {
			if test.old {
				old := serveAt(t, path)
				old.socket.Close() // like kill -9, which leaves the socket file
				old.lock.Close()
			}
			before := socketAt(path)
			if test.old != (before != nil) {
				t.Fatalf("before: %v", before)
			}
			if test.earlier {
				serveAt(t, path)
			}
			waited := make(chan struct{})
			go func() { defer close(waited); waitForHelper(t.Context(), path, before, time.Hour) }()
			if !test.earlier {
				serveAt(t, path)
			}
			<-waited
		})
	}
}

// The socket's directory appears later, or another one takes its place, also through a link.
func TestAgentNeedNotSleepWhenTheDirectoryOfAHelperComes(t *testing.T) {
	for name, test := range map[string]struct{ before, come func(root string) error }{
		"it comes": {func(string) error { return nil },
			func(root string) error { return os.Rename(root+"/next", root+"/run") }},
		"it is replaced": {func(root string) error { return os.Mkdir(root+"/run", 0o755) }, func(root string) error {
			return errors.Join(os.Rename(root+"/run", root+"/before"), os.Rename(root+"/next", root+"/run"))
		}},
		"its link leads elsewhere": {func(root string) error {
			return errors.Join(os.Mkdir(root+"/before", 0o755), os.Symlink("before", root+"/run"))
		}, func(root string) error {
			return errors.Join(os.Symlink("next", root+"/link"), os.Rename(root+"/link", root+"/run"))
		}},
		"beside a link to itself": {func(root string) error {
			return errors.Join(os.Mkdir(root+"/run", 0o755), os.Symlink("loop", root+"/run/loop"))
		}, func(root string) error { return os.Rename(root+"/next/x.sock", root+"/run/x.sock") }},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 { // it comes before the wait begins, or after
				root := t.TempDir()
				if err := errors.Join(os.Mkdir(root+"/next", 0o755), test.before(root)); err != nil {
					t.Fatal(err)
				}
				serveAt(t, root+"/next/x.sock")
				waited, waiting := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(waited)
					close(waiting)
					waitForHelper(t.Context(), root+"/run/x.sock", nil, time.Hour)
				}()
				<-waiting
				if err := test.come(root); err != nil {
					t.Fatal(err)
				}
				<-waited
			}
		})
	}
}

func TestWaitEndsWithThePauseOrTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "x.sock")
	waitForHelper(t.Context(), path, nil, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	waitForHelper(ctx, path, nil, time.Hour)
}

func TestTheSameIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limit logLimit
		refused, other := logKey{501, "refused"}, logKey{502, "refused"}
		for i := range 1000 {
			if _, ok := limit.allow(refused); ok != (i == 0) {
				t.Fatalf("time %d in the first minute: %t", i, ok)
			}
		}
		if _, ok := limit.allow(other); !ok {
			t.Error("one user's noise silenced another's")
		}
		time.Sleep(logOnceWithin)
		if held, ok := limit.allow(refused); !ok || held != 999 {
			t.Errorf("after a minute: %t, with %d held back; want true with 999", ok, held)
		}
		for uid := range uint32(10 * loggedAtOnce) {
			limit.allow(logKey{100000 + uid, "refused"})
		}
		if len(limit.last) > loggedAtOnce {
			t.Errorf("%d are remembered, want at most %d", len(limit.last), loggedAtOnce)
		}
		time.Sleep(logOnceWithin)
		if _, ok := limit.allow(logKey{7, "refused"}); !ok {
			t.Error("entries older than a minute still use the room")
		}
	})
}
