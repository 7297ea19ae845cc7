//go:build simkeychain

package keychain_test

import (
	"errors"
	"testing"

	"usher.internal/sim/filekeychain"
	"usher.internal/useragent/keychain"
)

func TestRemovesFromTheFiles(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("USHER_SIM_KEYCHAIN", directory)
	files := filekeychain.Open(directory)
	for _, item := range []filekeychain.Item{
		{Class: filekeychain.Certificate, Data: []byte{0x30, 0}},
		{Class: filekeychain.Certificate, Data: []byte{0x31, 0}},
		{Class: filekeychain.Key, ApplicationTag: []byte("tag\x00"), ApplicationLabel: "00ff"},
		{Class: filekeychain.GenericPassword, Account: "account", Service: "service"},
		{Class: filekeychain.GenericPassword, Account: "account", Service: "other"},
	} {
		if err := files.Add(item); err != nil {
			t.Fatal(err)
		}
	}
	k := keychain.Open()
	remove := func() error {
		return errors.Join(
			k.RemoveCertificate(t.Context(), keychain.Certificate{DER: []byte{0x30, 0}}),
			k.RemoveKey(t.Context(), keychain.Key{ApplicationTag: []byte("tag\x00"), ApplicationLabel: "00ff"}),
			k.RemoveGenericPassword(t.Context(), keychain.GenericPassword{Account: "account", Service: "service"}),
		)
	}
	for range 2 { // an item that is gone is no error
		if err := remove(); err != nil {
			t.Fatal(err)
		}
	}
	certificates, _ := k.Certificates(t.Context())
	keys, _ := k.Keys(t.Context())
	passwords, _ := k.GenericPasswords(t.Context())
	if len(certificates) != 1 || certificates[0].DER[0] != 0x31 || len(keys) != 0 || len(passwords) != 1 ||
		passwords[0].Service != "other" {
		t.Errorf("left: %v, %v, %v", certificates, keys, passwords)
	}
	if err := files.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := remove(); !errors.Is(err, keychain.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}
