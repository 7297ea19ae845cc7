//go:build simkeychain

package keychain_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"

	"usher.internal/sim/filekeychain"
	"usher.internal/useragent/keychain"
)

func TestReadsWhatIsInTheFiles(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "keychain")
	t.Setenv("USHER_SIM_KEYCHAIN", directory)
	files := filekeychain.Open(directory)
	for _, item := range []filekeychain.Item{
		{Class: filekeychain.Certificate, Label: "certificate", Data: []byte{0x30, 0}},
		{Class: filekeychain.Key, ApplicationTag: []byte("tag\x00"), ApplicationLabel: "00ff"},
		{Class: filekeychain.GenericPassword, Account: "account", Service: "service"},
	} {
		if err := files.Add(item); err != nil {
			t.Fatal(err)
		}
	}
	k := keychain.Open()
	certificates, err := k.Certificates(t.Context())
	if err != nil || len(certificates) != 1 || !bytes.Equal(certificates[0].DER, []byte{0x30, 0}) ||
		certificates[0].Label != "certificate" {
		t.Errorf("certificates: %v, %v", certificates, err)
	}
	keys, err := k.Keys(t.Context())
	if err != nil || len(keys) != 1 || string(keys[0].ApplicationTag) != "tag\x00" ||
		keys[0].ApplicationLabel != "00ff" {
		t.Errorf("keys: %v, %v", keys, err)
	}
	passwords, err := k.GenericPasswords(t.Context())
	if err != nil || len(passwords) != 1 ||
		passwords[0] != (keychain.GenericPassword{Account: "account", Service: "service"}) {
		t.Errorf("generic passwords: %v, %v", passwords, err)
	}
	if err := files.Lock(); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Keys(t.Context()); !errors.Is(err, keychain.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}

func TestSaysWhyItCouldNotLook(t *testing.T) {
	t.Setenv("USHER_SIM_KEYCHAIN", "")
	if _, err := keychain.Open().Keys(t.Context()); !errors.Is(err, keychain.ErrUnavailable) {
		t.Errorf("without a directory: %v", err)
	}
	t.Setenv("USHER_SIM_KEYCHAIN", t.TempDir())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := keychain.Open().Keys(ended); !errors.Is(err, keychain.ErrUnavailable) {
		t.Errorf("context that has ended: %v", err)
	}
	if found, err := keychain.Open().Keys(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("empty: %v, %v", found, err)
	}
}
