package secretservice_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher.internal/sim/filekeychain"
	"usher.internal/sim/keyring"
	"usher.internal/sim/secretservice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect starts a keyring and connects to it. The tests for reading items are in useragent/keychain.
func connect(t *testing.T) *secretservice.Keychain {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ring, err := keyring.Start(ctx, keyring.Options{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ring.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", ring.Address())
	keychain, err := secretservice.Connect()
	if err != nil {
		t.Fatal(err)
	}
	return keychain
}

func TestDeleteShowsEveryAttribute(t *testing.T) {
	keychain := connect(t)
	key := filekeychain.Item{Class: filekeychain.Key, Label: "key", ApplicationTag: []byte("tag\x00"),
		ApplicationLabel: "00ff", Data: []byte("x")}
	password := filekeychain.Item{Class: filekeychain.GenericPassword, Label: "label", Account: "account",
		Service: "service", Data: []byte("y")}
	certificate := filekeychain.Item{Class: filekeychain.Certificate, Label: "certificate", Data: []byte{0x30, 0}}
	for _, item := range []filekeychain.Item{key, password, certificate} {
		if err := keychain.Add(item); err != nil {
			t.Fatal(err)
		}
	}
	shown := map[filekeychain.Class]filekeychain.Item{}
	deleted, err := keychain.Delete(func(i filekeychain.Item) bool {
		shown[i.Class] = i
		return i.Class == filekeychain.Key
	})
	if err != nil || deleted != 1 {
		t.Fatalf("deleted %d, %v", deleted, err)
	}
	if got := shown[filekeychain.Key]; string(got.ApplicationTag) != "tag\x00" || got.ApplicationLabel != "00ff" ||
		got.Label != "key" || got.Data != nil {
		t.Errorf("key shown as %+v", got)
	}
	if got := shown[filekeychain.GenericPassword]; got.Account != "account" || got.Service != "service" ||
		got.Label != "label" || got.Data != nil {
		t.Errorf("password shown as %+v", got)
	}
	if got := shown[filekeychain.Certificate]; got.Label != "certificate" || string(got.Data) != "\x30\x00" {
		t.Errorf("certificate shown as %+v", got)
	}
	if deleted, err := keychain.Delete(func(i filekeychain.Item) bool { return i.Class == filekeychain.Key }); err !=
		nil || deleted != 0 {
		t.Errorf("deleted %d more, %v", deleted, err)
	}
}

func TestLockedKeyringTakesNothing(t *testing.T) {
	keychain := connect(t)
	if err := keychain.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := keychain.Add(filekeychain.Item{Class: filekeychain.Key}); !errors.Is(err, secretservice.ErrLocked) {
		t.Errorf("add: %v", err)
	}
	if _, err := keychain.Delete(func(filekeychain.Item) bool { return true }); !errors.Is(err,
		secretservice.ErrLocked) {
		t.Errorf("delete: %v", err)
	}
}
