package wpj

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// verdict is the result of one source, one of a closed set for each source ([verdictsOf]). The zero value is for a
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

	// Only of the login keychain. Verdicts that are not here are both a verdict and the name of its rule.
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
	configured  verdict = "configured"
	needsRepair verdict = "needs repair"
	// unclear: the evidence gives no state.
	unclear verdict = "cannot tell"

	// Of Platform SSO only.
	otherProvider     verdict = "of another provider"
	noCertificate     verdict = "registered, without a device certificate"
	badCertificate    verdict = "certificate cannot be read"
	pending           verdict = "user has to sign in again"
	needsKeys         verdict = "user needs new keys"
	userNotRegistered verdict = "user not registered"
	needsRegistration verdict = "user needs registration"
	needsBinding      verdict = "user needs binding"
	keyInvalid        verdict = "user's key is invalid"
	unknownUser       verdict = "user state not known"
	// sameDevice: Microsoft's library also finds a registration in the login keychain, and names its device. Then the
	// Secure Enclave holds nothing [MSID].
	sameDevice verdict = "names the device of the login keychain"

	// Of Jamf Conditional Access and Jamf's settings.
	acquired    verdict = "acquired"
	notAcquired verdict = "not acquired"
	deactivated verdict = "deactivated"
	enabled     verdict = "enabled"
	disabled    verdict = "disabled"

	// Of the directory.
	bound verdict = "bound to Platform SSO"

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

// verdictsOf is every possible verdict of each source. If a source has several pieces of evidence, the verdict that is
// last here wins.
var verdictsOf = map[Source][]verdict{
	SourceLoginKeychain: {notAsked, noSession, couldNotLook, nothing, leftovers, foreignIssuer, undecodable,
		contradictsItself, otherTenant, expired, notYetValid,
		tenantItemDiffers, noUser, thumbprintDiffers, noKey, ambiguous, usable},
	SourcePlatformSSO: {notAsked, noSession, couldNotLook, nothing, otherProvider, unclear, configured, noCertificate,
		badCertificate, otherTenant,
		expired, usable, pending, needsKeys, userNotRegistered, needsRegistration, needsBinding, keyInvalid,
		unknownUser},
	SourceSecureEnclave: {notAsked, noSession, couldNotLook, nothing, unclear, configured, sameDevice, otherTenant,
		usable, needsRepair},
	SourceJamfAgent:    {notAsked, noSession, couldNotLook, nothing, notAcquired, deactivated, acquired},
	SourceJamfSettings: {notAsked, couldNotLook, nothing, disabled, enabled},
	SourcePortal:       {notAsked, couldNotLook, missing, present},
	SourceJamfPro: {notAsked, couldNotLook, nothing, notApplicable, unlinkedUnknown, unlinkedNonCompliant,
		unlinkedCompliant, otherDeviceLinked,
		linkedUnknown, linkedNonCompliant, linkedCompliant},
	SourceDirectory: {notAsked, couldNotLook, nothing, bound},
}

// reading is the evidence of one source, reduced to a verdict, with its sentence and identity.
type reading struct {
	verdict verdict
	statement
	identity Identity
	// remarks are the contradictions within the source.
	remarks []Contradiction
}

// saying is a reading with a sentence but without a fix.
func saying(came verdict, detail string) reading {
	return reading{verdict: came, statement: statement{detail: detail}}
}

// readings are the readings of all sources.
type readings map[Source]reading

// is reports whether the source has one of the verdicts.
func (r readings) is(source Source, any ...verdict) bool {
	return slices.Contains(any, r[source].verdict)
}

// read reduces the evidence of each source. Jamf Pro's is compared with the identity, so it comes last.
func read(evidence []Evidence, given Conditions) readings {
	bySource := map[Source][]Evidence{}
	for _, e := range evidence {
		source := e.Source
		if !slices.Contains(Sources(), source) {
			source = SourceLoginKeychain // an unknown source may hold an identity, too
		}
		bySource[source] = append(bySource[source], e)
	}
	readings := readings{SourceLoginKeychain: readKeychain(bySource[SourceLoginKeychain], given)}
	for source, reader := range map[Source]func(Evidence) reading{
		SourcePlatformSSO:   func(e Evidence) reading { return readPlatformSSO(e, given) },
		SourceSecureEnclave: func(e Evidence) reading { return readSecureEnclave(e, given.Tenant) },
		SourceJamfAgent:     readJamfAgent,
		SourceJamfSettings:  readJamfSettings,
		SourcePortal:        readPortal,
		SourceDirectory:     readDirectory,
	} {
		readings[source] = strongest(source, bySource[source], reader)
	}
	enclave, keychain := readings[SourceSecureEnclave], readings[SourceLoginKeychain]
	if enclave.verdict == usable && keychain.verdict == usable &&
		sameID(enclave.identity.DeviceID, keychain.identity.DeviceID) {
		enclave.verdict = sameDevice
		readings[SourceSecureEnclave] = enclave
	}
	readings[SourcePlatformSSO] = completed(readings[SourcePlatformSSO], enclave)
	identity := holder(readings)
	readings[SourceJamfPro] = strongest(SourceJamfPro, bySource[SourceJamfPro],
		func(e Evidence) reading { return readJamfPro(e, identity.DeviceID) })
	return readings
}

// strongest reads each piece of evidence and keeps the strongest verdict.
func strongest(source Source, evidence []Evidence, reader func(Evidence) reading) reading {
	var kept reading
	order := verdictsOf[source]
	for _, e := range evidence {
		one := reader(e)
		if looked(e) == couldNotLook || looked(e) == noSession {
			one = reading{verdict: looked(e), statement: notKnown(e)}
		}
		one.identity.Source, one.identity.ObservedAt = source, e.ObservedAt
		if slices.Index(order, one.verdict) > slices.Index(order, kept.verdict) ||
			one.verdict == kept.verdict && one.before(kept) {
			kept = one
		}
	}
	return kept
}

// before chooses between two readings with the same verdict, independently of their order: the later one, or else the
// one whose device sorts first.
func (r reading) before(other reading) bool {
	if order := r.identity.ObservedAt.Compare(other.identity.ObservedAt); order != 0 {
		return order > 0
	}
	return cmp.Or(cmp.Compare(r.identity.DeviceID, other.identity.DeviceID), cmp.Compare(r.detail, other.detail)) < 0
}

// looked returns what prevented a look at a source. It is empty if nothing did.
func looked(e Evidence) verdict {
	switch {
	case e.Finding == Found || e.Finding == NotThere:
		return notAsked
	case e.Obstacle == ObstacleNoSession:
		return noSession
	}
	return couldNotLook
}

func readSecureEnclave(e Evidence, tenant TenantID) reading {
	if e.Finding == NotThere || e.SecureEnclave == nil {
		return saying(nothing, "Microsoft's single sign-on knows of no registration.")
	}
	r := reading{identity: Identity{DeviceID: e.DeviceID, TenantID: e.TenantID,
		UserPrincipalName: e.UserPrincipalName.Unmasked(), Thumbprint: e.Thumbprint}}
	status := e.SecureEnclave.Status
	switch {
	case status == SingleSignOnNeedsRepair:
		r.verdict, r.detail = needsRepair,
			"Microsoft's single sign-on says that the registration needs repair (status 3)."
	case status < SingleSignOnNotEnabled || status > SingleSignOnNeedsRepair:
		r.verdict, r.detail = unclear,
			fmt.Sprintf("Microsoft's single sign-on says status %d, which usher does not know.", status)
	case status == SingleSignOnRegistered && e.DeviceID == "":
		r.verdict, r.detail = unclear,
			"Microsoft's single sign-on says that this Mac is registered (status 2), and names no device, so usher "+
				"does not know as which."
	case e.DeviceID != "":
		r.verdict, r.detail = usable,
			"Microsoft's single sign-on names a registered device, whose key is in the Secure Enclave."
		if mismatch(e.TenantID, tenant) {
			r.verdict, r.detail = otherTenant,
				fmt.Sprintf("This Mac is registered in %s, and tenant.id is %s.", tenantName(e.TenantID), tenant)
		}
	case status == SingleSignOnEnabledNotRegistered:
		r.verdict, r.detail = configured,
			"Microsoft's single sign-on has Platform SSO enabled and not registered (status 1)."
	default:
		r.verdict, r.detail = nothing, "Microsoft's single sign-on knows of no registration (status 0)."
	}
	return r
}

// readDirectory reads whether the user's record binds them to Platform SSO. It gives no state, because it is not known
// whether the value disappears with a registration [PSSO-P5].
func readDirectory(e Evidence) reading {
	if e.Finding == NotThere {
		return saying(nothing, "The user's record in the directory names no identity of Platform SSO.")
	}
	return reading{verdict: bound,
		statement: statement{detail: "The user's record in the directory names an identity of Platform SSO."},
		identity:  Identity{UserPrincipalName: e.UserPrincipalName.Unmasked()}}
}

func readJamfAgent(e Evidence) reading {
	switch {
	case e.Finding == NotThere || e.JamfAgent == nil:
		return saying(nothing, "Registered, but Jamf Conditional Access has no state for this user: it never acquired "+
			"the identity.")
	case e.JamfAgent.HaveAzureID == nil:
		return saying(notAcquired, "Registered, but Jamf Conditional Access has not acquired the identity: "+
			"have_an_Azure_id is missing.")
	case *e.JamfAgent.HaveAzureID:
		return saying(acquired, "Jamf Conditional Access has acquired the identity.")
	}
	return saying(deactivated, "Registered, but Jamf Conditional Access is deactivated for this user: "+
		"have_an_Azure_id is false, so "+
		"it will not try again.")
}

func readJamfSettings(e Evidence) reading {
	switch {
	case e.Finding == NotThere || e.JamfSettings == nil:
		return saying(nothing, "Jamf has no settings on this Mac.")
	case e.JamfSettings.ConditionalAccessEnabled:
		return saying(enabled, "Device compliance is enabled for this Mac.")
	}
	return saying(disabled, "Nothing is registered, and Jamf has device compliance off for this Mac: "+
		"microsoftCAEnabled is not true.")
}

func readPortal(e Evidence) reading {
	if e.Finding == Found {
		return saying(present, "Company Portal is installed.")
	}
	detail := "Nothing is registered, and Company Portal cannot be used"
	if remark := quoteRemark(e.Detail); remark != "" {
		detail += " (" + remark + ")"
	}
	return saying(missing, detail+".")
}

// jamfProVerdicts are by whether Jamf Pro has linked the Mac to its Entra device, then by compliance.
var jamfProVerdicts = map[bool]map[string]verdict{
	true:  {"COMPLIANT": linkedCompliant, "NON_COMPLIANT": linkedNonCompliant, "": linkedUnknown},
	false: {"COMPLIANT": unlinkedCompliant, "NON_COMPLIANT": unlinkedNonCompliant, "": unlinkedUnknown},
}

// readJamfPro compares Jamf Pro's answer with the device id that was found on the Mac, "" if none was found.
func readJamfPro(e Evidence, device DeviceID) reading {
	c := e.Compliance
	switch {
	case e.Finding == NotThere || c == nil:
		return saying(nothing, "Jamf Pro knows nothing of this Mac's compliance.")
	case !c.Applicable:
		return saying(notApplicable, "Jamf Pro says that device compliance does not apply to this Mac.")
	}
	same := slices.ContainsFunc(c.DeviceIDs, func(id DeviceID) bool { return sameID(device, id) })
	if device != "" && len(c.DeviceIDs) > 0 && !same {
		return saying(otherDeviceLinked,
			"Jamf Pro has linked this Mac to another Entra device than the one that it is registered as.")
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
	return saying(jamfProVerdicts[linked][state], detail)
}

// sameID reports whether both name a device, and the same one.
func sameID(a, b DeviceID) bool { return a != "" && strings.EqualFold(string(a), string(b)) }

// mismatch reports whether a tenant is known and differs from the wanted one.
func mismatch(tenant, wanted TenantID) bool {
	return wanted != "" && tenant != "" && !strings.EqualFold(string(tenant), string(wanted))
}
