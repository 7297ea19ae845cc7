package clean

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"strings"

	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
)

// AtRisk is a device certificate in the login keychain that may be the user's current registration.
type AtRisk struct {
	// DeviceID and TenantID are empty if the certificate does not have them, or cannot be parsed.
	DeviceID wpj.DeviceID
	TenantID wpj.TenantID
	Source   wpj.Source
	// Place says in words where it is and which one it is; Reason is one sentence.
	Place, Reason string
}

// longestReason limits a quotation in a reason.
const longestReason = 200

// atRisk returns the certificates in the login keychain that may be the current registration. It is every one that has
// its private key, that cannot be parsed, or whose device another source names. Left out are those that are superseded
// for certain, and those without a private key, which nobody can use.
func (c circumstances) atRisk() (found []AtRisk) {
	for _, e := range c.loginKeychain() {
		for _, held := range e.Certificates {
			certificate, err := wpj.ParseCertificate(held.DER)
			switch {
			case errors.Is(err, wpj.ErrNotWorkplaceJoin), errors.Is(err, wpj.ErrForeignIssuer): // never removed
			case err != nil:
				found = append(found, AtRisk{
					Source: wpj.SourceLoginKeychain,
					Place: fmt.Sprintf("%s, certificate %x, which cannot be parsed", wpj.SourceLoginKeychain,
						sha1.Sum(held.DER)),
					Reason: "It is not known which device it belongs to.",
				})
			default:
				if reason := c.whyCurrent(certificate, held.HasPrivateKey); reason != "" {
					found = append(found, AtRisk{certificate.DeviceID, certificate.TenantID, wpj.SourceLoginKeychain,
						placeOf(certificate, held.HasPrivateKey), reason})
				}
			}
		}
	}
	return found
}

func placeOf(certificate *wpj.Certificate, hasPrivateKey bool) string {
	place := fmt.Sprintf("%s, certificate %s, valid until %s", wpj.SourceLoginKeychain, certificate.Thumbprint,
		certificate.NotAfter.UTC().Format("2006-01-02"))
	if hasPrivateKey {
		return place + ", with its private key"
	}
	return place + ", without its private key"
}

// whyCurrent returns why a certificate may be the current registration, "" if it certainly is not.
func (c circumstances) whyCurrent(certificate *wpj.Certificate, hasPrivateKey bool) string {
	if source := c.namedBy(certificate.DeviceID); source != "" {
		return fmt.Sprintf("%s names the same device.", capitals[source])
	}
	if !hasPrivateKey || c.isSuperseded() {
		return ""
	}
	unclear := c.unclear()
	switch {
	case c.isHealthy() && !isElsewhere(c.Identity.Source) &&
		!strings.EqualFold(string(certificate.DeviceID), string(c.Identity.DeviceID)):
		return fmt.Sprintf("It can be used, but it is not the registration of this user, which is device %s; it may "+
			"be that of another tenant.", c.Identity.DeviceID)
	case c.isHealthy() && !isElsewhere(c.Identity.Source):
		reason := "It is the registration that this user has now."
		if provider := c.otherProvider(); provider != "" {
			reason += fmt.Sprintf(" The Platform SSO of another provider, %s, says nothing about Entra.", provider)
		}
		return reason
	case c.Identity.State == wpj.StateOrphaned && len(c.Identity.Others) > 0:
		return c.Identity.Sentence() // this says whether tenant.id would decide
	case unclear != nil:
		return fmt.Sprintf("What %s says does not show whether another registration has replaced it: %s",
			names[unclear.Source], oneline.Of(unclear.Detail, longestReason))
	case c.now.Before(certificate.NotBefore) || c.now.After(certificate.NotAfter):
		return "By this Mac's clock it is not valid now; if the clock is right it cannot be used."
	case isElsewhere(c.Identity.Source):
		return fmt.Sprintf("The registration with %s is %s, so it is not certain that it has replaced "+
			"this one.", names[c.Identity.Source], c.Identity.State)
	}
	return "Nothing says that another registration has replaced it."
}

// names and capitals are the sources beside the login keychain, within a sentence and at its beginning.
var (
	names = map[wpj.Source]string{wpj.SourcePlatformSSO: "Platform SSO",
		wpj.SourceSecureEnclave: "the Secure Enclave"}
	capitals = map[wpj.Source]string{wpj.SourcePlatformSSO: "Platform SSO",
		wpj.SourceSecureEnclave: "The Secure Enclave"}
)

// isElsewhere reports whether a source is one beside the login keychain that may hold the registration.
func isElsewhere(source wpj.Source) bool {
	return source == wpj.SourcePlatformSSO || source == wpj.SourceSecureEnclave
}

// isSuperseded reports whether another registration than one of the login keychain is certainly the current one. It can
// be used, it names its device, and every source that could contradict it was looked at.
func (c circumstances) isSuperseded() bool {
	return isElsewhere(c.Identity.Source) && c.Identity.State.Registered() && c.Identity.DeviceID != "" &&
		c.unclear() == nil
}

// namedBy returns a source beside the login keychain that names that device, "" if none does. Microsoft's single
// sign-on describes a registration of any generation, one in the login keychain too [MSID MSIDWorkPlaceJoinUtilBase.m].
func (c circumstances) namedBy(device wpj.DeviceID) wpj.Source {
	is := func(other wpj.DeviceID) bool { return other != "" && strings.EqualFold(string(other), string(device)) }
	for _, e := range c.Evidence {
		if !isElsewhere(e.Source) {
			continue
		}
		if is(e.DeviceID) {
			return e.Source
		}
		for _, held := range e.Certificates {
			if certificate, err := wpj.ParseCertificate(held.DER); err == nil && is(certificate.DeviceID) {
				return e.Source
			}
		}
	}
	return ""
}

// unclear returns evidence of a source that may hold the registration but does not show whether it does; nil if there
// is none. A source that this Mac does not have holds none.
func (c circumstances) unclear() *wpj.Evidence {
	for _, e := range c.Evidence {
		switch {
		case !isElsewhere(e.Source), e.Obstacle == wpj.ObstacleUnsupported:
		case e.Source == c.Identity.Source && c.Identity.State.Registered() && e.Finding == wpj.Found:
		case wpj.Evaluate([]wpj.Evidence{e}, wpj.Conditions{Now: c.now, Keys: c.Keys}).State.Unknown():
			return &e
		}
	}
	return nil
}

// otherProvider names another provider whose Platform SSO is configured, "" if there is none.
func (c circumstances) otherProvider() string {
	for _, e := range c.Evidence {
		if e.Finding == wpj.Found && e.PlatformSSO != nil && e.PlatformSSO.Provider() == wpj.ProviderOther {
			return oneline.Of(e.PlatformSSO.ProviderName(), longestReason)
		}
	}
	return ""
}

// named returns a sentence that names the certificates at risk, "" for none.
func named(risks []AtRisk) string {
	var each []string
	for _, one := range risks {
		device := "an unknown device"
		if one.DeviceID != "" {
			device = "device " + string(one.DeviceID)
		}
		each = append(each, fmt.Sprintf("%s (%s). %s", device, one.Place, one.Reason))
	}
	switch len(each) {
	case 0:
		return ""
	case 1:
		return "This may be the user's current registration: " + each[0]
	}
	return "Each of these may be the user's current registration: " + strings.Join(each, " And ")
}
