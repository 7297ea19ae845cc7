package wpj

import (
	"cmp"
	"slices"
	"time"
)

// Conditions are what [Evaluate] holds the evidence to. Only Now must be set.
type Conditions struct {
	// Now is the time at which certificates must be valid.
	Now time.Time
	// Tenant is the tenant that the identity should be of, "" for any.
	Tenant TenantID
	// CloudHost is the sign-in host of the Microsoft cloud that the tenant is in, for example
	// login.microsoftonline.com; "" for any.
	CloudHost string
	// Keys is since when the user is asked to sign in to Platform SSO again, as [KeysHistory.After] kept it, with this
	// look.
	Keys KeysHistory
}

// Evaluate merges what the sources said to one identity with exactly one state. It is pure and total: any evidence,
// contradictory and malformed evidence too, comes to one of the [States]. First each source is reduced to one of the
// few things that it can say, then the first of the state rules that applies decides.
//
// A source that could not be looked at is never taken for one that holds nothing, and neither is evidence that says
// nothing at all; a source without evidence was not asked and has no effect. Details are for admins: one sentence that
// names the thing, with the fix apart, and holds no personal data.
func Evaluate(evidence []Evidence, given Conditions) Identity {
	readings := read(evidence, given)
	v := verdicts{}
	for source, r := range readings {
		v[source] = r.verdict
	}
	decided := decide(v)
	identity := holder(readings)
	if told := readings[decided.source]; identity.Source == "" {
		identity.Source, identity.ObservedAt = told.identity.Source, told.identity.ObservedAt
	}
	identity.State, identity.Rule = decided.state, decided.name
	identity.UserPrincipalName = identity.UserPrincipalName.Unmasked()
	says := cmp.Or(decided.says, readings[decided.source].told)
	identity.Detail, identity.Fix = says.detail, says.fix
	for _, c := range contradictions {
		if c.applies(v) {
			identity.Contradictions = append(identity.Contradictions, c.Contradiction)
		}
	}
	for _, source := range Sources() {
		identity.Contradictions = append(identity.Contradictions, readings[source].remarks...)
	}
	identity.Contradictions = append(identity.Contradictions, devicesDiffer(readings)...)
	identity.Contradictions = append(identity.Contradictions, namesDiffer(identity, readings)...)
	return identity
}

// holds are the verdicts of a source that has, or had, an identity of its own, by source; the source that comes first
// holds the identity.
var holds = []struct {
	source   Source
	verdicts []verdict
}{
	{SourcePlatformSSO, []verdict{usable, expired, otherTenant, badCertificate, pending, needsKeys, userNotRegistered,
		needsRegistration, needsBinding, keyInvalid, unknownUser}},
	{SourceSecureEnclave, []verdict{usable, otherTenant, needsRepair}},
	{SourceLoginKeychain, []verdict{usable, otherTenant, expired, notYetValid, tenantItemDiffers, noUser,
		thumbprintDiffers, noKey, ambiguous}},
}

// HeldBy returns the source that holds the identity, or held it and now says what is wrong with it; "" where none does.
// A source that could not be looked at holds nothing as far as this evidence says.
func HeldBy(evidence []Evidence, given Conditions) Source {
	return holder(read(evidence, given)).Source
}

// holder returns the identity of the source that holds it, and the zero value when none does. What Platform SSO does
// not say of the same device is filled in from the Secure Enclave, and a name that neither says from the directory,
// which names the user of another provider's Platform SSO in the same way.
func holder(readings readings) Identity {
	for _, place := range holds {
		r := readings[place.source]
		if !slices.Contains(place.verdicts, r.verdict) {
			continue
		}
		identity := r.identity
		if other := readings[SourceSecureEnclave].identity; place.source == SourcePlatformSSO &&
			(identity.DeviceID == "" || sameID(identity.DeviceID, other.DeviceID)) {
			identity.DeviceID = cmp.Or(identity.DeviceID, other.DeviceID)
			identity.TenantID = cmp.Or(identity.TenantID, other.TenantID)
			identity.UserPrincipalName = cmp.Or(identity.UserPrincipalName, other.UserPrincipalName)
			identity.Thumbprint = cmp.Or(identity.Thumbprint, other.Thumbprint)
		}
		if directory := readings[SourceDirectory]; place.source != SourceLoginKeychain &&
			!readings.is(SourcePlatformSSO, otherProvider) {
			identity.UserPrincipalName = cmp.Or(identity.UserPrincipalName, directory.identity.UserPrincipalName)
		}
		return identity
	}
	return Identity{}
}
