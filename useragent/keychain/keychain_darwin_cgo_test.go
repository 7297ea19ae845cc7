//go:build darwin && cgo && !simkeychain

package keychain_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebitengine/purego"

	"usher.internal/sim/filekeychain"
	"usher.internal/useragent/keychain"
)

// These tests are for the loader of sim/darwin, whose Security framework has the items of a filekeychain: no test
// writes into a real one.

// standIn returns a keychain of the loader. The test fails if an object of the framework is not released.
func standIn(t *testing.T) *filekeychain.Keychain {
	t.Helper()
	symbol, err := purego.Dlsym(purego.RTLD_DEFAULT, "machorun_objects_alive")
	if err != nil {
		t.Skip("it is for the loader of sim/darwin")
	}
	var alive func() int
	purego.RegisterFunc(&alive, symbol)
	directory := t.TempDir()
	t.Setenv("MACHORUN_KEYCHAIN", directory) // with cgo this is C's environment too
	before := alive()
	t.Cleanup(func() {
		if now := alive(); now != before {
			t.Errorf("%d objects of CoreFoundation were not released", now-before)
		}
	})
	return filekeychain.Open(directory)
}

func add(t *testing.T, to *filekeychain.Keychain, items ...filekeychain.Item) {
	t.Helper()
	for _, item := range items {
		if err := to.Add(item); err != nil {
			t.Fatal(err)
		}
	}
}

// issued returns a certificate, and the label of its private key in a keychain.
func issued(t *testing.T) (der []byte, label string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(time.Hour)}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key); err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	hash := sha1.Sum(point)
	return der, hex.EncodeToString(hash[:])
}

const notUTF8 = "M\xfcller"

// An item with a text attribute that is not UTF-8 comes back as kCFNull, and go-keychain's own parser ends the process
// at it.
func TestOddItemEndsNothing(t *testing.T) {
	items := standIn(t)
	user, label := keychain.Accounts[0], keychain.Labels[0]
	der, _ := issued(t)
	add(t, items,
		filekeychain.Item{Class: filekeychain.GenericPassword, Account: notUTF8, Service: notUTF8, Label: notUTF8},
		filekeychain.Item{Class: filekeychain.GenericPassword, Account: user, Service: "ane@example.com",
			Label: notUTF8},
		filekeychain.Item{Class: filekeychain.GenericPassword, Account: notUTF8, Service: "service", Label: label},
		filekeychain.Item{Class: filekeychain.Certificate, Label: notUTF8, Data: der},
	)
	want := []keychain.GenericPassword{{Account: user, Service: "ane@example.com"}, {Service: "service", Label: label}}
	passwords, err := keychain.Open().GenericPasswords(t.Context())
	if err != nil || !slices.Equal(passwords, want) {
		t.Errorf("generic passwords: %+v, %v, want %+v", passwords, err, want)
	}
	certificates, err := keychain.Open().Certificates(t.Context())
	if err != nil || len(certificates) != 1 || !bytes.Equal(certificates[0].DER, der) || certificates[0].HasPrivateKey {
		t.Errorf("certificates: %+v, %v", certificates, err)
	}
}

// All items of a wanted name are read, each once, and none of another name.
func TestWantedNamesAreRead(t *testing.T) {
	items := standIn(t)
	account, label := keychain.Accounts[1], keychain.Labels[1]
	for _, password := range []keychain.GenericPassword{
		{Account: account, Service: "Grüße"}, {Account: account, Service: "an older one"},
		{Account: account, Label: label}, {Account: "anyone", Label: "other"},
	} {
		add(t, items, filekeychain.Item{Class: filekeychain.GenericPassword, Account: password.Account,
			Service: password.Service, Label: password.Label})
	}
	passwords, err := keychain.Open().GenericPasswords(t.Context())
	if err != nil || len(passwords) != 3 {
		t.Fatalf("%+v, %v", passwords, err)
	}
	for _, want := range []keychain.GenericPassword{{Account: account, Service: "Grüße"},
		{Account: account, Service: "an older one"}, {Account: account, Label: label}} {
		if !slices.Contains(passwords, want) {
			t.Errorf("%+v is not among %+v", want, passwords)
		}
	}
}

func TestIdentityHasItsKey(t *testing.T) {
	items := standIn(t)
	with, label := issued(t)
	without, _ := issued(t)
	add(t, items,
		filekeychain.Item{Class: filekeychain.Certificate, Label: "with", Data: with},
		filekeychain.Item{Class: filekeychain.Certificate, Label: "without", Data: without},
		filekeychain.Item{Class: filekeychain.Key, ApplicationLabel: label},
	)
	certificates, err := keychain.Open().Certificates(t.Context())
	if err != nil || len(certificates) != 2 {
		t.Fatalf("%+v, %v", certificates, err)
	}
	for _, certificate := range certificates {
		if certificate.HasPrivateKey != bytes.Equal(certificate.DER, with) {
			t.Errorf("certificate %x has a private key: %t", sha1.Sum(certificate.DER), certificate.HasPrivateKey)
		}
	}
}

func TestEmptyAndLocked(t *testing.T) {
	items := standIn(t)
	if passwords, err := keychain.Open().GenericPasswords(t.Context()); err != nil || len(passwords) != 0 {
		t.Errorf("empty: %+v, %v", passwords, err)
	}
	if certificates, err := keychain.Open().Certificates(t.Context()); err != nil || len(certificates) != 0 {
		t.Errorf("empty: %+v, %v", certificates, err)
	}
	if err := items.Lock(); err != nil {
		t.Fatal(err)
	}
	if _, err := keychain.Open().GenericPasswords(t.Context()); !errors.Is(err, keychain.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if _, err := keychain.Open().Certificates(t.Context()); !errors.Is(err, keychain.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}

// The framework's result is compared with the output of /usr/bin/security, which the loader's Mac does not have.
func TestCompareWithoutTheTool(t *testing.T) {
	standIn(t)
	if _, err := keychain.Open().Compare(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "/usr/bin/security") {
		t.Errorf("got %v", err)
	}
}
