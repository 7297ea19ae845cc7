package wpj_test

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

// identities is the content of a login keychain with several identities. Each has a certificate with its key and,
// unless change says otherwise, its items.
type identities []*entra.Issued

func several(t *testing.T, devices ...entra.Device) identities {
	t.Helper()
	var all identities
	for _, device := range devices {
		all = append(all, issue(t, device))
	}
	return all
}

func userOf(issued *entra.Issued) wpj.UserPrincipalName {
	return wpj.UserPrincipalName("user-of-" + issued.Device.DeviceID[:8] + "@example.com")
}

// held returns the certificates as an agent sends them.
func (all identities) held(change func(at int, held *wpj.HeldCertificate)) []wpj.HeldCertificate {
	var certificates []wpj.HeldCertificate
	for at, issued := range all {
		held := wpj.HeldCertificate{DER: issued.DER, HasPrivateKey: true, Items: &wpj.Items{
			UserPrincipalNames: []wpj.UserPrincipalName{userOf(issued)},
			TenantID:           wpj.TenantID(issued.Device.TenantID), Thumbprint: wpj.Thumbprint(issued.Thumbprint),
			CloudHost: "login.windows.net",
		}}
		if change != nil {
			change(at, &held)
		}
		certificates = append(certificates, held)
	}
	return certificates
}

func keychainOf(certificates ...wpj.HeldCertificate) wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.Found, ObservedAt: observed,
		Certificates: certificates}
}

// ways are all orders of the certificates, in one piece of evidence and in one each.
func ways(certificates []wpj.HeldCertificate) iter.Seq[[]wpj.Evidence] {
	return func(yield func([]wpj.Evidence) bool) {
		var permute func(rest, taken []wpj.HeldCertificate) bool
		permute = func(rest, taken []wpj.HeldCertificate) bool {
			if len(rest) == 0 {
				var apart []wpj.Evidence
				for _, one := range taken {
					apart = append(apart, keychainOf(one))
				}
				return yield([]wpj.Evidence{keychainOf(slices.Clone(taken)...)}) && yield(apart)
			}
			for i := range rest {
				if !permute(slices.Delete(slices.Clone(rest), i, i+1), append(slices.Clone(taken), rest[i])) {
					return false
				}
			}
			return true
		}
		permute(certificates, nil)
	}
}

const (
	tenantA = "aaaaaaaa-0000-4000-8000-00000000000a"
	tenantB = "bbbbbbbb-0000-4000-8000-00000000000b"
	tenantC = "cccccccc-0000-4000-8000-00000000000c"
)

func TestSeveralIdentities(t *testing.T) {
	ofA, ofB := entra.Device{TenantID: tenantA}, entra.Device{TenantID: tenantB}
	two := several(t, ofA, ofB)
	sameTenant := several(t, ofA, ofA, ofB)
	three := several(t, ofA, ofB, entra.Device{TenantID: tenantC})
	expired := several(t, ofA.Expired(), ofB)
	none := -1
	for name, test := range map[string]struct {
		all       identities
		change    func(at int, held *wpj.HeldCertificate)
		tenant    wpj.TenantID
		cloudHost string
		state     wpj.State
		chosen    int
		others    []int
		remarks   string
		detail    string
	}{
		"of the tenant": {all: two, tenant: tenantA, state: wpj.StateRegistered, chosen: 0,
			others: []int{1}, remarks: "another-identity-in-the-login-keychain", detail: "is valid until"},
		"of the other": {all: two, tenant: tenantB, state: wpj.StateRegistered, chosen: 1,
			others: []int{0}, remarks: "another-identity-in-the-login-keychain"},
		"the tenant in upper case": {all: two, tenant: wpj.TenantID(strings.ToUpper(tenantB)),
			state: wpj.StateRegistered, chosen: 1, others: []int{0}, remarks: "another-identity-in-the-login-keychain"},
		"no tenant is configured": {all: two, state: wpj.StateOrphaned, chosen: none, others: []int{0, 1},
			detail: "2 current device certificates"},
		"no tenant, whatever the cloud": {all: two, change: cloudOf(0, "login.microsoftonline.us"),
			cloudHost: "login.microsoftonline.com", state: wpj.StateOrphaned, chosen: none, others: []int{0, 1}},
		"none is of the tenant": {all: two, tenant: tenantC, state: wpj.StateOrphaned, chosen: none,
			others: []int{0, 1}, detail: "none is of the tenant that tenant.id names"},
		"two of the same tenant": {all: sameTenant, tenant: tenantA, state: wpj.StateOrphaned, chosen: none,
			others: []int{0, 1, 2}, detail: "holds 2 current device certificates with private keys, so it is unclear " +
				"which one represents this Mac, because they are of the same tenant"},
		"one beside two of another": {all: sameTenant, tenant: tenantB, state: wpj.StateRegistered, chosen: 2,
			others: []int{0, 1}, remarks: "another-identity-in-the-login-keychain"},
		"three": {all: three, tenant: tenantC, state: wpj.StateRegistered, chosen: 2,
			others: []int{0, 1}, remarks: "another-identity-in-the-login-keychain"},
		"two clouds of one tenant": {all: sameTenant, change: cloudOf(0, "login.chinacloudapi.cn"),
			tenant: tenantA, cloudHost: "login.microsoftonline.com", state: wpj.StateRegistered, chosen: 1,
			others: []int{0, 2}, remarks: "another-identity-in-the-login-keychain"},
		"the tenant's is in another cloud": {all: two, change: cloudOf(0, "login.microsoftonline.us"), tenant: tenantA,
			cloudHost: "login.microsoftonline.com", state: wpj.StateRegistered, chosen: 0, others: []int{1},
			remarks: "another-identity-in-the-login-keychain cloud-differs"},
		"the tenant's has no key": {all: two,
			change: func(at int, held *wpj.HeldCertificate) { held.HasPrivateKey = at == 1 }, tenant: tenantA,
			state: wpj.StateTenantMismatch, chosen: 1},
		"the other has no key": {all: two,
			change: func(at int, held *wpj.HeldCertificate) { held.HasPrivateKey = at == 0 }, tenant: tenantA,
			state: wpj.StateRegistered, chosen: 0},
		"neither has a key": {all: two,
			change: func(_ int, held *wpj.HeldCertificate) { held.HasPrivateKey = false }, tenant: tenantB,
			state: wpj.StateOrphaned, chosen: 1, detail: "without its private key"},
		"the tenant's has expired": {all: expired, tenant: tenantA, state: wpj.StateTenantMismatch, chosen: 1},
		"the other has expired":    {all: expired, tenant: tenantB, state: wpj.StateRegistered, chosen: 1},
		"no items for the tenant's": {all: two,
			change: func(at int, held *wpj.HeldCertificate) { held.Items = &wpj.Items{} }, tenant: tenantA,
			state: wpj.StateOrphaned, chosen: 0, others: []int{1}, remarks: "another-identity-in-the-login-keychain",
			detail: "no item com.microsoft.workplacejoin.registeredUserPrincipalName belongs to the one of tenant " +
				tenantA},
		"the thumbprint item is another": {all: two,
			change: func(_ int, held *wpj.HeldCertificate) { held.Items.Thumbprint = "00" }, tenant: tenantA,
			state: wpj.StateOrphaned, chosen: 0, others: []int{1}, remarks: "another-identity-in-the-login-keychain",
			detail: "than the one of tenant " + tenantA},
	} {
		t.Run(name, func(t *testing.T) {
			given := wpj.Conditions{Now: time.Now(), Tenant: test.tenant, CloudHost: test.cloudHost}
			for evidence := range ways(test.all.held(test.change)) {
				got := wpj.Evaluate(evidence, given)
				if got.State != test.state || !strings.Contains(got.Sentence(), test.detail) {
					t.Fatalf("%s (%s): %s", got.State, got.Rule, got.Sentence())
				}
				if test.chosen == none {
					if got.DeviceID != "" || got.UserPrincipalName != "" || got.Thumbprint != "" {
						t.Errorf("names device %q although the identity is ambiguous", string(got.DeviceID))
					}
				} else if want := test.all[test.chosen]; string(got.DeviceID) != want.Device.DeviceID ||
					string(got.TenantID) != want.Device.TenantID || string(got.Thumbprint) != want.Thumbprint {
					t.Errorf("chose device %s of %s", string(got.DeviceID), got.TenantID)
				} else if got.State == wpj.StateRegistered && got.UserPrincipalName != userOf(want) {
					t.Errorf("user %s, want %s", string(got.UserPrincipalName), string(userOf(want)))
				}
				var others []string
				for _, one := range got.Others {
					others = append(others, string(one.DeviceID)+" "+string(one.TenantID)+" "+string(one.Thumbprint))
				}
				var want []string
				for _, at := range test.others {
					want = append(want, test.all[at].Device.DeviceID+" "+test.all[at].Device.TenantID+" "+
						test.all[at].Thumbprint)
				}
				slices.Sort(want)
				slices.Sort(others)
				if !slices.Equal(others, want) {
					t.Errorf("others %s, want %s", others, want)
				}
				var names []string
				for _, one := range got.Contradictions {
					names = append(names, one.Name)
					personal := []string{"@"}
					for _, issued := range test.all {
						personal = append(personal, issued.Device.DeviceID, issued.Device.UserObjectID,
							issued.Thumbprint)
					}
					for _, text := range personal {
						if strings.Contains(one.Detail, text) || strings.Contains(got.Sentence(), text) {
							t.Errorf("personal data in %q or %q", one.Detail, got.Sentence())
						}
					}
				}
				if strings.Join(names, " ") != test.remarks {
					t.Errorf("contradictions: %s", names)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

func cloudOf(of int, host string) func(int, *wpj.HeldCertificate) {
	return func(at int, held *wpj.HeldCertificate) {
		if at == of {
			held.Items.CloudHost = host
		}
	}
}

// Agents that do not assign items to certificates have sent one set. It applies to the certificate that it names, and
// to no other.
func TestItemsOfAnOlderAgent(t *testing.T) {
	two := several(t, entra.Device{TenantID: tenantA}, entra.Device{TenantID: tenantB})
	for at, tenant := range []wpj.TenantID{tenantA, tenantB} {
		evidence := keychainOf(two.held(func(_ int, held *wpj.HeldCertificate) { held.Items = nil })...)
		evidence.UserPrincipalName, evidence.TenantID, evidence.Thumbprint = userOf(two[0]), tenantA,
			wpj.Thumbprint(two[0].Thumbprint)
		got := wpj.Evaluate([]wpj.Evidence{evidence}, wpj.Conditions{Now: time.Now(), Tenant: tenant})
		if want := []wpj.State{wpj.StateRegistered, wpj.StateOrphaned}[at]; got.State != want ||
			string(got.DeviceID) != two[at].Device.DeviceID || len(got.Others) != 1 {
			t.Errorf("%s: %s (%s), device %s, %d others", tenant, got.State, got.Sentence(), string(got.DeviceID),
				len(got.Others))
		}
	}
}

// One identity is not refused because of its cloud, but its use is always reported.
func TestTheCloudOfOneIdentity(t *testing.T) {
	one := several(t, entra.Device{TenantID: tenantA})
	const public, government, china, unknown = "login.microsoftonline.com", "login.microsoftonline.us",
		"login.partner.microsoftonline.cn", "login.example.com"
	for _, test := range []struct {
		item, configured string
		differs          bool
	}{
		{public, public, false}, {"login.windows.net", public, false}, {"login.microsoft.com", public, false},
		{"sts.windows.net", public, false},
		{"LOGIN.Windows.NET", public, false}, {" login.windows.net ", public, false},
		{"https://login.windows.net/common", public, false},
		{"", public, false}, {government, "", false}, {"", "", false},
		{"login.usgovcloudapi.net", government, false}, {"login.chinacloudapi.cn", china, false},
		{unknown, unknown, false}, {strings.ToUpper(unknown), unknown, false},
		{government, public, true}, {public, government, true}, {china, public, true},
		{"login.chinacloudapi.cn", government, true},
		{unknown, public, true}, {public, unknown, true}, {"login.microsoftonline.de", public, true},
		{"\x1b[31m", public, true},
	} {
		for _, tenant := range []wpj.TenantID{"", tenantA} {
			got := wpj.Evaluate([]wpj.Evidence{keychainOf(one.held(cloudOf(0, test.item))...)},
				wpj.Conditions{Now: time.Now(), Tenant: tenant, CloudHost: test.configured})
			if got.State != wpj.StateRegistered {
				t.Errorf("%q with %q: %s (%s)", test.item, test.configured, got.State, got.Sentence())
			}
			reported := slices.ContainsFunc(got.Contradictions,
				func(c wpj.Contradiction) bool { return c.Name == "cloud-differs" })
			if reported != test.differs || len(got.Contradictions) > 1 {
				t.Errorf("%q with %q: %+v", test.item, test.configured, got.Contradictions)
			}
			for _, c := range got.Contradictions {
				if strings.ContainsAny(c.Sentence(), "\x1b\n") || strings.Contains(c.Sentence(), unknown) {
					t.Errorf("%q", c.Sentence())
				}
			}
		}
		got := wpj.Evaluate([]wpj.Evidence{keychainOf(one.held(cloudOf(0, test.item))...)},
			wpj.Conditions{Now: time.Now(), Tenant: tenantB, CloudHost: test.configured})
		if got.State != wpj.StateTenantMismatch || len(got.Contradictions) != 0 {
			t.Errorf("%q with %q in another tenant: %s, %+v", test.item, test.configured, got.State, got.Contradictions)
		}
	}
}

// A user who may be another one is not reported, but the registration is still valid.
func TestOfSeveralUsersNoneIsGuessed(t *testing.T) {
	one := several(t, entra.Device{TenantID: tenantA})
	got := wpj.Evaluate([]wpj.Evidence{keychainOf(one.held(func(_ int, held *wpj.HeldCertificate) {
		held.Items.UserPrincipalNames = append(held.Items.UserPrincipalNames, "zoe@example.com")
	})...)}, wpj.Conditions{Now: time.Now(), Tenant: tenantA})
	if got.State != wpj.StateRegistered || got.UserPrincipalName != "" || len(got.Contradictions) != 1 ||
		got.Contradictions[0].Name != "users-differ" ||
		strings.Contains(got.Contradictions[0].Sentence()+got.Sentence(), "@") {
		t.Errorf("%+v", got)
	}
}

// This covers every variant of two certificates. No order changes the result, what is registered is of the tenant, and
// every other usable identity is named.
func TestWalkOverTwoIdentities(t *testing.T) {
	now := time.Now()
	ofA, ofB := entra.Device{TenantID: tenantA}, entra.Device{TenantID: tenantB}
	devices := []entra.Device{ofA, ofA.Expired(), ofB, ofB.NotYetValid(), {TenantID: uuid.Nil.String()}}
	firsts, seconds := several(t, devices...), several(t, devices...)
	clouds := []string{"", "login.windows.net", "login.microsoftonline.us"}
	itemSets := []func(*entra.Issued) *wpj.Items{
		func(*entra.Issued) *wpj.Items { return nil }, func(*entra.Issued) *wpj.Items { return &wpj.Items{} },
		func(issued *entra.Issued) *wpj.Items {
			return &wpj.Items{UserPrincipalNames: []wpj.UserPrincipalName{userOf(issued)},
				Thumbprint: wpj.Thumbprint(issued.Thumbprint)}
		},
		func(issued *entra.Issued) *wpj.Items {
			return &wpj.Items{UserPrincipalNames: []wpj.UserPrincipalName{userOf(issued), upn}, TenantID: tenantB}
		},
	}
	walked := 0
	for i, first := range firsts {
		for _, second := range seconds[i:] { // the tests below cover each order of two
			for keys := range 4 {
				for _, items := range itemSets {
					for _, otherItems := range itemSets {
						for i, cloud := range clouds {
							for _, tenant := range []wpj.TenantID{"", tenantA, tenantB, tenantC} {
								given := wpj.Conditions{Now: now, Tenant: tenant,
									CloudHost: "login.microsoftonline.com"}
								a := wpj.HeldCertificate{DER: first.DER, HasPrivateKey: keys&1 != 0,
									Items: items(first)}
								b := wpj.HeldCertificate{DER: second.DER, HasPrivateKey: keys&2 != 0,
									Items: otherItems(second)}
								if a.Items != nil {
									a.Items.CloudHost = cloud
								}
								if b.Items != nil {
									b.Items.CloudHost = clouds[len(clouds)-1-i]
								}
								walked++
								holdTwo(t, first, second, a, b, given)
								if t.Failed() {
									return
								}
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d combinations", walked)
}

func holdTwo(t *testing.T, first, second *entra.Issued, a, b wpj.HeldCertificate, given wpj.Conditions) {
	t.Helper()
	current := func(issued *entra.Issued) bool {
		return !given.Now.Before(issued.Device.NotBefore.Truncate(time.Second)) &&
			!given.Now.After(issued.Device.NotAfter)
	}
	usable := map[string]string{} // device to tenant
	for held, issued := range map[*wpj.HeldCertificate]*entra.Issued{&a: first, &b: second} {
		if held.HasPrivateKey && current(issued) {
			usable[issued.Device.DeviceID] = issued.Device.TenantID
		}
	}
	got := wpj.Evaluate([]wpj.Evidence{keychainOf(a, b)}, given)
	for _, evidence := range [][]wpj.Evidence{{keychainOf(b, a)}, {keychainOf(a), keychainOf(b)},
		{keychainOf(b), keychainOf(a)}, {keychainOf(b, a, b)}} {
		if again := wpj.Evaluate(evidence, given); !reflect.DeepEqual(again, got) {
			t.Fatalf("by the order of %+v, %+v:\n%+v\n%+v", a, b, got, again)
		}
	}
	problem := ""
	named := map[string]bool{string(got.DeviceID): true}
	for _, other := range got.Others {
		if named[string(other.DeviceID)] {
			problem = "named twice"
		}
		named[string(other.DeviceID)] = true
	}
	registered := got.State == wpj.StateRegistered
	tenants := map[string]bool{}
	for device, tenant := range usable {
		tenants[tenant] = true
		if !named[device] {
			problem = "a usable identity is not named"
		}
		if given.Tenant != "" && tenant == string(given.Tenant) && got.TenantID != "" && got.TenantID != given.Tenant {
			problem = "the identity of the tenant was not preferred"
		}
	}
	switch {
	case registered && usable[string(got.DeviceID)] == "":
		problem = "registered by what cannot be used"
	case registered && given.Tenant != "" && got.TenantID != given.Tenant:
		problem = "registered in another tenant"
	case len(usable) == 2 && given.Tenant == "" && got.State != wpj.StateOrphaned:
		problem = "without a tenant two are ambiguous"
	case registered && len(usable) == 2 && len(tenants) == 1:
		// only their clouds can decide
		items := map[string]*wpj.Items{first.Device.DeviceID: a.Items, second.Device.DeviceID: b.Items}
		differ := 0
		for _, one := range items {
			if one != nil && wpj.OtherCloud(one.CloudHost, given.CloudHost) {
				differ++
			}
		}
		if differ != 1 {
			problem = "two of one tenant are ambiguous"
		}
	}
	if problem != "" {
		t.Fatalf("%s: %s, device %s of %s, others %v\nof %s %+v %+v\nand %s %+v %+v\nwith %+v", problem, got.State,
			string(got.DeviceID), got.TenantID, fmt.Sprint(got.Others),
			first.Device.DeviceID, a.HasPrivateKey, a.Items, second.Device.DeviceID, b.HasPrivateKey, b.Items, given)
	}
}

// Pieces of evidence of one keychain give the same result in any order, even if they differ in everything else. That
// also holds if they contain the same certificate and disagree about it.
func TestNoOrderOfTheEvidenceHasAnEffect(t *testing.T) {
	two := several(t, entra.Device{TenantID: tenantA}, entra.Device{TenantID: tenantB})
	damaged := wpj.HeldCertificate{DER: issue(t, entra.Device{Encoding: func([]byte) []byte { return []byte{4} }}).DER}
	contradictory := wpj.HeldCertificate{DER: issue(t, entra.Device{CommonName: userID}).DER}
	elsewhere := wpj.HeldCertificate{DER: two[0].DER[:len(two[0].DER)-100]} // cut off
	bare := two.held(func(_ int, held *wpj.HeldCertificate) { held.Items = &wpj.Items{} })
	late := keychainOf(bare...)
	late.ObservedAt, late.Detail = observed.Add(time.Hour), "later"
	other := keychainOf(damaged, contradictory, elsewhere)
	other.TenantID, other.UserPrincipalName = tenantC, upn
	for _, evidence := range [][]wpj.Evidence{
		{keychainOf(two.held(nil)...), late, other},
		{keychainOf(two.held(nil)[1]), late, blocked(wpj.ObstacleLocked, "one"),
			blocked(wpj.ObstacleFailed, "another")},
		{other, blocked(wpj.ObstacleLocked, "one"), blocked(wpj.ObstacleFailed, "another")},
		{blocked(wpj.ObstacleLocked, "one"), blocked(wpj.ObstacleFailed, "another"), {Finding: "perhaps"}},
		{keychainOf(damaged), keychainOf(elsewhere), keychainOf(contradictory), nothing()},
		{keychainOf(damaged, elsewhere)},
		{keychainOf(append(two.held(nil), bare...)...)},
		{nothing(), {Source: wpj.SourceLoginKeychain, Finding: wpj.Found, TenantID: tenantA},
			{Source: wpj.SourceLoginKeychain, Finding: wpj.Found, TenantID: tenantB, ObservedAt: observed}},
	} {
		for _, tenant := range []wpj.TenantID{"", tenantA, tenantB} {
			given := wpj.Conditions{Now: time.Now(), Tenant: tenant}
			want := wpj.Evaluate(evidence, given)
			for turned := range orders(slices.Clone(evidence)) {
				backwards := slices.Clone(turned)
				for i := range backwards {
					backwards[i].Certificates = slices.Clone(backwards[i].Certificates)
					slices.Reverse(backwards[i].Certificates)
				}
				for _, evidence := range [][]wpj.Evidence{turned, backwards} {
					if got := wpj.Evaluate(evidence, given); !reflect.DeepEqual(got, want) {
						t.Fatalf("%+v\ncomes to %+v\nand to %+v", evidence, got, want)
					}
				}
			}
		}
	}
}
