package wpj_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

const (
	otherTenant = "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11"
	upn         = "jane@example.com"
)

var observed = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// registered is evidence of a registration without flaw; edit adds flaws.
func registered(t testing.TB, device entra.Device, edit func(*wpj.Evidence)) wpj.Evidence {
	t.Helper()
	if device.TenantID == "" {
		device.TenantID = tenantID
	}
	device.DeviceID, device.UserObjectID = deviceID, userID
	issued := issue(t, device)
	evidence := wpj.Evidence{
		Source: wpj.SourceLoginKeychain, Finding: wpj.Found, ObservedAt: observed,
		Certificates:      []wpj.HeldCertificate{{DER: issued.DER, HasPrivateKey: true}},
		UserPrincipalName: upn, TenantID: wpj.TenantID(issued.Device.TenantID),
		Thumbprint: wpj.Thumbprint(issued.Thumbprint),
		CloudHost:  "login.microsoftonline.com",
	}
	if edit != nil {
		edit(&evidence)
	}
	return evidence
}

func blocked(obstacle wpj.Obstacle, detail string) wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.CouldNotLook, Obstacle: obstacle, Detail: detail,
		ObservedAt: observed}
}

func nothing() wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.NotThere, ObservedAt: observed}
}

func TestEvaluate(t *testing.T) {
	good := registered(t, entra.Device{}, nil)
	noKey := registered(t, entra.Device{}, func(e *wpj.Evidence) { e.Certificates[0].HasPrivateKey = false })
	expired := registered(t, entra.Device{}.Expired(), nil)
	contradictory := registered(t, entra.Device{CommonName: userID}, nil)
	damaged := registered(t, entra.Device{Encoding: func([]byte) []byte { return []byte{4} }}, nil)
	with := func(e wpj.Evidence, more ...wpj.HeldCertificate) wpj.Evidence {
		e.Certificates = append(more, e.Certificates...)
		return e
	}
	leftover := func(e wpj.Evidence) wpj.Evidence {
		e.Certificates = nil
		return e
	}
	for _, test := range []struct {
		name     string
		evidence []wpj.Evidence
		tenant   wpj.TenantID
		state    wpj.State
		detail   string // a part of it
	}{
		{"registered", []wpj.Evidence{good}, tenantID, wpj.StateRegistered,
			"The login keychain holds a device certificate that is valid until "},
		{"any tenant", []wpj.Evidence{good}, "", wpj.StateRegistered, "its private key and its user"},
		{"tenant in upper case", []wpj.Evidence{good}, wpj.TenantID(strings.ToUpper(tenantID)), wpj.StateRegistered,
			""},
		{"older registration with fewer items", []wpj.Evidence{registered(t, entra.Device{}, func(e *wpj.Evidence) {
			e.Thumbprint, e.TenantID, e.CloudHost = "", "", ""
		})}, tenantID, wpj.StateRegistered, ""},
		{"items in upper case", []wpj.Evidence{registered(t, entra.Device{}, func(e *wpj.Evidence) {
			e.Thumbprint = wpj.Thumbprint(strings.ToUpper(string(e.Thumbprint)))
			e.TenantID = wpj.TenantID(strings.ToUpper(string(e.TenantID)))
		})}, tenantID, wpj.StateRegistered, ""},
		{"expired leftover beside it", []wpj.Evidence{with(good, expired.Certificates...)}, tenantID,
			wpj.StateRegistered, ""},
		{"keyless leftover beside it", []wpj.Evidence{with(good, noKey.Certificates...)}, tenantID, wpj.StateRegistered,
			""},
		{"damaged leftover beside it", []wpj.Evidence{with(good, damaged.Certificates...)}, tenantID,
			wpj.StateRegistered, ""},
		{"same certificate twice", []wpj.Evidence{with(good, good.Certificates...), good}, tenantID,
			wpj.StateRegistered, ""},
		{"another source is locked", []wpj.Evidence{blocked(wpj.ObstacleLocked, ""), good}, tenantID,
			wpj.StateRegistered, ""},

		{"no key", []wpj.Evidence{noKey}, tenantID, wpj.StateOrphaned,
			"a device certificate without its private key; remove"},
		{"current without key, expired with", []wpj.Evidence{with(noKey, expired.Certificates...)}, tenantID,
			wpj.StateOrphaned, "without its private key"},
		{"two", []wpj.Evidence{with(good, registered(t, entra.Device{}, nil).Certificates...)}, tenantID,
			wpj.StateOrphaned, "2 current device certificates with private keys"},
		{"thumbprint of another", []wpj.Evidence{
			registered(t, entra.Device{}, func(e *wpj.Evidence) { e.Thumbprint = expired.Thumbprint })},
			tenantID, wpj.StateOrphaned,
			"The item com.microsoft.workplacejoin.thumbprint in the login keychain names another certificate"},
		{"no user", []wpj.Evidence{registered(t, entra.Device{}, func(e *wpj.Evidence) { e.UserPrincipalName = "" })},
			tenantID, wpj.StateOrphaned, "The item com.microsoft.workplacejoin.registeredUserPrincipalName is missing"},
		{"tenant item of another", []wpj.Evidence{
			registered(t, entra.Device{}, func(e *wpj.Evidence) { e.TenantID = otherTenant })},
			tenantID, wpj.StateOrphaned,
			"The item com.microsoft.workplacejoin.tenantId in the login keychain names another tenant than the " +
				"device certificate, which is of tenant " + tenantID},
		{"contradictory", []wpj.Evidence{contradictory}, tenantID, wpj.StateOrphaned,
			"is damaged or made up (certificate contradicts itself: "},

		{"expired", []wpj.Evidence{expired}, tenantID, wpj.StateExpired, "expired on "},
		{"not yet valid", []wpj.Evidence{registered(t, entra.Device{}.NotYetValid(), nil)}, tenantID, wpj.StateExpired,
			"is not yet valid, because it begins on "},

		{"other tenant", []wpj.Evidence{registered(t, entra.Device{TenantID: otherTenant}, nil)}, tenantID,
			wpj.StateTenantMismatch,
			"This Mac is registered in tenant " + otherTenant + ", and tenant.id is " + tenantID},

		{"locked", []wpj.Evidence{blocked(wpj.ObstacleLocked, "")}, tenantID, wpj.StateUnreadable,
			"it is locked; have the user unlock it"},
		{"denied", []wpj.Evidence{blocked(wpj.ObstacleAccessDenied, "")}, tenantID, wpj.StateUnreadable,
			"access to it was denied"},
		{"remark of the agent", []wpj.Evidence{blocked(wpj.ObstacleFailed, "list keys:\n\x1b[31mbroken. ")}, tenantID,
			wpj.StateUnreadable, "(list keys: [31mbroken);"},
		{"unheard-of obstacle", []wpj.Evidence{blocked("on fire", "")}, tenantID, wpj.StateUnreadable,
			"reading it went wrong"},
		{"one source locked, the other empty", []wpj.Evidence{nothing(), blocked(wpj.ObstacleLocked, "")}, tenantID,
			wpj.StateUnreadable, "locked"},
		{"certificates of an interrupted look", []wpj.Evidence{func() wpj.Evidence {
			e := good
			e.Finding, e.Obstacle = wpj.CouldNotLook, wpj.ObstacleAccessDenied
			return e
		}()}, tenantID, wpj.StateUnreadable, "access to it was denied"},
		{"undecodable", []wpj.Evidence{damaged}, tenantID, wpj.StateUnreadable,
			"a device certificate that usher cannot read (certificate cannot be parsed: extension " +
				"1.2.840.113556.1.5.284.2"},
		{"nobody looked", nil, tenantID, wpj.StateUnreadable, "nobody has looked"},
		{"unknown finding", []wpj.Evidence{{Finding: "perhaps"}}, tenantID, wpj.StateUnreadable,
			"the user's session could not be looked at"},

		{"nothing there", []wpj.Evidence{nothing()}, tenantID, wpj.StateNotRegistered,
			"The login keychain holds no device certificate by MS-Organization-Access"},
		{"certificates of others", []wpj.Evidence{{Source: wpj.SourceLoginKeychain, Finding: wpj.Found,
			Certificates: []wpj.HeldCertificate{{DER: []byte("junk"), HasPrivateKey: true}}}}, tenantID,
			wpj.StateNotRegistered, "holds no device certificate"},
		{"items without a certificate", []wpj.Evidence{leftover(good)}, tenantID, wpj.StateNotRegistered,
			"items of an earlier registration; remove them before registering"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := wpj.Evaluate(test.evidence, wpj.Conditions{Now: time.Now(), Tenant: test.tenant})
			if got.State != test.state || !strings.Contains(got.Sentence(), test.detail) {
				t.Errorf("got %s: %s\nwant %s: …%s…", got.State, got.Sentence(), test.state, test.detail)
			}
		})
	}
}

func TestEvaluateFillsIn(t *testing.T) {
	evidence := registered(t, entra.Device{JoinType: "0", Region: "EU"}, nil)
	certificate, err := wpj.ParseCertificate(evidence.Certificates[0].DER)
	if err != nil {
		t.Fatal(err)
	}
	got := wpj.Evaluate([]wpj.Evidence{evidence}, wpj.Conditions{Now: time.Now(), Tenant: tenantID})
	want := wpj.Identity{
		State: wpj.StateRegistered, Rule: "registered in the login keychain", Detail: got.Detail, DeviceID: deviceID,
		TenantID: tenantID, UserPrincipalName: upn, UserObjectID: userID,
		Thumbprint: certificate.Thumbprint, JoinType: wpj.JoinRegistered, TenantRegion: "EU",
		NotBefore: certificate.NotBefore, NotAfter: certificate.NotAfter, ObservedAt: observed,
		Source: wpj.SourceLoginKeychain,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestEvaluateHoldsTheEndsOfValidity(t *testing.T) {
	evidence := registered(t, entra.Device{}, nil)
	certificate, err := wpj.ParseCertificate(evidence.Certificates[0].DER)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		now   time.Time
		state wpj.State
	}{
		{certificate.NotBefore.Add(-1), wpj.StateExpired},
		{certificate.NotBefore, wpj.StateRegistered},
		{certificate.NotAfter, wpj.StateRegistered},
		{certificate.NotAfter.Add(1), wpj.StateExpired},
	} {
		if got := wpj.Evaluate([]wpj.Evidence{evidence},
			wpj.Conditions{Now: test.now, Tenant: wpj.TenantID(tenantID)}); got.State != test.state {
			t.Errorf("%s: %s, want %s", test.now, got.State, test.state)
		}
	}
}

func TestEvaluateHoldsTheEndsOfValidityOfTwo(t *testing.T) {
	begin := time.Now().Truncate(time.Second)
	device := entra.Device{NotBefore: begin, NotAfter: begin.AddDate(1, 0, 0)}
	two := registered(t, device, nil)
	two.Certificates = append(two.Certificates, registered(t, device, nil).Certificates...)
	for _, now := range []time.Time{device.NotBefore, device.NotAfter} {
		if got := wpj.Evaluate([]wpj.Evidence{two}, wpj.Conditions{Now: now, Tenant: tenantID}); got.State !=
			wpj.StateOrphaned {
			t.Errorf("%s: %s: %s", now, got.State, got.Sentence())
		}
	}
}

var states = []wpj.State{
	wpj.StateNotRegistered, wpj.StateRegistered, wpj.StateOrphaned, wpj.StateExpired, wpj.StateTenantMismatch,
	wpj.StateUnreadable,
}

// TestEvaluateWalk checks statements that are true of any evidence, over the whole product of possible evidence.
func TestEvaluateWalk(t *testing.T) {
	good := registered(t, entra.Device{}, nil)
	second := registered(t, entra.Device{}, nil)
	key := func(e wpj.Evidence, has bool) wpj.HeldCertificate {
		return wpj.HeldCertificate{DER: e.Certificates[0].DER, HasPrivateKey: has}
	}
	expired := registered(t, entra.Device{}.Expired(), nil)
	future := registered(t, entra.Device{}.NotYetValid(), nil)
	foreign := wpj.HeldCertificate{DER: []byte("junk")}
	contradictory := key(registered(t, entra.Device{CommonName: userID}, nil), true)
	damaged := key(registered(t, entra.Device{Encoding: func([]byte) []byte { return []byte{4} }}, nil), true)
	holdings := []struct {
		certificates  []wpj.HeldCertificate
		ours, current bool // holds one of ours; holds just one that is current and has its key
	}{
		{nil, false, false},
		{[]wpj.HeldCertificate{foreign}, false, false},
		{[]wpj.HeldCertificate{key(good, true)}, true, true},
		{[]wpj.HeldCertificate{key(good, false)}, true, false},
		{[]wpj.HeldCertificate{key(expired, true)}, true, false},
		{[]wpj.HeldCertificate{key(expired, false), foreign}, true, false},
		{[]wpj.HeldCertificate{key(future, true)}, true, false},
		{[]wpj.HeldCertificate{key(good, true), key(second, true)}, true, false},
		{[]wpj.HeldCertificate{key(good, true), key(expired, true)}, true, true},
		{[]wpj.HeldCertificate{contradictory}, true, false},
		{[]wpj.HeldCertificate{damaged, contradictory}, true, false},
	}
	findings := []wpj.Finding{wpj.Found, wpj.NotThere, wpj.CouldNotLook, "", "perhaps"}
	obstacles := []wpj.Obstacle{"", wpj.ObstacleLocked, wpj.ObstacleAccessDenied, wpj.ObstacleUnavailable,
		wpj.ObstacleUnsupported, wpj.ObstacleFailed, "on fire"}
	others := [][]wpj.Evidence{nil, {nothing()}, {blocked(wpj.ObstacleLocked, "")}}
	now := time.Now()
	seen := map[wpj.State]int{}
	for _, holding := range holdings {
		for _, finding := range findings {
			for _, obstacle := range obstacles {
				for _, user := range []wpj.UserPrincipalName{"", upn} {
					for _, item := range []wpj.TenantID{"", tenantID, otherTenant, "junk"} {
						for _, thumbprint := range []wpj.Thumbprint{"", good.Thumbprint, "junk"} {
							for _, tenant := range []wpj.TenantID{"", tenantID, otherTenant} {
								for _, other := range others {
									e := wpj.Evidence{
										Source: wpj.SourceLoginKeychain, Finding: finding, Obstacle: obstacle,
										Certificates:      holding.certificates,
										UserPrincipalName: user, TenantID: item, Thumbprint: thumbprint,
										ObservedAt: observed,
									}
									got := wpj.Evaluate(append([]wpj.Evidence{e}, other...),
										wpj.Conditions{Now: now, Tenant: wpj.TenantID(tenant)})
									seen[got.State]++
									looked := finding == wpj.Found || finding == wpj.NotThere
									anyBlocked := !looked || len(other) > 0 && other[0].Finding == wpj.CouldNotLook
									usable := looked && holding.current && user != "" && thumbprint != "junk" &&
										(item == "" || item == tenantID)
									problem := ""
									switch {
									case !slices.Contains(states, got.State):
										problem = "no state of the table"
									case got.Sentence() == "" || strings.ContainsAny(got.Sentence(), "\n") ||
										strings.Contains(got.Sentence(), "%!"):
										problem = "detail is not a sentence"
									case strings.Contains(got.Sentence(), upn) ||
										strings.Contains(got.Sentence(), deviceID) ||
										strings.Contains(got.Sentence(), userID) ||
										strings.Contains(got.Sentence(), string(good.Thumbprint)):
										problem = "detail holds personal data"
									case got.State == wpj.StateNotRegistered && anyBlocked:
										problem = "a source that could not be looked at passes for empty"
									case got.State == wpj.StateNotRegistered && holding.ours:
										problem = "a certificate was ignored"
									case !looked && got.State != wpj.StateUnreadable:
										problem = "evidence of an interrupted look has an effect"
									case (got.State == wpj.StateRegistered) !=
										(usable && (tenant == "" || tenant == tenantID)):
										problem = "registered just when everything is in order"
									case (got.State == wpj.StateTenantMismatch) != (usable && tenant == otherTenant):
										problem = "of another tenant just when everything else is in order"
									case got.State == wpj.StateRegistered &&
										(got.DeviceID != deviceID || got.UserPrincipalName != upn):
										problem = "registered as somebody else"
									}
									if problem != "" {
										t.Fatalf("%s: %+v\nwith %v, tenant %q, from %+v", problem, got, other, tenant,
											e)
									}
									if again := wpj.Evaluate(append(slices.Clone(other), e),
										wpj.Conditions{Now: now, Tenant: wpj.TenantID(tenant)}); again.State !=
										got.State {
										t.Fatalf("%s or %s, by the order of the evidence %+v", got.State, again.State,
											e)
									}
								}
							}
						}
					}
				}
			}
		}
	}
	for _, state := range states {
		if seen[state] == 0 {
			t.Errorf("the walk never met %s", state)
		}
	}
}
