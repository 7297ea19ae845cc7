//go:build linux && !simkeychain

package identity_test

import (
	"context"
	"os"
	"testing"
	"time"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
	"usher.internal/sim/filekeychain"
	"usher.internal/sim/keyring"
	"usher.internal/sim/secretservice"
	"usher.internal/useragent/keychain"
)

// A registration in a real keyring: read, then locked, then unlocked again.
func TestLookAtARealKeyring(t *testing.T) {
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
	source := loginKeychain(keychain.Open())
	if got := source.Look(ctx); got.Finding != wpj.NotThere {
		t.Errorf("empty keyring: %s, %s", got.Finding, got.Detail)
	}

	issued := issue(t, entra.Device{})
	writer, err := secretservice.Connect()
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range []filekeychain.Item{
		{Class: filekeychain.Certificate, Data: issued.DER},
		{Class: filekeychain.Certificate, Data: []byte("somebody else's")},
		{Class: filekeychain.Key, ApplicationTag: []byte(wpj.DeviceKeyTag), ApplicationLabel: issued.PublicKeyHash,
			Data: []byte("key")},
		{Class: filekeychain.GenericPassword, Account: wpj.AccountUserPrincipalName, Service: "jane@example.com"},
		{Class: filekeychain.GenericPassword, Account: wpj.AccountThumbprint, Service: issued.Thumbprint},
	} {
		if err := writer.Add(item); err != nil {
			t.Fatal(err)
		}
	}
	comesTo := func(want wpj.State) {
		t.Helper()
		evidence := source.Look(ctx)
		if got := wpj.Evaluate([]wpj.Evidence{evidence},
			wpj.Conditions{Now: time.Now(), Tenant: wpj.TenantID(issued.Device.TenantID)}); got.State != want {
			t.Errorf("got %s (%s), want %s; evidence: %s", got.State, got.Detail, want, evidence.Detail)
		}
	}
	comesTo(wpj.StateRegistered)
	if err := ring.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	comesTo(wpj.StateUnreadable)
	if err := ring.Unlock(ctx); err != nil {
		t.Fatal(err)
	}
	comesTo(wpj.StateRegistered)
	if err := ring.Close(); err != nil {
		t.Fatal(err)
	}
	comesTo(wpj.StateUnreadable)
}
