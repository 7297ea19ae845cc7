package identity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
	"usher.internal/useragent/identity"
	"usher.internal/useragent/keychain"
)

// loginKeychain is the source that accepts any tenant and cloud.
func loginKeychain(keychain identity.Keychain) identity.Source {
	return identity.LoginKeychain(keychain, func() wpj.Conditions { return wpj.Conditions{Now: time.Now()} })
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var newCA = sync.OnceValues(entra.NewCA)

func issue(t *testing.T, device entra.Device) *entra.Issued {
	t.Helper()
	ca, err := newCA()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(device)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// fake is a keychain with the given items; secretservice_linux_test.go reads a real one.
type fake struct {
	certificates []keychain.Certificate
	keys         []keychain.Key
	passwords    []keychain.GenericPassword
	// The errors of the methods; hang makes them wait for the end of their context.
	certificatesErr, keysErr, passwordsErr error
	hang                                   bool
}

func (f *fake) Certificates(ctx context.Context) ([]keychain.Certificate, error) {
	if f.hang {
		<-ctx.Done()
		return nil, fmt.Errorf("%w: %w", keychain.ErrUnavailable, context.Cause(ctx))
	}
	return f.certificates, f.certificatesErr
}

func (f *fake) Keys(context.Context) ([]keychain.Key, error) { return f.keys, f.keysErr }

func (f *fake) GenericPasswords(context.Context) ([]keychain.GenericPassword, error) {
	return f.passwords, f.passwordsErr
}

// holding is a keychain with a complete registration.
func holding(issued *entra.Issued) *fake {
	return &fake{
		certificates: []keychain.Certificate{{DER: issued.DER}},
		keys: []keychain.Key{
			{ApplicationTag: []byte(wpj.SessionTransportKeyTag), ApplicationLabel: "ff"},
			{ApplicationTag: []byte(wpj.DeviceKeyTag), ApplicationLabel: strings.ToUpper(issued.PublicKeyHash)},
		},
		passwords: []keychain.GenericPassword{
			{Account: "somebody else's", Service: "john@example.com"},
			{Account: wpj.AccountUserPrincipalName, Service: "jane@example.com"},
			{Account: wpj.AccountTenantID, Service: strings.ToUpper(issued.Device.TenantID)},
			{Account: wpj.AccountThumbprint, Service: strings.ToUpper(issued.Thumbprint)},
			{Account: wpj.AccountCloudEnvironment, Service: "login.microsoftonline.com"},
		},
	}
}

func TestLookFindsARegistration(t *testing.T) {
	issued := issue(t, entra.Device{})
	before := time.Now()
	got := loginKeychain(holding(issued)).Look(t.Context())
	if got.Source != wpj.SourceLoginKeychain || got.Finding != wpj.Found || got.Obstacle != "" {
		t.Errorf("got %s, %s, %s", got.Source, got.Finding, got.Obstacle)
	}
	if len(got.Certificates) != 1 || string(got.Certificates[0].DER) != string(issued.DER) ||
		!got.Certificates[0].HasPrivateKey {
		t.Errorf("certificates: %+v", got.Certificates)
	}
	if got.UserPrincipalName != "jane@example.com" || string(got.TenantID) != issued.Device.TenantID ||
		string(got.Thumbprint) != issued.Thumbprint || got.CloudHost != "login.microsoftonline.com" {
		t.Errorf("items: %q, %q, %q, %q", string(got.UserPrincipalName), got.TenantID, string(got.Thumbprint),
			got.CloudHost)
	}
	if got.ObservedAt.Before(before) || got.ObservedAt.After(time.Now()) || got.ObservedAt.Location() != time.UTC {
		t.Errorf("observed at %s", got.ObservedAt)
	}
	if state := wpj.Evaluate([]wpj.Evidence{got},
		wpj.Conditions{Now: time.Now(), Tenant: wpj.TenantID(issued.Device.TenantID)}); state.State !=
		wpj.StateRegistered {
		t.Errorf("comes to %s: %s", state.State, state.Detail)
	}
}

func TestLookTellsTheKeyByLabelAndTag(t *testing.T) {
	issued, other := issue(t, entra.Device{}), issue(t, entra.Device{})
	for name, keys := range map[string][]keychain.Key{
		"no key":         nil,
		"key of another": {{ApplicationTag: []byte(wpj.DeviceKeyTag), ApplicationLabel: other.PublicKeyHash}},
		"session transport": {{ApplicationTag: []byte(wpj.SessionTransportKeyTag),
			ApplicationLabel: issued.PublicKeyHash}},
		"tag without its NUL": {{ApplicationTag: []byte(strings.TrimRight(wpj.DeviceKeyTag, "\x00")),
			ApplicationLabel: issued.PublicKeyHash}},
		"neither tag nor hash": {{}},
	} {
		k := holding(issued)
		k.keys = keys
		got := loginKeychain(k).Look(t.Context())
		if got.Finding != wpj.Found || len(got.Certificates) != 1 || got.Certificates[0].HasPrivateKey {
			t.Errorf("%s: %s, %+v", name, got.Finding, got.Certificates)
		}
	}
}

// macOS lists no keys, and says itself which certificates have one.
func TestLookTakesTheKeychainsWordForAKey(t *testing.T) {
	issued, other := issue(t, entra.Device{}), issue(t, entra.Device{})
	k := holding(issued)
	k.keys = nil
	k.certificates = []keychain.Certificate{{DER: other.DER}, {DER: issued.DER, HasPrivateKey: true}}
	got := loginKeychain(k).Look(t.Context())
	if len(got.Certificates) != 2 || got.Certificates[0].HasPrivateKey || !got.Certificates[1].HasPrivateKey {
		t.Errorf("got %+v", got.Certificates)
	}
	if state := wpj.Evaluate([]wpj.Evidence{got},
		wpj.Conditions{Now: time.Now(), Tenant: wpj.TenantID(issued.Device.TenantID)}); state.State !=
		wpj.StateRegistered {
		t.Errorf("comes to %s: %s", state.State, state.Detail)
	}
}

func TestLookKeepsOtherCertificatesToItself(t *testing.T) {
	got := loginKeychain(&fake{
		certificates: []keychain.Certificate{{DER: []byte("a certificate of the user's own")}},
		passwords:    []keychain.GenericPassword{{Account: "mail", Service: "example.com"}},
	}).Look(t.Context())
	if got.Finding != wpj.NotThere || len(got.Certificates) != 0 || got.Obstacle != "" {
		t.Errorf("got %+v", got)
	}
}

func TestLookHandsOnACertificateThatCannotBeRead(t *testing.T) {
	issued := issue(t, entra.Device{CommonName: "Jane's Mac"})
	got := loginKeychain(holding(issued)).Look(t.Context())
	if got.Finding != wpj.Found || len(got.Certificates) != 1 {
		t.Errorf("got %+v", got)
	}
}

// Microsoft's certificates have negative serial numbers, and may be damaged; a certificate that may not be Microsoft's
// is only mentioned.
func TestLookAtCertificatesThatAreUnlikeOthers(t *testing.T) {
	issued := issue(t, entra.Device{}.NegativeSerial())
	got := loginKeychain(holding(issued)).Look(t.Context())
	if state := wpj.Evaluate([]wpj.Evidence{got}, wpj.Conditions{Now: time.Now()}); state.State !=
		wpj.StateRegistered || string(state.DeviceID) != issued.Device.DeviceID {
		t.Errorf("negative serial number: %s (%s), device %q", state.State, state.Detail, string(state.DeviceID))
	}

	k := holding(issued)
	k.certificates[0].DER = issued.DER[:len(issued.DER)/2]
	got = loginKeychain(k).Look(t.Context())
	if len(got.Certificates) != 1 ||
		!strings.Contains(got.Detail, "1 device certificate, 0 with a private key, and 1 that cannot be parsed") {
		t.Errorf("damaged: %+v", got)
	}
	if state := wpj.Evaluate([]wpj.Evidence{got}, wpj.Conditions{Now: time.Now()}); state.State !=
		wpj.StateUnreadable || !strings.Contains(state.Detail, "cannot be parsed") {
		t.Errorf("damaged: %s (%s)", state.State, state.Detail)
	}

	got = loginKeychain(&fake{certificates: []keychain.Certificate{{DER: []byte("garbage")}}}).
		Look(t.Context())
	if got.Finding != wpj.NotThere || len(got.Certificates) != 0 ||
		!strings.Contains(got.Detail, "1 of unknown issuers that cannot be parsed") {
		t.Errorf("garbage: %+v", got)
	}
}

func TestLookFindsLeftovers(t *testing.T) {
	for _, account := range []string{wpj.AccountUserPrincipalName, wpj.AccountTenantID, wpj.AccountThumbprint,
		wpj.AccountCloudEnvironment} {
		got := loginKeychain(&fake{passwords: []keychain.GenericPassword{{Account: account, Service: "x"}}}).
			Look(t.Context())
		if got.Finding != wpj.Found {
			t.Errorf("%s: %s", account, got.Finding)
		}
	}
}

func TestLookOfItemsThatAreThereTwice(t *testing.T) {
	issued := issue(t, entra.Device{})
	k := holding(issued)
	k.passwords = append([]keychain.GenericPassword{
		{Account: wpj.AccountThumbprint, Service: "0000000000000000000000000000000000000000"},
		{Account: wpj.AccountUserPrincipalName, Service: "zoe@example.com"},
		{Account: wpj.AccountTenantID, Service: strings.ToUpper(issued.Device.TenantID)},
	}, k.passwords...)
	got := loginKeychain(k).Look(t.Context())
	if string(got.Thumbprint) != issued.Thumbprint || got.UserPrincipalName != "jane@example.com" {
		t.Errorf("took %s and %s", string(got.Thumbprint), string(got.UserPrincipalName))
	}
	if !strings.Contains(got.Detail, "2 different values of "+wpj.AccountThumbprint) ||
		!strings.Contains(got.Detail, "2 different values of "+wpj.AccountUserPrincipalName) ||
		strings.Contains(got.Detail, wpj.AccountTenantID) || strings.Contains(got.Detail, "@") {
		t.Errorf("detail: %s", got.Detail)
	}
}

func TestLookSaysWhyItCouldNot(t *testing.T) {
	issued := issue(t, entra.Device{})
	for _, test := range []struct {
		err  error
		want wpj.Obstacle
	}{
		{keychain.ErrLocked, wpj.ObstacleLocked},
		{keychain.ErrAccessDenied, wpj.ObstacleAccessDenied},
		{keychain.ErrUnavailable, wpj.ObstacleUnavailable},
		{keychain.ErrUnsupported, wpj.ObstacleUnsupported},
		{context.DeadlineExceeded, wpj.ObstacleUnavailable},
		{errors.New("something else"), wpj.ObstacleFailed},
	} {
		for i := range 3 { // any of the three
			k := holding(issued)
			*[]*error{&k.certificatesErr, &k.keysErr, &k.passwordsErr}[i] = fmt.Errorf("operation: %w", test.err)
			got := loginKeychain(k).Look(t.Context())
			if got.Finding != wpj.CouldNotLook || got.Obstacle != test.want ||
				!strings.Contains(got.Detail, test.err.Error()) {
				t.Errorf("%v: %s, %s: %s", test.err, got.Finding, got.Obstacle, got.Detail)
			}
			if len(got.Certificates) != 0 || got.UserPrincipalName != "" || got.ObservedAt.IsZero() ||
				got.Source != wpj.SourceLoginKeychain {
				t.Errorf("%v: half a look is handed on: %+v", test.err, got)
			}
		}
	}
}

func TestLookEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		got := loginKeychain(&fake{hang: true}).Look(t.Context())
		if took := time.Since(begin); took != identity.Deadline {
			t.Errorf("took %s", took)
		}
		if got.Finding != wpj.CouldNotLook || got.Obstacle != wpj.ObstacleUnavailable ||
			!strings.Contains(got.Detail, "no answer within 10s") {
			t.Errorf("got %s, %s: %s", got.Finding, got.Obstacle, got.Detail)
		}
	})
}

func TestLookEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		got := loginKeychain(&fake{hang: true}).Look(ctx)
		if took := time.Since(begin); took != time.Second || got.Finding != wpj.CouldNotLook {
			t.Errorf("took %s, %s", took, got.Finding)
		}
	})
}
