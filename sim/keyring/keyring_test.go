package keyring_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher.internal/sim/keyring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, options keyring.Options) *keyring.Keyring {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	k, err := keyring.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func TestLockAndUnlock(t *testing.T) {
	k := start(t, keyring.Options{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
	for range 2 {
		if err := k.Lock(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := k.Unlock(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	k := start(t, keyring.Options{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
	socket, _, _ := strings.Cut(strings.TrimPrefix(k.Address(), "unix:path="), ",")
	connection, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Read(make([]byte, 1)); err == nil {
		t.Error("the bus still serves")
	}
	if _, err := os.Stat(filepath.Dir(socket)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

// TestOfAnotherUser needs root: it runs a keyring for uid 65534, and checks that this user owns its files.
func TestOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test starts a keyring as another user, so it needs root; `sudo make test` runs it")
	}
	const uid = 65534
	home, err := os.MkdirTemp("", "usher-home-") // not t.TempDir, which the user cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	if err := os.Chown(home, uid, uid); err != nil {
		t.Fatal(err)
	}
	k := start(t, keyring.Options{UID: uid, GID: uid, Home: home, UserName: "nobody"})
	info, err := os.Stat(filepath.Join(home, ".local/share/keyrings/login.keyring"))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != uid {
		t.Errorf("the login keyring belongs to uid %d", owner)
	}
	if err := k.Lock(t.Context()); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"HOME=" + home, "USER=nobody", "LOGNAME=nobody",
		"DBUS_SESSION_BUS_ADDRESS=" + k.Address()} {
		if got := strings.Join(k.Environment(), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s is not in the environment:\n%s", want, got)
		}
	}
}

func TestStartSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := keyring.Start(t.Context(), keyring.Options{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
	if !errors.Is(err, keyring.ErrMissing) || !strings.Contains(err.Error(), "dbus-daemon") ||
		!strings.Contains(err.Error(), "make test") {
		t.Errorf("got %v", err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := keyring.Start(ctx, keyring.Options{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}); err == nil {
		t.Error("it was started anyway")
	}
}
