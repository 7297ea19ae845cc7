package wpj

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"usher.internal/internal/cloud"
)

// Items are what the generic passwords of one registration in the login keychain say.
type Items struct {
	// UserPrincipalNames is who registered. There are several where it is open which of them it is, and none where no
	// item belongs to the registration.
	UserPrincipalNames []UserPrincipalName
	// The others are empty where no item belongs to the registration: older registrations have fewer.
	TenantID   TenantID
	Thumbprint Thumbprint
	CloudHost  string
}

// held is a device certificate where it was found, with the items that belong to it.
type held struct {
	certificate   *Certificate
	hasPrivateKey bool
	evidence      Evidence
	items         Items
	// at is the place of the certificate in its evidence.
	at int
}

// itemsOf returns the items of a certificate. Where the source does not say whose items they are, they are those of the
// evidence.
func itemsOf(candidate HeldCertificate, e Evidence) Items {
	if candidate.Items != nil {
		return *candidate.Items
	}
	items := Items{TenantID: e.TenantID, Thumbprint: e.Thumbprint, CloudHost: e.CloudHost}
	if e.UserPrincipalName != "" {
		items.UserPrincipalNames = []UserPrincipalName{e.UserPrincipalName}
	}
	return items
}

// tenant is the tenant by the certificate, or by the item where that does not name one; empty when neither does.
func (h *held) tenant() TenantID {
	if h.certificate.TenantID != "" {
		return h.certificate.TenantID
	}
	tenant, err := parseGUID(string(h.items.TenantID))
	if err != nil { // an item can hold anything
		return ""
	}
	return TenantID(tenant)
}

// user is who registered, empty where that is not known.
func (h *held) user() UserPrincipalName {
	if len(h.items.UserPrincipalNames) != 1 {
		return ""
	}
	return h.items.UserPrincipalNames[0]
}

// Choose returns the place, among the certificates of what the login keychain holds, of the one that speaks for the
// Mac, and reports whether there is one: there is none where several identities could, and none where no certificate
// can be read. [Evaluate] chooses so, too. The order of the certificates has no effect.
func Choose(found Evidence, given Conditions) (at int, ok bool) {
	found.Finding = Found
	f := gather([]Evidence{found}, given)
	if f.chosen == nil || f.usable > 1 {
		return 0, false
	}
	return f.chosen.at, true
}

// choose takes the certificate that tells most: a current one rather than one that is not, then one with its key, then
// one of the wanted tenant and cloud, then the one that is valid longest.
func (f *facts) choose() {
	if len(f.found) == 0 {
		return
	}
	f.chosen = slices.MaxFunc(f.found, func(a, b *held) int {
		return cmp.Or(
			cmp.Compare(f.rank(a), f.rank(b)), cmp.Compare(f.preference(a), f.preference(b)),
			a.certificate.NotAfter.Compare(b.certificate.NotAfter),
			// so that no order of the evidence has an effect
			cmp.Compare(b.certificate.Thumbprint, a.certificate.Thumbprint),
		)
	})
	f.evidence = f.chosen.evidence
	for _, h := range f.found {
		if f.isUsable(h) && f.preference(h) == f.preference(f.chosen) {
			f.usable++
		}
	}
}

func (f *facts) isUsable(h *held) bool { return f.rank(h) == 3 }

func (f *facts) rank(h *held) int {
	rank := 0
	if f.isCurrent(h.certificate) {
		rank += 2
	}
	if h.hasPrivateKey {
		rank++
	}
	return rank
}

// preference is higher for an identity of the wanted tenant, and highest for one of which nothing says that it is in
// another cloud. Where no tenant is wanted, none is preferred: a cloud names no registration.
func (f *facts) preference(h *held) int {
	switch {
	case f.given.Tenant == "" || !strings.EqualFold(string(h.tenant()), string(f.given.Tenant)):
		return 0
	case OtherCloud(h.items.CloudHost, f.given.CloudHost):
		return 1
	}
	return 2
}

// OtherCloud reports whether a host is of another of Microsoft's clouds than the wanted one. A cloud has several: a
// registration in the public one may name login.windows.net where login.microsoftonline.com is configured. A host that
// usher knows no cloud of is of another one unless it is the very same; where one of the two is not said, nothing is.
func OtherCloud(host, wanted string) bool {
	host, wanted = strings.TrimSpace(host), strings.TrimSpace(wanted)
	if host == "" || wanted == "" || strings.EqualFold(host, wanted) {
		return false
	}
	its, known := cloud.Of(host)
	ours, knownToo := cloud.Of(wanted)
	return !known || !knownToo || its != ours
}

// others are the identities that can be used, except for the chosen one; all of them where none is chosen.
func (f *facts) others() []OtherIdentity {
	var others []OtherIdentity
	for _, h := range f.found {
		if f.isUsable(h) && (h != f.chosen || f.usable > 1) {
			others = append(others, OtherIdentity{h.certificate.DeviceID, h.tenant(), h.certificate.Thumbprint,
				h.certificate.NotAfter})
		}
	}
	slices.SortFunc(others, func(a, b OtherIdentity) int {
		return cmp.Or(cmp.Compare(a.TenantID, b.TenantID), cmp.Compare(a.DeviceID, b.DeviceID),
			cmp.Compare(a.Thumbprint, b.Thumbprint))
	})
	return others
}

// inOrder returns evidence in an order that follows from what it says, so that the order in which it came has no
// effect.
func inOrder(evidence []Evidence) []Evidence {
	return slices.SortedStableFunc(slices.Values(evidence), func(a, b Evidence) int {
		return cmp.Or(
			cmp.Compare(a.Source, b.Source), a.ObservedAt.Compare(b.ObservedAt),
			cmp.Compare(a.Finding, b.Finding), cmp.Compare(a.Obstacle, b.Obstacle), cmp.Compare(a.Detail, b.Detail),
			compareItems(itemsOf(HeldCertificate{}, a), itemsOf(HeldCertificate{}, b)),
			slices.CompareFunc(a.Certificates, b.Certificates,
				func(a, b HeldCertificate) int { return bytes.Compare(a.DER, b.DER) }),
		)
	})
}

func compareItems(a, b Items) int {
	return cmp.Or(
		slices.Compare(a.UserPrincipalNames, b.UserPrincipalNames), cmp.Compare(a.TenantID, b.TenantID),
		cmp.Compare(a.Thumbprint, b.Thumbprint), cmp.Compare(a.CloudHost, b.CloudHost),
	)
}
