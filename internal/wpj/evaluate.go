package wpj

import (
	"cmp"
	"slices"
	"time"
)

// Conditions are the conditions under which [Evaluate] judges the evidence. Only Now must be set.
type Conditions struct {
	// Now is the time at which certificates must be valid.
	Now time.Time
	// Tenant is the wanted tenant of the identity, "" for any.
	Tenant TenantID
	// CloudHost is the sign-in host of the tenant's Microsoft cloud, for example login.microsoftonline.com; "" for any.
	CloudHost string
	// Keys says since when Platform SSO has asked the user to sign in again. [KeysHistory.After] has recorded it,
	// including this look.
	Keys KeysHistory
}

// Evaluate merges the evidence of the sources to one identity with exactly one state. It is pure and total: any
// evidence, even contradictory and malformed evidence, gives one of the [States]. First it reduces each source to a
// verdict. Then the first state rule that applies decides.
//
// A source that could not be looked at never passes for an empty one, and neither does evidence that says nothing. A
// source without evidence was not asked and has no effect. Details are for admins: one sentence that names the thing,
// with the fix apart, and without personal data.
func Evaluate(evidence []Evidence, given Conditions) Identity {
	readings := read(evidence, given)
	v := verdicts{}
	for source, r := range readings {
		v[source] = r.verdict
	}
	decided := decide(v)
	identity := holder(readings)
	if reading := readings[decided.source]; identity.Source == "" {
		identity.Source, identity.ObservedAt = reading.identity.Source, reading.identity.ObservedAt
	}
	identity.State, identity.Rule = decided.state, decided.name
	identity.UserPrincipalName = identity.UserPrincipalName.Unmasked()
	says := cmp.Or(decided.says, readings[decided.source].statement)
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

// holds are the verdicts of a source that has, or had, its own identity, by source. The first such source holds the
// identity.
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

// HeldBy returns the source that holds the identity, or held it and now says what is wrong with it. It returns "" if no
// source does. As far as this evidence shows, a source that could not be looked at holds nothing.
func HeldBy(evidence []Evidence, given Conditions) Source {
	return holder(read(evidence, given)).Source
}

// holder returns the identity of the source that holds it, and the zero value if none does. The Secure Enclave fills in
// what Platform SSO does not say about the same device. The directory fills in a name that both lack; it also names the
// user of another provider's Platform SSO in this way.
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
