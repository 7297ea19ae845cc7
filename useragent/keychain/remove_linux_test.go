//go:build linux && !simkeychain

package keychain_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"usher.internal/sim/filekeychain"
	"usher.internal/sim/keyring"
	"usher.internal/sim/secretservice"
	"usher.internal/useragent/keychain"
)

func TestRemovesExactlyWhatIsNamed(t *testing.T) {
	session(t, keyring.Options{})
	alike, otherKey, otherUser := certificate, key, user
	alike.Data = append([]byte{}, certificate.Data...)
	alike.Data[0] = 0x31
	otherKey.ApplicationLabel = "00fe"
	otherUser.Service = "john@example.com"
	add(t, certificate, alike, key, otherKey, user, user, otherUser)
	k := keychain.Open()
	for range 2 { // an item that is gone is no error
		if err := errors.Join(
			k.RemoveCertificate(t.Context(), keychain.Certificate{DER: certificate.Data, Label: certificate.Label}),
			k.RemoveKey(t.Context(), keychain.Key{ApplicationTag: key.ApplicationTag,
				ApplicationLabel: key.ApplicationLabel, Label: key.Label}),
			k.RemoveGenericPassword(t.Context(),
				keychain.GenericPassword{Account: user.Account, Service: user.Service, Label: user.Label}),
		); err != nil {
			t.Fatal(err)
		}
	}
	certificates, _ := k.Certificates(t.Context())
	keys, _ := k.Keys(t.Context())
	passwords, _ := k.GenericPasswords(t.Context())
	if len(certificates) != 1 || certificates[0].DER[0] != 0x31 || len(keys) != 1 ||
		keys[0].ApplicationLabel != "00fe" ||
		len(passwords) != 1 || passwords[0].Service != "john@example.com" {
		t.Errorf("left: %v, %v, %v", certificates, keys, passwords)
	}
}

func TestRemovesNothingFromALockedKeychain(t *testing.T) {
	session(t, keyring.Options{})
	add(t, user)
	writer, err := secretservice.Connect()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Lock(); err != nil {
		t.Fatal(err)
	}
	err = keychain.Open().RemoveGenericPassword(t.Context(),
		keychain.GenericPassword{Account: user.Account, Service: user.Service, Label: user.Label})
	if !errors.Is(err, keychain.ErrLocked) {
		t.Errorf("got %v", err)
	}
}

func TestRemovingFromAKeyringThatHangsEnds(t *testing.T) {
	ring := session(t, keyring.Options{})
	add(t, filekeychain.Item{Class: filekeychain.Key, ApplicationTag: []byte("tag")})
	if err := ring.Suspend(); err != nil {
		t.Fatal(err)
	}
	k := keychain.Open()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := k.RemoveKey(ctx, keychain.Key{ApplicationTag: []byte("tag")}); !errors.Is(err, keychain.ErrUnavailable) {
		t.Errorf("while it hangs: %v", err)
	}
	if err := ring.Resume(); err != nil {
		t.Fatal(err)
	}
	// The cancelled call releases its turn before this one is served.
	if _, err := k.Keys(t.Context()); err != nil {
		t.Error(err)
	}
}
