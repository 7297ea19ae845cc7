//go:build linux && !simkeychain

package keychain_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher.internal/sim/filekeychain"
	"usher.internal/sim/keyring"
	"usher.internal/sim/secretservice"
	"usher.internal/useragent/keychain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session starts a separate keyring and makes it this process's.
func session(t *testing.T, options keyring.Options) *keyring.Keyring {
	t.Helper()
	options.UID, options.GID = uint32(os.Getuid()), uint32(os.Getgid())
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
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", k.Address())
	return k
}

var (
	certificate = filekeychain.Item{Class: filekeychain.Certificate, Label: "a certificate",
		Data: []byte{0x30, 0, 0xff, '\n'}}
	key = filekeychain.Item{
		Class: filekeychain.Key, Label: "Microsoft Workplace Join Key",
		ApplicationTag:   []byte("com.microsoft.workplacejoin.privatekey\x00"),
		ApplicationLabel: "00ff", Data: []byte("private"),
	}
	user = filekeychain.Item{Class: filekeychain.GenericPassword, Account: "account", Service: "jané@example.com",
		Label: "label", Data: []byte("secret")}
)

func add(t *testing.T, items ...filekeychain.Item) {
	t.Helper()
	writer, err := secretservice.Connect()
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		if err := writer.Add(item); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadsWhatIsThere(t *testing.T) {
	session(t, keyring.Options{})
	other := user
	other.Service = "john@example.com"
	add(t, certificate, key, user, other)
	k := keychain.Open()
	for range 2 { // the second time over the connection of the first
		certificates, err := k.Certificates(t.Context())
		if err != nil || len(certificates) != 1 || !bytes.Equal(certificates[0].DER, certificate.Data) ||
			certificates[0].Label != "a certificate" {
			t.Errorf("certificates: %+v, %v", certificates, err)
		}
		keys, err := k.Keys(t.Context())
		if err != nil || len(keys) != 1 || !bytes.Equal(keys[0].ApplicationTag, key.ApplicationTag) ||
			keys[0].ApplicationLabel != "00ff" || keys[0].Label != "Microsoft Workplace Join Key" {
			t.Errorf("keys: %+v, %v", keys, err)
		}
		passwords, err := k.GenericPasswords(t.Context())
		slices.SortFunc(passwords, func(a,
			b keychain.GenericPassword) int {
			return strings.Compare(a.Service, b.Service)
		})
		want := []keychain.GenericPassword{{"account", "jané@example.com", "label"},
			{"account", "john@example.com", "label"}}
		if err != nil || !slices.Equal(passwords, want) {
			t.Errorf("generic passwords: %+v, %v", passwords, err)
		}
	}
}

func TestAnEmptyKeychainIsNoError(t *testing.T) {
	session(t, keyring.Options{})
	if found, err := everything(t.Context(), keychain.Open()); err != nil || found != 0 {
		t.Errorf("%d items, %v", found, err)
	}
}

// everything counts the results of the three methods, and joins their errors.
func everything(ctx context.Context, k *keychain.Keychain) (int, error) {
	certificates, err1 := k.Certificates(ctx)
	keys, err2 := k.Keys(ctx)
	passwords, err3 := k.GenericPasswords(ctx)
	return len(certificates) + len(keys) + len(passwords), errors.Join(err1, err2, err3)
}

// methods are the three methods without their results.
var methods = map[string]func(context.Context, *keychain.Keychain) error{
	"certificates": func(ctx context.Context, k *keychain.Keychain) error { _, err := k.Certificates(ctx); return err },
	"keys":         func(ctx context.Context, k *keychain.Keychain) error { _, err := k.Keys(ctx); return err },
	"generic passwords": func(ctx context.Context, k *keychain.Keychain) error {
		_, err := k.GenericPasswords(ctx)
		return err
	},
}

// wantError calls each method, each with a second of its own, and wants that error.
func wantError(t *testing.T, k *keychain.Keychain, want error) {
	t.Helper()
	for name, method := range methods {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := method(ctx, k)
		cancel()
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

func TestLockedIsSaidAndNeverUnlocked(t *testing.T) {
	ring := session(t, keyring.Options{})
	add(t, certificate, key, user)
	k := keychain.Open()
	if err := ring.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, k, keychain.ErrLocked)
	wantError(t, keychain.Open(), keychain.ErrLocked)
	if err := ring.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found, err := everything(t.Context(), k); err != nil || found != 3 {
		t.Errorf("after it was unlocked: %d items, %v", found, err)
	}
}

func TestLockedIsSaidOfAnEmptyKeychain(t *testing.T) {
	ring := session(t, keyring.Options{})
	if err := ring.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, keychain.Open(), keychain.ErrLocked)
}

func TestACertificateWithoutContentIsAnError(t *testing.T) {
	session(t, keyring.Options{})
	add(t, filekeychain.Item{Class: filekeychain.Certificate})
	if certificates, err := keychain.Open().Certificates(t.Context()); err == nil || len(certificates) != 0 {
		t.Errorf("got %v, %v", certificates, err)
	}
}

func TestNoKeyringInTheSession(t *testing.T) {
	session(t, keyring.Options{BusOnly: true})
	wantError(t, keychain.Open(), keychain.ErrUnavailable)
}

func TestNoDefaultCollection(t *testing.T) {
	session(t, keyring.Options{NoLoginKeyring: true})
	wantError(t, keychain.Open(), keychain.ErrUnavailable)
	if _, err := keychain.Open().Keys(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "has no default collection") {
		t.Errorf("got %v", err)
	}
}

// If there is no bus, none may be started: dbus-launch would start one, and here it only leaves a trace.
func TestNoBus(t *testing.T) {
	directory := t.TempDir()
	trace := filepath.Join(directory, "launched")
	if err := os.WriteFile(filepath.Join(directory, "dbus-launch"), []byte("#!/bin/sh\n: >"+trace+"\n"), 0o755); err !=
		nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", directory+":"+os.Getenv("PATH"))
	for _, address := range []string{"", "autolaunch:", "unix:path=" + filepath.Join(directory, "bus"), "nonsense"} {
		t.Run(address, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
			wantError(t, keychain.Open(), keychain.ErrUnavailable)
		})
	}
	if _, err := os.Stat(trace); err == nil {
		t.Error("dbus-launch was run")
	}
}

func TestAKeyringThatHangsDoesNotHangUs(t *testing.T) {
	ring := session(t, keyring.Options{})
	add(t, certificate)
	k := keychain.Open()
	if _, err := k.Certificates(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ring.Suspend(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := k.Certificates(ctx); !errors.Is(err, keychain.ErrUnavailable) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it hangs: %v", err)
	}
	if err := ring.Resume(); err != nil {
		t.Fatal(err)
	}
	if found, err := k.Certificates(t.Context()); err != nil || len(found) != 1 {
		t.Errorf("when it goes on: %v, %v", found, err)
	}
}

func TestABusThatSaysNothingDoesNotHangUs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 10)
	var wait sync.WaitGroup
	wait.Go(func() {
		defer close(accepted)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- connection
		}
	})
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	k := keychain.Open()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if _, err := k.Keys(ctx); !errors.Is(err, keychain.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		cancel()
	}
	// The one attempt continues until the bus ends, and is not made three times.
	listener.Close()
	wait.Wait()
	attempts := 0
	for connection := range accepted {
		attempts++
		connection.Close()
	}
	if attempts != 1 {
		t.Errorf("%d attempts to connect", attempts)
	}
	wantError(t, k, keychain.ErrUnavailable)
}

func TestConnectsAnewWhenTheBusIsAnother(t *testing.T) {
	first := session(t, keyring.Options{})
	add(t, certificate)
	k := keychain.Open()
	if found, err := k.Certificates(t.Context()); err != nil || len(found) != 1 {
		t.Fatalf("first session: %v, %v", found, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, k, keychain.ErrUnavailable)
	session(t, keyring.Options{})
	add(t, certificate, certificate)
	if found, err := k.Certificates(t.Context()); err != nil || len(found) != 2 {
		t.Errorf("second session: %v, %v", found, err)
	}
}

func TestServesSeveralGoroutines(t *testing.T) {
	session(t, keyring.Options{})
	add(t, certificate, key, user)
	k := keychain.Open()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if found, err := everything(t.Context(), k); err != nil || found != 3 {
				t.Errorf("%d items, %v", found, err)
			}
		})
	}
	wait.Wait()
}

func TestItemsThatComeAndGoAreNoError(t *testing.T) {
	session(t, keyring.Options{})
	add(t, user)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		writer, err := secretservice.Connect()
		for err == nil && ctx.Err() == nil {
			if err = writer.Add(certificate); err == nil {
				_, err = writer.Delete(func(i filekeychain.Item) bool { return i.Class == filekeychain.Certificate })
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
	k := keychain.Open()
	seen := map[int]int{}
	for range 200 {
		found, err := k.Certificates(t.Context())
		if err != nil {
			t.Error(err)
			break
		}
		seen[len(found)]++
	}
	cancel()
	wait.Wait()
	t.Logf("certificates seen: %v", seen)
}
