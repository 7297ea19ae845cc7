package wpj

import (
	"errors"
	"strings"
)

// facts is what the rules of [Evaluate] look at.
type facts struct {
	given Conditions
	// chosen is the device certificate that speaks for the Mac, nil where there is none that can be read.
	chosen *held
	// usable counts the different certificates that are valid now and have their private key.
	usable int
	// evidence is what the facts rest on: that of the chosen certificate, or else the most telling one.
	evidence Evidence
	// contradictory and undecodable are why certificates of Workplace Join's were passed over.
	contradictory, undecodable, foreign error
	// blocked is a source that could not be looked at, looked tells whether any could.
	blocked *Evidence
	looked  bool
	// leftovers tells that a source holds items.
	leftovers bool
}

// held is a device certificate where it was found.
type held struct {
	certificate   *Certificate
	hasPrivateKey bool
	evidence      Evidence
}

// gather sorts the evidence. What comes with evidence of a source that could not be looked at is left aside: a look that
// was broken off may have missed the key of a certificate.
func gather(evidence []Evidence, given Conditions) facts {
	f := facts{given: given}
	byThumbprint := map[Thumbprint]*held{}
	var found []*held
	weight := -1
	// rest makes the facts rest on the most telling evidence, the first of its kind.
	rest := func(e Evidence, telling int) {
		if telling > weight {
			f.evidence, weight = e, telling
		}
	}
	for _, e := range evidence {
		if e.Finding != Found && e.Finding != NotThere {
			if f.blocked == nil {
				f.blocked = &e
			}
			rest(e, 2)
			continue
		}
		f.looked = true
		rest(e, 0)
		if e.UserPrincipalName != "" || e.TenantID != "" || e.Thumbprint != "" {
			f.leftovers = true
			rest(e, 1)
		}
		for _, candidate := range e.Certificates {
			certificate, err := ParseCertificate(candidate.DER)
			switch {
			case errors.Is(err, ErrNotWorkplaceJoin):
			case errors.Is(err, ErrForeignIssuer):
				f.foreign = err
				rest(e, 3)
			case errors.Is(err, ErrContradictory):
				f.contradictory = err
				rest(e, 4)
			case err != nil:
				f.undecodable = err
				rest(e, 3)
			case byThumbprint[certificate.Thumbprint] != nil: // seen by two sources, or twice
				known := byThumbprint[certificate.Thumbprint]
				known.hasPrivateKey = known.hasPrivateKey || candidate.HasPrivateKey
			default:
				h := &held{certificate, candidate.HasPrivateKey, e}
				byThumbprint[certificate.Thumbprint] = h
				found = append(found, h)
			}
		}
	}
	f.choose(found)
	return f
}

// choose takes the certificate that tells most: a current one rather than one that is not, then one with its key, then
// the one that is valid longest.
func (f *facts) choose(found []*held) {
	rank := func(h *held) int {
		rank := 0
		if f.isCurrent(h.certificate) {
			rank += 2
		}
		if h.hasPrivateKey {
			rank++
		}
		return rank
	}
	for _, h := range found {
		if rank(h) == 3 {
			f.usable++
		}
		if f.chosen == nil || rank(h) > rank(f.chosen) ||
			rank(h) == rank(f.chosen) && h.certificate.NotAfter.After(f.chosen.certificate.NotAfter) {
			f.chosen, f.evidence = h, h.evidence
		}
	}
}

// isCurrent tells whether the certificate is valid now; both ends of its validity belong to it.
func (f facts) isCurrent(certificate *Certificate) bool {
	return !f.given.Now.Before(certificate.NotBefore) && !f.given.Now.After(certificate.NotAfter)
}

func (f facts) place() string { return placeOf(f.evidence.Source) }

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

// identityTenant is the tenant by the certificate, or by the item where that does not name one; empty when neither does.
func (f facts) identityTenant() TenantID {
	if tenant := f.certificateTenant(); tenant != "" {
		return tenant
	}
	tenant, err := parseGUID(string(f.evidence.TenantID))
	if err != nil { // an item can hold anything
		return ""
	}
	return TenantID(tenant)
}

// identity is the identity without state and detail. Where several certificates are usable it names no device.
func (f facts) identity() Identity {
	identity := Identity{ObservedAt: f.evidence.ObservedAt, Source: f.evidence.Source}
	if f.chosen == nil || f.usable > 1 {
		return identity
	}
	identity = f.chosen.certificate.identity(identity)
	identity.TenantID = f.identityTenant()
	identity.UserPrincipalName = f.evidence.UserPrincipalName
	return identity
}
