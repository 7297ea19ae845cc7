package wpj

import (
	"slices"
	"strings"

	"usher.internal/internal/phrase"
)

// verdicts are the verdicts of all sources.
type verdicts map[Source]verdict

// is reports whether the source has one of the verdicts.
func (v verdicts) is(source Source, any ...verdict) bool { return slices.Contains(any, v[source]) }

// registered reports whether a source holds a usable identity, and no source before it disagrees.
func (v verdicts) registered() bool {
	switch {
	case v.is(SourceSecureEnclave, needsRepair):
		return false
	case v.is(SourcePlatformSSO, usable):
		return true
	case v.is(SourcePlatformSSO, needsUser...),
		v.is(SourcePlatformSSO, unknownUser, badCertificate, expired, otherTenant),
		v.is(SourceSecureEnclave, otherTenant):
		return false
	case v.is(SourceSecureEnclave, usable):
		return !v.is(SourcePlatformSSO, configured, noCertificate)
	}
	return v.is(SourceLoginKeychain, usable)
}

// applicable reports whether Jamf Pro says that device compliance applies to this Mac.
func (v verdicts) applicable() bool {
	return !v.is(SourceJamfPro, notAsked, couldNotLook, nothing, notApplicable)
}

// A stateRule says when the verdicts give its state, if no rule before it applied.
type stateRule struct {
	// name is stable, for scripts and the documentation.
	name  string
	state State
	// source is the source that decides the state. Its sentence is shown unless says is set.
	source  Source
	says    statement
	applies func(verdicts) bool
}

func is(source Source, any ...verdict) func(verdicts) bool {
	return func(v verdicts) bool { return v.is(source, any...) }
}

// registeredAnd applies to a user with a usable identity.
func registeredAnd(source Source, any ...verdict) func(verdicts) bool {
	return func(v verdicts) bool { return v.registered() && v.is(source, any...) }
}

// heldBy applies to a usable identity that no source before this one holds.
func heldBy(source Source) func(verdicts) bool {
	return func(v verdicts) bool {
		if !v.registered() {
			return false
		}
		for _, place := range holds {
			if v.is(place.source, place.verdicts...) {
				return place.source == source
			}
		}
		return false
	}
}

// nobodyLooked is the sentence if there is no evidence from any source.
var nobodyLooked = statement{"Whether this Mac is registered is not known: nobody has looked.",
	"try again while the user is logged in"}

// stateRules is the one table from verdicts to states. The rules are tried in this order. First come the complaints of
// a registration's owner. For a usable identity its fate at Jamf follows. Then come unusable identities, then sources
// that could not be looked at, and only then the absence of everything.
var stateRules = []stateRule{
	{"Platform SSO: user needs registration", StateNeedsRegistration, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, needsRegistration)},
	{"Platform SSO: user needs new keys", StateNeedsKeys, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, needsKeys)},
	{"Platform SSO: user not registered", StateUserNotRegistered, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, userNotRegistered)},
	{"Platform SSO: user needs binding", StateNeedsBinding, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, needsBinding)},
	{"Platform SSO: user's key is invalid", StateUserKeyInvalid, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, keyInvalid)},
	{"Platform SSO: user has to sign in again", StatePending, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, pending)},
	{"Platform SSO: user state not known", StateCannotTell, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, unknownUser)},
	{"Platform SSO: certificate cannot be read", StateUnreadable, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, badCertificate)},
	{"Platform SSO: expired", StateExpired, SourcePlatformSSO, statement{}, is(SourcePlatformSSO, expired)},
	{"Platform SSO: other tenant", StateTenantMismatch, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, otherTenant)},
	{"Secure Enclave: needs repair", StateNeedsRepair, SourceSecureEnclave, statement{},
		is(SourceSecureEnclave, needsRepair)},
	{"Secure Enclave: other tenant", StateTenantMismatch, SourceSecureEnclave, statement{}, func(v verdicts) bool {
		return v.is(SourceSecureEnclave, otherTenant) && !v.is(SourcePlatformSSO, usable)
	}},

	{"Jamf Pro: linked to another device", StateDeviceIDChanged, SourceJamfPro, statement{},
		registeredAnd(SourceJamfPro, otherDeviceLinked)},
	{"Jamf Pro: linked and compliant", StateCompliant, SourceJamfPro, statement{},
		registeredAnd(SourceJamfPro, linkedCompliant)},
	{"Jamf Pro: linked and not compliant", StateNonCompliant, SourceJamfPro, statement{},
		registeredAnd(SourceJamfPro, linkedNonCompliant)},
	{"Jamf Pro: linked, compliance unknown", StateComplianceUnknown, SourceJamfPro, statement{},
		registeredAnd(SourceJamfPro, linkedUnknown)},
	{"Jamf Conditional Access: deactivated", StateDeactivated, SourceJamfAgent, statement{},
		registeredAnd(SourceJamfAgent, deactivated)},
	{"Jamf Pro: not linked", StateNotReported, SourceJamfPro, statement{},
		registeredAnd(SourceJamfPro, unlinkedCompliant, unlinkedNonCompliant, unlinkedUnknown)},
	{"Jamf Conditional Access: not acquired", StateNotReported, SourceJamfAgent, statement{}, func(v verdicts) bool {
		// If device compliance is off in Jamf, nobody needs a report.
		return v.registered() && v.is(SourceJamfAgent, nothing, notAcquired) && !v.is(SourceJamfSettings, disabled) &&
			!v.is(SourceJamfPro, notApplicable)
	}},
	{"registered with Platform SSO", StateRegistered, SourcePlatformSSO, statement{}, heldBy(SourcePlatformSSO)},
	{"registered in the Secure Enclave", StateRegistered, SourceSecureEnclave, statement{},
		heldBy(SourceSecureEnclave)},
	{"registered in the login keychain", StateRegistered, SourceLoginKeychain, statement{},
		heldBy(SourceLoginKeychain)},

	{"Platform SSO: no device certificate", StateCannotTell, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, noCertificate)},
	{"Platform SSO: configured", StatePlatformSSOConfigured, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, configured)},
	{"login keychain: several identities", StateOrphaned, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, ambiguous)},
	{"login keychain: certificate without key", StateOrphaned, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, noKey)},
	{"login keychain: thumbprint disagrees", StateOrphaned, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, thumbprintDiffers)},
	{"login keychain: no user", StateOrphaned, SourceLoginKeychain, statement{}, is(SourceLoginKeychain, noUser)},
	{"login keychain: tenant item disagrees", StateOrphaned, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, tenantItemDiffers)},
	{"login keychain: certificate contradicts itself", StateOrphaned, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, contradictsItself)},
	{"login keychain: issued by someone else", StateOrphaned, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, foreignIssuer)},
	{"login keychain: expired", StateExpired, SourceLoginKeychain, statement{}, is(SourceLoginKeychain, expired)},
	{"login keychain: not yet valid", StateExpired, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, notYetValid)},
	{"login keychain: other tenant", StateTenantMismatch, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, otherTenant)},
	{"Secure Enclave: enabled and not registered", StatePlatformSSOConfigured, SourceSecureEnclave, statement{},
		is(SourceSecureEnclave, configured)},

	{"login keychain: undecodable", StateUnreadable, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, undecodable)},
	{"no session", StateNoSession, SourceLoginKeychain, statement{}, is(SourceLoginKeychain, noSession)},
	{"login keychain: could not look", StateUnreadable, SourceLoginKeychain, statement{},
		is(SourceLoginKeychain, couldNotLook)},
	{"Platform SSO: could not look", StateUnreadable, SourcePlatformSSO, statement{},
		is(SourcePlatformSSO, couldNotLook, noSession)},
	{"Secure Enclave: could not look", StateUnreadable, SourceSecureEnclave, statement{},
		is(SourceSecureEnclave, couldNotLook, noSession)},
	{"Platform SSO: cannot tell", StateCannotTell, SourcePlatformSSO, statement{}, is(SourcePlatformSSO, unclear)},
	{"Secure Enclave: cannot tell", StateCannotTell, SourceSecureEnclave, statement{},
		is(SourceSecureEnclave, unclear)},
	{"nobody looked", StateUnreadable, SourceLoginKeychain, nobodyLooked, func(v verdicts) bool {
		return v.is(SourceLoginKeychain, notAsked) && v.is(SourcePlatformSSO, notAsked) &&
			v.is(SourceSecureEnclave, notAsked)
	}},

	{"Company Portal: missing", StatePortalMissing, SourcePortal, statement{}, is(SourcePortal, missing)},
	{"Jamf's settings: off", StateNotApplicable, SourceJamfSettings, statement{},
		func(v verdicts) bool { return v.is(SourceJamfSettings, disabled) && !v.applicable() }},
	{"Jamf Pro: not applicable", StateNotApplicable, SourceJamfPro, statement{}, is(SourceJamfPro, notApplicable)},
	{"leftovers", StateNotRegistered, SourceLoginKeychain, statement{}, is(SourceLoginKeychain, leftovers)},
	{"nothing there", StateNotRegistered, SourceLoginKeychain, statement{}, is(SourceLoginKeychain, nothing)},
	{"nothing there, the login keychain not asked", StateNotRegistered, SourcePlatformSSO,
		statement{"No source that was asked knows of a registration.", "have the user register this Mac"},
		func(verdicts) bool { return true }},
}

// decide returns the first rule that applies.
func decide(v verdicts) stateRule {
	i := slices.IndexFunc(stateRules, func(r stateRule) bool { return r.applies(v) })
	return stateRules[i] // the last one applies to everything
}

// holdsRegistration are the verdicts with which Platform SSO holds, or held, the user's own registration.
var holdsRegistration = []verdict{usable, expired, otherTenant, pending, needsKeys, needsRegistration, keyInvalid}

// contradictions is the one table of possible contradictions between sources. They change no state.
var contradictions = []struct {
	Contradiction
	applies func(verdicts) bool
}{
	{Contradiction{"old-key-beside-platform-sso", SourcePlatformSSO, SourceLoginKeychain,
		"Platform SSO holds the registration, and the login keychain still holds a device certificate of an earlier " +
			"one.", "remove the leftover with `usherctl clean`"},
		func(v verdicts) bool {
			return v.is(SourcePlatformSSO, holdsRegistration...) && v.holdsCertificate()
		}},
	{Contradiction{"old-key-beside-secure-enclave", SourceSecureEnclave, SourceLoginKeychain,
		"The registration is in the Secure Enclave, and the login keychain still holds a device certificate of an " +
			"earlier one.", "remove the leftover with `usherctl clean`"},
		func(v verdicts) bool {
			return v.is(SourceSecureEnclave, usable, otherTenant, needsRepair) &&
				!v.is(SourcePlatformSSO, holdsRegistration...) && v.holdsCertificate()
		}},
	{Contradiction{"registered-beside-needs-registration", SourcePlatformSSO, SourceSecureEnclave,
		"Microsoft's single sign-on says registered, and Platform SSO says that the user still has to do something; " +
			"System Settings may show Registered all the same.", ""},
		func(v verdicts) bool {
			return v.is(SourceSecureEnclave, usable, sameDevice) &&
				(v.is(SourcePlatformSSO, needsUser...) || v.is(SourcePlatformSSO, configured))
		}},
	{Contradiction{"registered-beside-not-registered", SourcePlatformSSO, SourceSecureEnclave,
		"Platform SSO says registered, and Microsoft's single sign-on says that it is not.",
		"have the user log out and in, then look again"},
		func(v verdicts) bool {
			return v.is(SourcePlatformSSO, usable) && v.is(SourceSecureEnclave, nothing, configured)
		}},
	{Contradiction{"needs-repair-beside-registered", SourceSecureEnclave, SourcePlatformSSO,
		"Microsoft's single sign-on says that the registration needs repair, and Platform SSO says registered.", ""},
		func(v verdicts) bool {
			return v.is(SourcePlatformSSO, usable) && v.is(SourceSecureEnclave, needsRepair)
		}},
	{Contradiction{"enabled-beside-not-configured", SourceSecureEnclave, SourcePlatformSSO,
		"Microsoft's single sign-on says that Platform SSO is enabled, and macOS says that it is not configured.",
		"see whether the profile has reached this Mac"},
		func(v verdicts) bool {
			return v.is(SourceSecureEnclave, configured, needsRepair) && v.is(SourcePlatformSSO, nothing, otherProvider)
		}},
	{Contradiction{"platform-sso-not-yet-used", SourceLoginKeychain, SourcePlatformSSO,
		"Platform SSO is configured, and the user is still registered the old way, in the login keychain.",
		""},
		func(v verdicts) bool {
			return v.registered() && v.is(SourceLoginKeychain, usable) && !v.is(SourceSecureEnclave, usable) &&
				v.is(SourcePlatformSSO, configured)
		}},
	{Contradiction{"acquired-beside-not-registered", SourceLoginKeychain, SourceJamfAgent,
		"Jamf Conditional Access says that it has acquired an identity, and this Mac holds none that can be used; " +
			"its state is of an earlier registration.", ""},
		func(v verdicts) bool { return v.is(SourceJamfAgent, acquired) && v.certainlyNotRegistered() }},
	{Contradiction{"linked-beside-not-registered", SourceLoginKeychain, SourceJamfPro,
		"Jamf Pro has linked this Mac to an Entra device, and this Mac holds no usable identity.",
		"remove the device in Entra if it is of an earlier registration"},
		func(v verdicts) bool {
			return v.is(SourceJamfPro, linkedCompliant, linkedNonCompliant, linkedUnknown, otherDeviceLinked) &&
				v.certainlyNotRegistered()
		}},
	{Contradiction{"acquired-beside-not-linked", SourceJamfPro, SourceJamfAgent,
		"Jamf Conditional Access says that it has acquired the identity, and Jamf Pro is not linked to this Mac's " +
			"Entra device.", ""},
		func(v verdicts) bool {
			return v.registered() && v.is(SourceJamfAgent, acquired) &&
				v.is(SourceJamfPro, unlinkedCompliant, unlinkedNonCompliant, unlinkedUnknown, otherDeviceLinked)
		}},
	{Contradiction{"linked-beside-not-acquired", SourceJamfPro, SourceJamfAgent,
		"Jamf Pro is linked to this Mac's Entra device, and Jamf Conditional Access says that it has not acquired " +
			"the identity; it will not report a change.", ""},
		func(v verdicts) bool {
			return v.registered() && v.is(SourceJamfAgent, deactivated, notAcquired, nothing) &&
				v.is(SourceJamfPro, linkedCompliant, linkedNonCompliant, linkedUnknown)
		}},
	{Contradiction{"off-beside-applicable", SourceJamfPro, SourceJamfSettings,
		"Jamf Pro says that device compliance applies to this Mac, and Jamf's settings here have it off.",
		"run `sudo /usr/local/jamf/bin/jamf manage`"},
		func(v verdicts) bool {
			return v.is(SourceJamfSettings, disabled) && v.applicable()
		}},
}

// holdsCertificate reports whether the login keychain holds a device certificate, usable or not.
func (v verdicts) holdsCertificate() bool {
	return !v.is(SourceLoginKeychain, notAsked, noSession, couldNotLook, nothing, leftovers)
}

// certainlyNotRegistered reports whether usher looked at every place and none holds a usable identity.
func (v verdicts) certainlyNotRegistered() bool {
	state := decide(v).state
	info, _ := state.Info()
	return !info.Registered && !state.Unknown()
}

// devicesDiffer is the contradiction of places whose values name different devices.
func devicesDiffer(readings readings) []Contradiction {
	const name = "device-ids-differ"
	device := func(source Source) DeviceID {
		if r := readings[source]; r.verdict == usable {
			return r.identity.DeviceID
		}
		return ""
	}
	var found []Contradiction
	against := func(source Source) bool {
		return slices.ContainsFunc(found, func(c Contradiction) bool { return c.Against == source })
	}
	for i, one := range holds {
		for _, other := range holds[i+1:] {
			if a, b := device(one.source),
				device(other.source); a != "" && b != "" && !sameID(a, b) && !against(other.source) {
				found = append(found, Contradiction{name, one.source, other.source,
					phrase.Title(withArticle(one.source)) + " and " + withArticle(other.source) +
						" name different Entra devices.",
					"the one that is not used any more should be removed, here and in Entra"})
			}
		}
	}
	return found
}

// namesDiffer is the contradiction between the name in the identity and the one in the directory.
func namesDiffer(identity Identity, readings readings) []Contradiction {
	directory := readings[SourceDirectory].identity.UserPrincipalName
	if identity.Source != SourcePlatformSSO && identity.Source != SourceSecureEnclave ||
		readings.is(SourcePlatformSSO, otherProvider) ||
		directory == "" || identity.UserPrincipalName == "" ||
		strings.EqualFold(string(directory), string(identity.UserPrincipalName)) {
		return nil
	}
	return []Contradiction{{"names-differ", identity.Source, SourceDirectory,
		phrase.Title(withArticle(identity.Source)) +
			" and the user's record in the directory name different users.",
		"see who registered this account, and remove the remains of an earlier registration"}}
}
