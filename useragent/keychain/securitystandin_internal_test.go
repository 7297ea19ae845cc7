//go:build linux && !simkeychain

package keychain

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"usher.internal/internal/command"
	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
	"usher.internal/sim/filekeychain"
)

// The complete path of a macOS build without cgo, against the stand-in of /usr/bin/security over a keychain of files.
// It finds the items that were added, reports a locked keychain, and removes items.
func TestAgainstTheStandInOfSecurity(t *testing.T) {
	program := filepath.Join(t.TempDir(), "security")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program,
		"usher.internal/sim/security").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	directory := filepath.Join(home, ".local/share/usher-sim/keychain")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	stored := filekeychain.Open(directory)
	reader := toolReader{runTool(command.Security.At(program))}
	if got, err := reader.read(t.Context()); err != nil || len(got.certificates) != 0 || len(got.passwords) != 0 {
		t.Fatalf("empty: %+v, %v", got, err)
	}

	ca, err := entra.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	var issued []*entra.Issued
	for _, device := range []entra.Device{entra.Device{}.NegativeSerial(), entra.Device{}.P256().NegativeSerial()} {
		one, err := ca.Issue(device)
		if err != nil {
			t.Fatal(err)
		}
		issued = append(issued, one)
	}
	for _, item := range []filekeychain.Item{
		{Class: filekeychain.Certificate, Data: issued[0].DER}, {Class: filekeychain.Certificate, Data: issued[1].DER},
		{Class: filekeychain.Key, ApplicationTag: []byte(wpj.DeviceKeyTag), ApplicationLabel: issued[1].PublicKeyHash},
		{Class: filekeychain.GenericPassword, Account: wpj.AccountUserPrincipalName, Service: "jörg@example.com",
			Label: "jörg@example.com"},
		{Class: filekeychain.GenericPassword, Account: wpj.AccountThumbprint, Service: issued[1].Thumbprint},
		{Class: filekeychain.GenericPassword, Account: "somebody else's", Service: "secret"},
	} {
		if err := stored.Add(item); err != nil {
			t.Fatal(err)
		}
	}
	got, err := reader.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	withKey := map[string]bool{}
	for _, one := range got.certificates {
		withKey[string(one.DER)] = one.HasPrivateKey
	}
	if len(withKey) != 2 || withKey[string(issued[0].DER)] || !withKey[string(issued[1].DER)] {
		t.Errorf("certificates: %d", len(withKey))
	}
	want := []GenericPassword{
		{Account: wpj.AccountUserPrincipalName, Service: "jörg@example.com", Label: "jörg@example.com"},
		{Account: wpj.AccountThumbprint, Service: issued[1].Thumbprint},
	}
	if len(got.passwords) != 2 || !slices.Contains(got.passwords, want[0]) || !slices.Contains(got.passwords, want[1]) {
		t.Errorf("generic passwords: %+v", got.passwords)
	}

	if err := stored.Lock(); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.read(t.Context()); !errors.Is(err, ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if err := stored.Unlock(); err != nil {
		t.Fatal(err)
	}

	remover := SecurityTool{Program: program, Keychain: "/login.keychain-db"}
	for _, one := range got.certificates {
		if err := remover.RemoveCertificate(t.Context(), one); err != nil {
			t.Error(err)
		}
	}
	for _, one := range got.passwords {
		if err := remover.RemoveGenericPassword(t.Context(), one); err != nil {
			t.Error(err)
		}
	}
	if got, err := reader.read(t.Context()); err != nil || len(got.certificates) != 0 || len(got.passwords) != 0 {
		t.Errorf("after the removal: %+v, %v", got, err)
	}
	for class, left := range map[filekeychain.Class]int{filekeychain.Key: 0, filekeychain.GenericPassword: 1} {
		if items, err := stored.Items(class); err != nil || len(items) != left {
			t.Errorf("%s: %d are left, %v", class, len(items), err)
		}
	}
}
