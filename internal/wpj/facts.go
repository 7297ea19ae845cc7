package wpj

import (
	"errors"
	"strings"
)

// facts are the input of [Evaluate]'s rules for the login keychain.
type facts struct {
	given Conditions
	// found are the different device certificates that can be read.
	found []*held
	// chosen is the one that represents the Mac, or nil if none can be read.
	chosen *held
	// usable is the number of certificates that are valid now, have their private key, and are as much wanted as the
	// chosen one.
	usable int
	// evidence is the basis of the facts: the evidence of the chosen certificate, or else the most informative one.
	evidence Evidence
	// contradictory and undecodable say why certificates of Workplace Join were ignored.
	contradictory, undecodable, foreign error
	// blocked is a source that could not be looked at.
	blocked *Evidence
	// leftovers reports whether a source holds items.
	leftovers bool
}

// gather sorts the evidence. It ignores the content of evidence of a source that could not be looked at: an interrupted
// look may have missed the key of a certificate.
func gather(evidence []Evidence, given Conditions) facts {
	f := facts{given: given}
	byThumbprint := map[Thumbprint]*held{}
	weight := -1
	// rest bases the facts on the most informative evidence, the first of its kind.
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
					// the same one in any order
					if compareItems(one.items, known.items) > 0 {
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

// firstOf returns the error whose text sorts first, so that the order of the errors has no effect.
func firstOf(a, b error) error {
	if a != nil && a.Error() <= b.Error() {
		return a
	}
	return b
}

// isCurrent reports whether the certificate is valid now, including both ends of its validity.
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

// disagrees reports whether an item exists and disagrees with the chosen certificate. Older registrations have fewer
// items, so a missing one is not a disagreement.
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

// identityTenant is the tenant of the chosen certificate. It is empty if nothing names one.
func (f facts) identityTenant() TenantID {
	if f.chosen == nil {
		return ""
	}
	return f.chosen.tenant()
}

// identity is the identity without state and detail. If several certificates are usable, it names no device.
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
