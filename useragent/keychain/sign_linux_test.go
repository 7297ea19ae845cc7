//go:build linux && !simkeychain

package keychain_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
	"usher.internal/sim/filekeychain"
	"usher.internal/sim/keyring"
	"usher.internal/useragent/keychain"
)

// device issues a certificate and returns it with its key as a keychain holds that.
func device(t *testing.T, ca *entra.CA, asked entra.Device) (*entra.Issued, filekeychain.Item) {
	t.Helper()
	issued, err := ca.Issue(asked)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(issued.Key)
	if err != nil {
		t.Fatal(err)
	}
	return issued, filekeychain.Item{
		Class: filekeychain.Key, ApplicationTag: []byte(wpj.DeviceKeyTag), ApplicationLabel: issued.PublicKeyHash,
		Data: pkcs8,
	}
}

// verify reports whether the digest was signed by the key that belongs to a certificate.
func verify(t *testing.T, issued *entra.Issued, digest, signature []byte) bool {
	t.Helper()
	certificate, err := wpj.ParseCertificate(issued.DER)
	if err != nil {
		t.Fatal(err)
	}
	switch public := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, digest, signature)
	default:
		t.Fatalf("certificate has a %T", public)
		return false
	}
}

// A real keyring with the keys of two devices: each signs only for its own certificate.
func TestSignsWithTheKeyThatIsAskedFor(t *testing.T) {
	ring := session(t, keyring.Options{})
	ca, err := entra.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	one, oneKey := device(t, ca, entra.Device{}.NegativeSerial())
	other, otherKey := device(t, ca, entra.Device{}.P256())
	add(t, certificate, user, oneKey, otherKey)
	k := keychain.Open()
	digest, another := wpj.Challenge(make([]byte, 32)), wpj.Challenge([]byte(strings.Repeat("n", 32)))
	for name, devices := range map[string][2]*entra.Issued{"RSA": {one, other}, "P-256": {other, one}} {
		signature, err := k.Sign(t.Context(), devices[0].PublicKeyHash, digest)
		if err != nil || !verify(t, devices[0], digest, signature) {
			t.Errorf("%s: %d bytes that are no signature, %v", name, len(signature), err)
		}
		if verify(t, devices[0], another, signature) || verify(t, devices[1], digest, signature) {
			t.Errorf("%s: it is the signature of something else too", name)
		}
	}
	for name, hash := range map[string]string{"of nobody": strings.Repeat("0", 40),
		"with the beginning of another": one.PublicKeyHash[:20]} {
		if signature, err := k.Sign(t.Context(), hash, digest); !errors.Is(err, keychain.ErrNoKey) || signature != nil {
			t.Errorf("a key %s: %d bytes, %v", name, len(signature), err)
		}
	}

	if err := ring.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, hash := range map[string]string{"there": one.PublicKeyHash, "not there": strings.Repeat("0", 40)} {
		if signature, err := k.Sign(t.Context(), hash, digest); !errors.Is(err, keychain.ErrLocked) ||
			signature != nil {
			t.Errorf("locked, key %s: %d bytes, %v", name, len(signature), err)
		}
	}
	if err := ring.Unlock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if signature, err := k.Sign(t.Context(), one.PublicKeyHash, digest); err != nil ||
		!verify(t, one, digest, signature) {
		t.Errorf("unlocked again: %d bytes, %v", len(signature), err)
	}

	if err := ring.Suspend(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := k.Sign(ctx, one.PublicKeyHash, digest); !errors.Is(err, keychain.ErrUnavailable) {
		t.Errorf("while it hangs: %v", err)
	}
	if err := ring.Resume(); err != nil {
		t.Fatal(err)
	}
}

// A keychain's item does not become a key because of its label, and no error contains any of it.
func TestWhatCannotSignIsAnErrorThatTellsNothingOfIt(t *testing.T) {
	session(t, keyring.Options{})
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	_, unusable, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{
		"00": []byte("a secret that is no key"), "01": nil, "02": {0x30, 0}, "03": pkcs8(unusable),
	}
	for label, content := range contents {
		add(t, filekeychain.Item{Class: filekeychain.Key, ApplicationTag: []byte(wpj.DeviceKeyTag),
			ApplicationLabel: label, Data: content})
	}
	k := keychain.Open()
	for label, content := range contents {
		signature, err := k.Sign(t.Context(), label, wpj.Challenge(make([]byte, 32)))
		if err == nil || signature != nil || errors.Is(err, keychain.ErrNoKey) {
			t.Errorf("key %s: %d bytes, %v", label, len(signature), err)
		}
		if len(content) > 2 && strings.Contains(err.Error(), string(content)) {
			t.Errorf("key %s: the error tells what it is: %v", label, err)
		}
	}
}

func TestSignWithoutAKeyring(t *testing.T) {
	session(t, keyring.Options{BusOnly: true})
	if _, err := keychain.Open().Sign(t.Context(), "00", wpj.Challenge(nil)); !errors.Is(err, keychain.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
