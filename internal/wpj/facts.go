package wpj

import (
	"errors"
	"strings"
)

// facts is what the rules of [Evaluate] look at.
type facts struct {
	given Conditions
	// found are the different device certificates that can be read.
	found []*held
	// chosen is the one that speaks for the Mac, nil where there is none that can be read.
	chosen *held
	// usable counts those that are valid now, have their private key, and are as much wanted as the chosen one.
	usable int
	// evidence is what the facts rest on: that of the chosen certificate, or else the most telling one.
	evidence Evidence
	// contradictory and undecodable are why certificates of Workplace Join's were passed over.
	contradictory, undecodable, foreign error
	// blocked is a source that could not be looked at.
	blocked *Evidence
	// leftovers tells that a source holds items.
	leftovers bool
}

// gather sorts the evidence. What comes with evidence of a source that could not be looked at is left aside: a look
// that was broken off may have missed the key of a certificate.
func gather(evidence []Evidence, given Conditions) facts {
	f := facts{given: given}
	byThumbprint := map[Thumbprint]*held{}
	weight := -1
	// rest makes the facts rest on the most telling evidence, the first of its kind.
	rest := func(e Evidence, telling int) {
		if telling > weight {
			f.evidence, weight = e, telling
		}
	}
	for _, e := range inOrder(evidence) {
		if e.Finding != Found && e.Finding != NotThere {
			if f.blocked == nil {
				f.blocked = &e
			}
			rest(e, 2)
			continue
		}
		rest(e, 0)
		if e.UserPrincipalName != "" || e.TenantID != "" || e.Thumbprint != "" {
			f.leftovers = true
			rest(e, 1)
		}
		for at, candidate := range e.Certificates {
			certificate, err := ParseCertificate(candidate.DER)
			switch {
			case errors.Is(err, ErrNotWorkplaceJoin):
			case errors.Is(err, ErrForeignIssuer):
				f.foreign = firstOf(f.foreign, err)
				rest(e, 3)
			case errors.Is(err, ErrContradictory):
				f.contradictory = firstOf(f.contradictory, err)
				rest(e, 4)
			case err != nil:
				f.undecodable = firstOf(f.undecodable, err)
				rest(e, 3)
			default:
				one := &held{certificate, candidate.HasPrivateKey, e, itemsOf(candidate, e), at}
				if known := byThumbprint[certificate.Thumbprint]; known != nil { // seen by two sources, or twice
					if one.hasPrivateKey && !known.hasPrivateKey {
						known.hasPrivateKey, known.at = true, one.at
					}
					if compareItems(one.items, known.items) > 0 { // what says more, and the same one in any order
						known.items = one.items
					}
					continue
				}
				byThumbprint[certificate.Thumbprint] = one
				f.found = append(f.found, one)
			}
		}
	}
	f.choose()
	return f
}

// firstOf returns the error whose text comes first, so that the order in which they came has no effect.
func firstOf(a, b error) error {
	if a != nil && a.Error() <= b.Error() {
		return a
	}
	return b
}

// isCurrent tells whether the certificate is valid now; both ends of its validity belong to it.
func (f facts) isCurrent(certificate *Certificate) bool {
	return !f.given.Now.Before(certificate.NotBefore) && !f.given.Now.After(certificate.NotAfter)
}

func (f facts) place() string { return placeOf(f.evidence.Source) }

// items are those of the chosen certificate.
func (f facts) items() Items {
	if f.chosen == nil {
		return itemsOf(HeldCertificate{}, f.evidence)
	}
	return f.chosen.items
}

// disagrees tells whether an item is there and says other than the chosen certificate. Older registrations have fewer
// items, so that one is missing is no disagreement.
func (f facts) disagrees(item, certificate string) bool {
	return f.chosen != nil && item != "" && !strings.EqualFold(strings.TrimSpace(item), certificate)
}

func (f facts) thumbprint() string {
	if f.chosen == nil {
		return ""
	}
	return string(f.chosen.certificate.Thumbprint)
}

func (f facts) certificateTenant() TenantID {
	if f.chosen == nil {
		return ""
	}
	return f.chosen.certificate.TenantID
}

// identityTenant is the tenant of the chosen certificate; empty when nothing names one.
func (f facts) identityTenant() TenantID {
	if f.chosen == nil {
		return ""
	}
	return f.chosen.tenant()
}

// identity is the identity without state and detail. Where several certificates are usable it names no device.
func (f facts) identity(came verdict) Identity {
	identity := Identity{ObservedAt: f.evidence.ObservedAt, Source: f.evidence.Source, Others: f.others()}
	if f.chosen == nil || f.usable > 1 {
		return identity
	}
	identity = f.chosen.certificate.identity(identity)
	identity.TenantID = f.identityTenant()
	identity.UserPrincipalName = f.chosen.user()
	identity.Contradictions = f.remarks(came)
	return identity
}
