package wpj

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"usher.internal/internal/cloud"
)

// Items are the values of the generic passwords of one registration in the login keychain.
type Items struct {
	// UserPrincipalNames are the names of the user who registered. There are several if the keychain does not show
	// which name is right. There are none if no item belongs to the registration.
	UserPrincipalNames []UserPrincipalName
	// The others are empty if no item belongs to the registration: older registrations have fewer.
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

// itemsOf returns the items of a certificate. If the source does not assign items to certificates, they are the items
// of the evidence.
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

// tenant is the tenant in the certificate, or else in the item. It is empty if neither names one.
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

// user is the user who registered. It is empty if that is not known.
func (h *held) user() UserPrincipalName {
	if len(h.items.UserPrincipalNames) != 1 {
		return ""
	}
	return h.items.UserPrincipalNames[0]
}

// Choose returns the place, among the certificates of the login keychain, of the one that represents the Mac. It
// reports whether there is one: several identities may qualify, or no certificate can be read. [Evaluate] makes the
// same choice. The order of the certificates has no effect.
func Choose(found Evidence, given Conditions) (at int, ok bool) {
	found.Finding = Found
	f := gather([]Evidence{found}, given)
	if f.chosen == nil || f.usable > 1 {
		return 0, false
	}
	return f.chosen.at, true
}

// choose prefers a current certificate, then one with its key, then one of the wanted tenant and cloud, then the one
// that is valid longest.
func (f *facts) choose() {
	if len(f.found) == 0 {
		return
	}
	f.chosen = slices.MaxFunc(f.found, func(a, b *held) int {
		return cmp.Or(
			cmp.Compare(f.rank(a), f.rank(b)), cmp.Compare(f.preference(a), f.preference(b)),
			a.certificate.NotAfter.Compare(b.certificate.NotAfter),
			// makes the result independent of the evidence's order
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

// preference is higher for an identity of the wanted tenant, and highest if nothing says that it is in another cloud.
// If no tenant is wanted, it prefers none, because a cloud identifies no registration.
func (f *facts) preference(h *held) int {
	switch {
	case f.given.Tenant == "" || !strings.EqualFold(string(h.tenant()), string(f.given.Tenant)):
		return 0
	case OtherCloud(h.items.CloudHost, f.given.CloudHost):
		return 1
	}
	return 2
}

// OtherCloud reports whether a host belongs to another of Microsoft's clouds than the wanted one. A cloud has several
// hosts: a registration in the public one may name login.windows.net where login.microsoftonline.com is configured. A
// host of no known cloud is another cloud unless it equals the wanted host. If either host is empty, it returns false.
func OtherCloud(host, wanted string) bool {
	host, wanted = strings.TrimSpace(host), strings.TrimSpace(wanted)
	if host == "" || wanted == "" || strings.EqualFold(host, wanted) {
		return false
	}
	its, known := cloud.Of(host)
	ours, knownToo := cloud.Of(wanted)
	return !known || !knownToo || its != ours
}

// others are the usable identities except the chosen one. If none is chosen, they are all usable identities.
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

// inOrder returns evidence in an order that depends only on its content, so that the original order has no effect.
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
