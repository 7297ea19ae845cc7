//go:build darwin && !cgo && !simkeychain

package keychain_test

import (
	"errors"
	"os"
	"testing"

	"usher.internal/useragent/keychain"
)

// A Mac without /usr/bin/security does not exist; the loader of sim/darwin is one. Its parsers have tests of their own
// on Linux.
func TestKeychainWithoutItsTool(t *testing.T) {
	if _, err := os.Stat("/usr/bin/security"); err == nil {
		t.Skip("no test reads or writes a real keychain")
	}
	keys := keychain.Open()
	if _, err := keys.GenericPasswords(t.Context()); !errors.Is(err, keychain.ErrUnavailable) {
		t.Errorf("passwords: %v", err)
	}
	if _, err := keys.Certificates(t.Context()); !errors.Is(err, keychain.ErrUnavailable) {
		t.Errorf("certificates: %v", err)
	}
	if found, err := keys.Keys(t.Context()); found != nil || err != nil {
		t.Errorf("keys: %v, %v", found, err)
	}
	if _, err := keys.Compare(t.Context()); !errors.Is(err, keychain.ErrUnsupported) {
		t.Errorf("compare: %v", err)
	}
	if _, err := keys.Sign(t.Context(), "label", nil); !errors.Is(err, keychain.ErrUnsupported) {
		t.Errorf("sign: %v", err)
	}
	remove := func() map[string]error {
		return map[string]error{
			"certificate": keys.RemoveCertificate(t.Context(), keychain.Certificate{DER: []byte{0x30, 0}}),
			"password": keys.RemoveGenericPassword(t.Context(),
				keychain.GenericPassword{Account: "account", Service: "service"}),
		}
	}
	for what, err := range remove() {
		if err == nil {
			t.Errorf("a %s was removed", what)
		}
	}
	t.Setenv("HOME", "")
	for what, err := range remove() {
		if !errors.Is(err, keychain.ErrUnavailable) {
			t.Errorf("without a home a %s: %v", what, err)
		}
	}
	if err := keys.RemoveKey(t.Context(), keychain.Key{}); !errors.Is(err, keychain.ErrNotRemovable) {
		t.Errorf("key: %v", err)
	}
}
