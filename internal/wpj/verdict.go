package wpj

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// verdict is what one source comes to, one of a closed set for each source ([verdictsOf]). The zero value is that of a
// source that nobody asked.
type verdict string

const (
	notAsked     verdict = ""
	couldNotLook verdict = "could not look"
	noSession    verdict = "no session"
	nothing      verdict = "nothing"
	usable       verdict = "usable"
	expired      verdict = "expired"
	otherTenant  verdict = "other tenant"

	// Of the login keychain alone; those that are not here are both a verdict and the name of its rule.
	leftovers         verdict = "leftovers"
	ambiguous         verdict = "ambiguous"
	noKey             verdict = "no key"
	thumbprintDiffers verdict = "thumbprint disagrees"
	noUser            verdict = "no user"
	tenantItemDiffers verdict = "tenant item disagrees"
	notYetValid       verdict = "not yet valid"
	contradictsItself verdict = "contradictory"
	foreignIssuer     verdict = "issued by someone else"
	undecodable       verdict = "undecodable"

	// Of Platform SSO and the Secure Enclave.
	configured        verdict = "configured"
	needsRegistration verdict = "user needs registration"
	needsKeys         verdict = "user needs new keys"
	needsRepair       verdict = "needs repair"
	// sameDevice: Microsoft's library finds a registration in the login keychain too, and names its device; then there is
	// nothing in the Secure Enclave [MSID].
	sameDevice verdict = "names the device of the login keychain"

	// Of Jamf Conditional Access and Jamf's settings.
	acquired    verdict = "acquired"
	notAcquired verdict = "not acquired"
	deactivated verdict = "deactivated"
	enabled     verdict = "enabled"
	disabled    verdict = "disabled"

	// Of Company Portal.
	present verdict = "present"
	missing verdict = "missing"

	// Of Jamf Pro.
	notApplicable        verdict = "not applicable"
	linkedCompliant      verdict = "linked, compliant"
	linkedNonCompliant   verdict = "linked, not compliant"
	linkedUnknown        verdict = "linked, compliance unknown"
	unlinkedCompliant    verdict = "not linked, compliant"
	unlinkedNonCompliant verdict = "not linked, not compliant"
	unlinkedUnknown      verdict = "not linked, compliance unknown"
	otherDeviceLinked    verdict = "linked to another device"
)

// verdictsOf is everything that each source can come to. Where several pieces of evidence are of one source, the verdict
// that stands last counts.
var verdictsOf = map[Source][]verdict{
	SourceLoginKeychain: {notAsked, noSession, couldNotLook, nothing, leftovers, foreignIssuer, undecodable, contradictsItself, otherTenant, expired, notYetValid,
		tenantItemDiffers, noUser, thumbprintDiffers, noKey, ambiguous, usable},
	SourcePlatformSSO:   {notAsked, noSession, couldNotLook, nothing, configured, otherTenant, expired, usable, needsKeys, needsRegistration},
	SourceSecureEnclave: {notAsked, noSession, couldNotLook, nothing, configured, sameDevice, otherTenant, usable, needsRepair},
	SourceJamfAgent:     {notAsked, noSession, couldNotLook, nothing, notAcquired, deactivated, acquired},
	SourceJamfSettings:  {notAsked, couldNotLook, nothing, disabled, enabled},
	SourcePortal:        {notAsked, couldNotLook, missing, present},
	SourceJamfPro: {notAsked, couldNotLook, nothing, notApplicable, unlinkedUnknown, unlinkedNonCompliant, unlinkedCompliant, otherDeviceLinked,
		linkedUnknown, linkedNonCompliant, linkedCompliant},
}

// reading is what one source said, reduced to a verdict, with the sentence and the identity that go with it.
type reading struct {
	verdict  verdict
	detail   string
	identity Identity
}

// read reduces the evidence of each source. What Jamf Pro says is held against the identity, so it comes last.
func read(evidence []Evidence, tenant TenantID, now time.Time) map[Source]reading {
	bySource := map[Source][]Evidence{}
	for _, e := range evidence {
		source := e.Source
		if !slices.Contains(Sources(), source) {
			source = SourceLoginKeychain // an unknown source counts as one that may hold an identity
		}
		bySource[source] = append(bySource[source], e)
	}
	readings := map[Source]reading{SourceLoginKeychain: readKeychain(bySource[SourceLoginKeychain], tenant, now)}
	for source, reader := range map[Source]func(Evidence) reading{
		SourcePlatformSSO:   func(e Evidence) reading { return readPlatformSSO(e, tenant, now) },
		SourceSecureEnclave: func(e Evidence) reading { return readSecureEnclave(e, tenant) },
		SourceJamfAgent:     readJamfAgent,
		SourceJamfSettings:  readJamfSettings,
		SourcePortal:        readPortal,
	} {
		readings[source] = strongest(source, bySource[source], reader)
	}
	// A registration with Platform SSO that names no tenant is of the tenant that Microsoft's library names.
	if sso, enclave := readings[SourcePlatformSSO], readings[SourceSecureEnclave]; sso.verdict == usable && sso.identity.TenantID == "" && enclave.verdict == otherTenant {
		sso.verdict, sso.detail = otherTenant, enclave.detail
		readings[SourcePlatformSSO] = sso
	}
	enclave, keychain := readings[SourceSecureEnclave], readings[SourceLoginKeychain]
	if enclave.verdict == usable && keychain.verdict == usable && sameID(enclave.identity.DeviceID, keychain.identity.DeviceID) {
		enclave.verdict = sameDevice
		readings[SourceSecureEnclave] = enclave
	}
	identity := holder(readings)
	readings[SourceJamfPro] = strongest(SourceJamfPro, bySource[SourceJamfPro], func(e Evidence) reading { return readJamfPro(e, identity.DeviceID) })
	return readings
}

// strongest reads each piece of evidence and keeps the verdict that says most.
func strongest(source Source, evidence []Evidence, reader func(Evidence) reading) reading {
	var kept reading
	order := verdictsOf[source]
	for _, e := range evidence {
		one := reader(e)
		if looked(e) == couldNotLook || looked(e) == noSession {
			one = reading{verdict: looked(e), detail: "Whether this Mac is registered is not known: " + explain(e)}
		}
		one.identity.Source, one.identity.ObservedAt = source, e.ObservedAt
		if slices.Index(order, one.verdict) > slices.Index(order, kept.verdict) || one.verdict == kept.verdict && one.before(kept) {
			kept = one
		}
	}
	return kept
}

// before tells which of two readings with the same verdict counts, whatever the order in which they came: the later one, or else
// the one whose device comes first.
func (r reading) before(other reading) bool {
	if order := r.identity.ObservedAt.Compare(other.identity.ObservedAt); order != 0 {
		return order > 0
	}
	return cmp.Or(cmp.Compare(r.identity.DeviceID, other.identity.DeviceID), cmp.Compare(r.detail, other.detail)) < 0
}

// looked tells what kept a source from being looked at; it is empty where nothing did.
func looked(e Evidence) verdict {
	switch {
	case e.Finding == Found || e.Finding == NotThere:
		return notAsked
	case e.Obstacle == ObstacleNoSession:
		return noSession
	}
	return couldNotLook
}

func readPlatformSSO(e Evidence, tenant TenantID, now time.Time) reading {
	if e.Finding == NotThere || e.PlatformSSO == nil {
		return reading{verdict: nothing, detail: "Platform SSO is not configured."}
	}
	r := reading{identity: Identity{UserPrincipalName: e.UserPrincipalName, DeviceID: e.DeviceID, TenantID: e.TenantID}}
	if !e.PlatformSSO.RegistrationCompleted {
		r.verdict, r.detail = configured, "Platform SSO is configured by a profile, and the Mac is not registered with it."
		return r
	}
	var until string
	for _, held := range e.Certificates {
		certificate, err := ParseCertificate(held.DER)
		if err != nil {
			continue
		}
		r.identity = certificate.identity(r.identity)
		until = ", with a device certificate that is valid until " + day(certificate.NotAfter)
		if now.After(certificate.NotAfter) || now.Before(certificate.NotBefore) {
			r.verdict = expired
		}
		break
	}
	switch {
	case e.PlatformSSO.User == PlatformSSOUserNeedsRegistration:
		r.verdict, r.detail = needsRegistration, "Platform SSO says that this user needs registration (POUserStateNeedsRegistration)."
	case e.PlatformSSO.User == PlatformSSOUserNeedsNewKeys:
		r.verdict, r.detail = needsKeys, "Platform SSO says that this user needs new keys (POUserStateNeedsNewKeys)."
	case r.verdict == expired:
		r.detail = fmt.Sprintf("The device certificate of Platform SSO is valid from %s to %s only; check this Mac's clock.", day(r.identity.NotBefore), day(r.identity.NotAfter))
	case mismatch(r.identity.TenantID, tenant):
		r.verdict, r.detail = otherTenant, fmt.Sprintf("This Mac is registered with Platform SSO in %s, and tenant.id is %s.", tenantName(r.identity.TenantID), tenant)
	default:
		r.verdict, r.detail = usable, "The Mac is registered with Platform SSO"+until+"."
	}
	return r
}

func readSecureEnclave(e Evidence, tenant TenantID) reading {
	if e.Finding == NotThere || e.SecureEnclave == nil {
		return reading{verdict: nothing, detail: "Microsoft's single sign-on knows of no registration."}
	}
	r := reading{identity: Identity{DeviceID: e.DeviceID, TenantID: e.TenantID, UserPrincipalName: e.UserPrincipalName, Thumbprint: e.Thumbprint}}
	status := e.SecureEnclave.Status
	switch {
	case status == SingleSignOnNeedsRepair:
		r.verdict, r.detail = needsRepair, "Microsoft's single sign-on says that the registration needs repair (status 3)."
	case status == SingleSignOnRegistered || e.DeviceID != "":
		r.verdict, r.detail = usable, "Microsoft's single sign-on names a registered device, whose key is in the Secure Enclave."
		if mismatch(e.TenantID, tenant) {
			r.verdict, r.detail = otherTenant, fmt.Sprintf("This Mac is registered in %s, and tenant.id is %s.", tenantName(e.TenantID), tenant)
		}
	case status == SingleSignOnEnabledNotRegistered:
		r.verdict, r.detail = configured, "Microsoft's single sign-on has Platform SSO enabled and not registered (status 1)."
	default:
		r.verdict, r.detail = nothing, "Microsoft's single sign-on knows of no registration (status 0)."
	}
	return r
}

func readJamfAgent(e Evidence) reading {
	switch {
	case e.Finding == NotThere || e.JamfAgent == nil:
		return reading{verdict: nothing, detail: "Registered, but Jamf Conditional Access has no state for this user: it never acquired the identity."}
	case e.JamfAgent.HaveAzureID == nil:
		return reading{verdict: notAcquired, detail: "Registered, but Jamf Conditional Access has not acquired the identity: have_an_Azure_id is missing."}
	case *e.JamfAgent.HaveAzureID:
		return reading{verdict: acquired, detail: "Jamf Conditional Access has acquired the identity."}
	}
	return reading{verdict: deactivated, detail: "Registered, but Jamf Conditional Access is deactivated for this user: have_an_Azure_id is false, so it will not try again."}
}

func readJamfSettings(e Evidence) reading {
	switch {
	case e.Finding == NotThere || e.JamfSettings == nil:
		return reading{verdict: nothing, detail: "Jamf has no settings on this Mac."}
	case e.JamfSettings.ConditionalAccessEnabled:
		return reading{verdict: enabled, detail: "Device compliance is enabled for this Mac."}
	}
	return reading{verdict: disabled, detail: "Nothing is registered, and Jamf has device compliance off for this Mac: microsoftCAEnabled is not true."}
}

func readPortal(e Evidence) reading {
	if e.Finding == Found {
		return reading{verdict: present, detail: "Company Portal is installed."}
	}
	detail := "Nothing is registered, and Company Portal cannot be used"
	if remark := quoteRemark(e.Detail); remark != "" {
		detail += " (" + remark + ")"
	}
	return reading{verdict: missing, detail: detail + "."}
}

// jamfProVerdicts are by whether Jamf Pro has linked the Mac to its Entra device, then by compliance.
var jamfProVerdicts = map[bool]map[string]verdict{
	true:  {"COMPLIANT": linkedCompliant, "NON_COMPLIANT": linkedNonCompliant, "": linkedUnknown},
	false: {"COMPLIANT": unlinkedCompliant, "NON_COMPLIANT": unlinkedNonCompliant, "": unlinkedUnknown},
}

// readJamfPro holds what Jamf Pro says against the device id that was found on the Mac, "" where none was.
func readJamfPro(e Evidence, device DeviceID) reading {
	c := e.Compliance
	switch {
	case e.Finding == NotThere || c == nil:
		return reading{verdict: nothing, detail: "Jamf Pro knows nothing of this Mac's compliance."}
	case !c.Applicable:
		return reading{verdict: notApplicable, detail: "Jamf Pro says that device compliance does not apply to this Mac."}
	}
	same := slices.ContainsFunc(c.DeviceIDs, func(id DeviceID) bool { return sameID(device, id) })
	if device != "" && len(c.DeviceIDs) > 0 && !same {
		return reading{verdict: otherDeviceLinked, detail: "Jamf Pro has linked this Mac to another Entra device than the one that it is registered as."}
	}
	state := c.State
	if state != "COMPLIANT" && state != "NON_COMPLIANT" {
		state = ""
	}
	linked := len(c.DeviceIDs) > 0
	detail := "Jamf Pro has linked this Mac to its Entra device"
	if !linked {
		detail = "Jamf Pro has not linked this Mac to an Entra device"
	}
	switch state {
	case "COMPLIANT":
		detail += " and says that it is compliant."
	case "NON_COMPLIANT":
		detail += " and says that it is not compliant."
	default:
		detail += " and does not say whether it is compliant."
	}
	return reading{verdict: jamfProVerdicts[linked][state], detail: detail}
}

// sameID tells whether both name a device, and the same one.
func sameID(a, b DeviceID) bool { return a != "" && strings.EqualFold(string(a), string(b)) }

// mismatch tells whether a tenant is known and another one than is asked for.
func mismatch(tenant, wanted TenantID) bool {
	return wanted != "" && tenant != "" && !strings.EqualFold(string(tenant), string(wanted))
}
