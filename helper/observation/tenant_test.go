package observation_test

import (
	"crypto"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/observation"
	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

const (
	tenantA = "aaaaaaaa-0000-4000-8000-00000000000a"
	tenantB = "bbbbbbbb-0000-4000-8000-00000000000b"
)

// twoTenants is evidence of an identity of each tenant, with its items.
func twoTenants(t *testing.T, device entra.Device) (wpj.Evidence, []*entra.Issued) {
	t.Helper()
	var both wpj.Evidence
	var all []*entra.Issued
	for _, tenant := range []string{tenantA, tenantB} {
		device.TenantID = tenant
		evidence, issued := registered(t, device)
		evidence.Certificates[0].Items = &wpj.Items{
			UserPrincipalNames: []wpj.UserPrincipalName{wpj.UserPrincipalName("jane@" + tenant[:1] + ".example.com")},
			TenantID:           wpj.TenantID(tenant), Thumbprint: wpj.Thumbprint(issued.Thumbprint),
		}
		evidence.Certificates = append(both.Certificates, evidence.Certificates...)
		both = evidence
		all = append(all, issued)
	}
	return both, all
}

// The proof is asked of both, and the evidence has the result of the one that speaks for the Mac. A key that is there
// proves nothing about another.
func TestProofOfTheIdentityOfTheTenant(t *testing.T) {
	evidence, all := twoTenants(t, entra.Device{})
	for name, test := range map[string]struct {
		of     func(at int) error // nil error signs, errWrong signs wrongly
		tenant wpj.TenantID
		want   wpj.Possession
		state  wpj.State
		device int
	}{
		"both sign": {func(int) error { return nil }, tenantA, wpj.PossessionProved,
			wpj.StateRegistered, 0},
		"both sign, the other tenant": {func(int) error { return nil }, tenantB, wpj.PossessionProved,
			wpj.StateRegistered, 1},
		"the wanted one does not say": {fails(0, errSilent), tenantA, wpj.PossessionNotProved, wpj.StateRegistered,
			0},
		"the other one does not say": {fails(1, errSilent), tenantA, wpj.PossessionProved, wpj.StateRegistered, 0},
		"the wanted one was copied": {fails(0, errWrong), tenantA, wpj.PossessionProved, wpj.StateTenantMismatch,
			1},
		"the other one was copied":      {fails(1, errWrong), tenantA, wpj.PossessionProved, wpj.StateRegistered, 0},
		"of one of two that was copied": {fails(1, errWrong), "", wpj.PossessionProved, wpj.StateRegistered, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *observation.Config) {
				proving(c)
				settings := c.Settings()
				settings.Tenant = test.tenant
				c.Settings = func() observation.Settings { return settings }
			})
			w.agent.proveOf = func(thumbprint string, nonce []byte) ([]byte, error) {
				at := slices.IndexFunc(all, func(one *entra.Issued) bool { return one.Thumbprint == thumbprint })
				switch err := test.of(at); err {
				case nil:
					return all[at].Key.Sign(rand.Reader, wpj.Challenge(nonce), crypto.SHA256)
				case errWrong:
					return []byte("no signature"), nil
				default:
					return nil, err
				}
			}
			w.agent.answers(evidence)
			reading := w.read()
			if got := reading.Evidence[0].Possession; got != test.want || reading.Identity.State != test.state ||
				string(reading.Identity.DeviceID) != all[test.device].Device.DeviceID {
				t.Errorf("%q, %s (%s), device %s", got, reading.Identity.State, reading.Identity.Detail,
					string(reading.Identity.DeviceID))
			}
		})
	}
}

var errSilent, errWrong = errors.New("locked"), errors.New("signs wrongly")

func fails(which int, err error) func(int) error {
	return func(at int) error {
		if at == which {
			return err
		}
		return nil
	}
}

// An agent's claims about a certificate's items are bounded like its other claims.
func TestItemsOfCertificatesAreBounded(t *testing.T) {
	evidence, _ := twoTenants(t, entra.Device{})
	for name, change := range map[string]func(*wpj.Items){
		"a name of two lines": func(
			i *wpj.Items) {
			i.UserPrincipalNames = append(i.UserPrincipalNames, "jane\n@example.com")
		},
		"a long tenant":        func(i *wpj.Items) { i.TenantID = wpj.TenantID(strings.Repeat("a", 2000)) },
		"a thumbprint":         func(i *wpj.Items) { i.Thumbprint = "\x1b[31m" },
		"a cloud turned round": func(i *wpj.Items) { i.CloudHost = "login\u202e.example.com" },
	} {
		w := newWorld(t, nil)
		one := evidence
		one.Certificates = slices.Clone(evidence.Certificates)
		items := *one.Certificates[1].Items
		change(&items)
		one.Certificates[1].Items = &items
		w.agent.answers(one)
		if got := w.read(); got.Evidence[0].Finding != wpj.CouldNotLook || got.Identity.State != wpj.StateUnreadable {
			t.Errorf("%s: %+v", name, got)
		}
	}
	w := newWorld(t, nil)
	for range 1000 {
		evidence.Certificates[0].Items.UserPrincipalNames = append(evidence.Certificates[0].Items.UserPrincipalNames,
			"jane@example.com")
	}
	w.agent.answers(evidence)
	if got := w.read(); len(got.Evidence[0].Certificates[0].Items.UserPrincipalNames) > 16 {
		t.Errorf("%d names are kept", len(got.Evidence[0].Certificates[0].Items.UserPrincipalNames))
	}
}

// With another tenant, or another cloud, every user is looked at again; with other settings they are not.
func TestWatcherLooksAgainForAnotherTenant(t *testing.T) {
	evidence, all := twoTenants(t, ofTheBubble)
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Pointer[observation.Settings]
		set := func(tenant wpj.TenantID, cloudHost string, heartbeat time.Duration) {
			now.Store(&observation.Settings{Automatic: true, Interval: 6 * time.Hour, Heartbeat: heartbeat,
				Tenant: tenant, CloudHost: cloudHost})
		}
		set(tenantA, "login.microsoftonline.com", 7*24*time.Hour)
		w := newWorld(t, func(c *observation.Config) {
			c.Settings = func() observation.Settings { return *now.Load() }
		})
		w.agent.answers(evidence)
		defer w.run()()
		w.logins.login(jane, w.agent)
		synctest.Wait()
		wants := func(looks int, device *entra.Issued) {
			t.Helper()
			w.observer.SettingsChanged()
			synctest.Wait()
			known, err := w.observer.Of(jane)
			if err != nil || w.agent.count() != looks || string(known.Identity.DeviceID) != device.Device.DeviceID {
				t.Errorf("%d looks, want %d; device %s of %s, %v", w.agent.count(), looks,
					string(known.Identity.DeviceID), known.Identity.TenantID, err)
			}
		}
		wants(1, all[0])
		set(tenantB, "login.microsoftonline.com", 7*24*time.Hour)
		wants(2, all[1])
		set(tenantB, "login.microsoftonline.us", 7*24*time.Hour)
		wants(3, all[1])
		set(tenantB, "login.microsoftonline.us", time.Hour)
		wants(3, all[1])
	})
}
