package identity_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
	"usher.internal/useragent/identity"
	"usher.internal/useragent/keychain"
)

const (
	tenantA = "aaaaaaaa-0000-4000-8000-00000000000a"
	tenantB = "bbbbbbbb-0000-4000-8000-00000000000b"
	public  = "login.microsoftonline.com"
	usGov   = "login.microsoftonline.us"
)

// both is a keychain with two registrations, each with its own items; without are the accounts of items that the first
// one lacks.
func both(first, second *entra.Issued, without ...string) *fake {
	k, other := holding(first), holding(second)
	k.passwords = slices.DeleteFunc(k.passwords,
		func(p keychain.GenericPassword) bool { return slices.Contains(without, p.Account) })
	for i := range other.passwords {
		switch p := &other.passwords[i]; p.Account {
		case wpj.AccountUserPrincipalName:
			p.Service = "adele@b.example.com"
		case wpj.AccountCloudEnvironment:
			p.Service = usGov
		}
	}
	k.certificates = append(k.certificates, other.certificates...)
	k.keys = append(k.keys, other.keys...)
	k.passwords = append(k.passwords, other.passwords...)
	return k
}

func shuffle[T any](s []T) { rand.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] }) }

func wants(tenant wpj.TenantID, cloudHost string) func() wpj.Conditions {
	return func() wpj.Conditions { return wpj.Conditions{Now: time.Now(), Tenant: tenant, CloudHost: cloudHost} }
}

// Of two identities, the evidence's own items are those of the wanted one, in any order of the lists. usherd chooses
// the same one, also when it wants the other.
func TestLookAtTwoIdentities(t *testing.T) {
	ofA, ofB := issue(t, entra.Device{TenantID: tenantA}), issue(t, entra.Device{TenantID: tenantB})
	for name, test := range map[string]struct {
		keychain *fake
		wanted   func() wpj.Conditions
		chosen   *entra.Issued // nil for none
		cloud    string
		detail   string
		// usherd's choice, by the tenant that it has.
		states map[wpj.TenantID]wpj.State
		users  map[wpj.TenantID]wpj.UserPrincipalName
	}{
		"of the first tenant": {both(ofA, ofB), wants(tenantA, public), ofA, public,
			"The one of tenant " + tenantA + " was chosen, beside tenant " + tenantB,
			map[wpj.TenantID]wpj.State{"": wpj.StateOrphaned, tenantA: wpj.StateRegistered,
				tenantB: wpj.StateRegistered}, nil},
		"of the second tenant": {both(ofA, ofB), wants(wpj.TenantID(strings.ToUpper(tenantB)), usGov), ofB, usGov,
			"The one of tenant " + tenantB + " was chosen, beside tenant " + tenantA,
			map[wpj.TenantID]wpj.State{"": wpj.StateOrphaned, tenantA: wpj.StateRegistered,
				tenantB: wpj.StateRegistered}, nil},
		"of no tenant": {both(ofA, ofB), wants("", public), nil, public,
			"2 device certificates, 2 with a private key, and 2 different values of",
			map[wpj.TenantID]wpj.State{"": wpj.StateOrphaned, tenantA: wpj.StateRegistered,
				tenantB: wpj.StateRegistered}, nil},
		"the second one's items alone": {
			both(ofA, ofB, wpj.AccountUserPrincipalName, wpj.AccountTenantID, wpj.AccountThumbprint,
				wpj.AccountCloudEnvironment), wants(tenantB, public), ofB, usGov, "",
			map[wpj.TenantID]wpj.State{"": wpj.StateOrphaned, tenantA: wpj.StateOrphaned, tenantB: wpj.StateRegistered},
			map[wpj.TenantID]wpj.UserPrincipalName{tenantB: "adele@b.example.com"}},
		"items of neither for the first": {
			both(ofA, ofB, wpj.AccountUserPrincipalName, wpj.AccountTenantID, wpj.AccountThumbprint,
				wpj.AccountCloudEnvironment), wants(tenantA, public), ofA, "", "",
			map[wpj.TenantID]wpj.State{tenantA: wpj.StateOrphaned, tenantB: wpj.StateRegistered},
			map[wpj.TenantID]wpj.UserPrincipalName{tenantB: "adele@b.example.com"}},
		"the first one has its tenant item": {
			both(ofA, ofB, wpj.AccountUserPrincipalName, wpj.AccountThumbprint, wpj.AccountCloudEnvironment),
			wants(tenantA, public), ofA, usGov, "",
			map[wpj.TenantID]wpj.State{"": wpj.StateOrphaned, tenantA: wpj.StateRegistered,
				tenantB: wpj.StateRegistered},
			map[wpj.TenantID]wpj.UserPrincipalName{tenantA: "adele@b.example.com", tenantB: "adele@b.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				shuffle(test.keychain.certificates)
				shuffle(test.keychain.keys)
				shuffle(test.keychain.passwords)
				got := identity.LoginKeychain(test.keychain, test.wanted).Look(t.Context())
				if len(got.Certificates) != 2 || !got.Certificates[0].HasPrivateKey ||
					!got.Certificates[1].HasPrivateKey {
					t.Fatalf("not both are told: %+v", got.Certificates)
				}
				if got.CloudHost != test.cloud || !strings.Contains(got.Detail, test.detail) ||
					strings.Contains(got.Detail, "@") {
					t.Errorf("cloud %q; %s", got.CloudHost, got.Detail)
				}
				if test.chosen != nil && (got.Thumbprint != "" && string(got.Thumbprint) != test.chosen.Thumbprint ||
					got.TenantID != "" && string(got.TenantID) != test.chosen.Device.TenantID) {
					t.Errorf("the items are of %s, %s", got.TenantID, string(got.Thumbprint))
				}
				for tenant, want := range test.states {
					came := wpj.Evaluate([]wpj.Evidence{got}, wpj.Conditions{Now: time.Now(), Tenant: tenant})
					if came.State != want || came.State == wpj.StateRegistered &&
						(came.TenantID != tenant || came.UserPrincipalName != test.users[tenant] ||
							len(came.Others) != 1) {
						t.Errorf("with tenant %q: %s (%s), tenant %s, user %q", tenant, came.State, came.Detail,
							came.TenantID, string(came.UserPrincipalName))
					}
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// A leftover of an earlier registration belongs to the certificate that it names, and not to the one in use.
func TestLeftItemsAreNotThoseOfTheCertificate(t *testing.T) {
	now, before := issue(t, entra.Device{TenantID: tenantB}), issue(t, entra.Device{TenantID: tenantA})
	for name, edit := range map[string]func(*fake){
		"its certificate without a key": func(k *fake) {
			k.keys = slices.DeleteFunc(k.keys,
				func(key keychain.Key) bool { return strings.EqualFold(key.ApplicationLabel, before.PublicKeyHash) })
		},
		"its tenant alone": func(k *fake) {
			k.certificates = k.certificates[:1]
			k.passwords = slices.DeleteFunc(k.passwords, func(p keychain.GenericPassword) bool {
				return p.Service == before.Thumbprint || strings.EqualFold(p.Service, before.Thumbprint)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := both(now, before)
			edit(k)
			for range 20 {
				shuffle(k.certificates)
				shuffle(k.passwords)
				got := loginKeychain(k).Look(t.Context())
				came := wpj.Evaluate([]wpj.Evidence{got}, wpj.Conditions{Now: time.Now()})
				if came.State != wpj.StateRegistered || string(came.DeviceID) != now.Device.DeviceID ||
					string(got.Thumbprint) != now.Thumbprint || got.TenantID != tenantB {
					t.Fatalf("%s (%s); %s, items of %s", came.State, came.Detail, got.Detail, got.TenantID)
				}
				if came.UserPrincipalName != "" ||
					!slices.ContainsFunc(came.Contradictions,
						func(c wpj.Contradiction) bool { return c.Name == "users-differ" }) {
					t.Errorf("a user was guessed: %+v", came)
				}
			}
		})
	}
}

// If a keychain's items name a certificate that has lost its key, an older certificate of the same tenant does not fix
// it.
func TestItemsOfTheSameTenantStayWithTheirCertificate(t *testing.T) {
	older, newer := issue(t, entra.Device{TenantID: tenantA}), issue(t, entra.Device{TenantID: tenantA})
	k := holding(newer)
	k.certificates = append(k.certificates, keychain.Certificate{DER: older.DER})
	k.keys = []keychain.Key{{ApplicationTag: []byte(wpj.DeviceKeyTag), ApplicationLabel: older.PublicKeyHash}}
	got := identity.LoginKeychain(k, wants(tenantA, public)).Look(t.Context())
	if came := wpj.Evaluate([]wpj.Evidence{got}, wpj.Conditions{Now: time.Now(), Tenant: tenantA}); came.State !=
		wpj.StateOrphaned {
		t.Errorf("%s (%s)", came.State, came.Detail)
	}
}
