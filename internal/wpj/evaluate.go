package wpj

import (
	"cmp"
	"slices"
	"time"
)

// Evaluate merges what the sources said to one identity with exactly one state. It is pure and total: any evidence,
// contradictory and malformed evidence too, comes to one of the [States]. First each source is reduced to one of the few
// things that it can say, then the first of the state rules that applies decides.
//
// tenant is the tenant that the identity should be of, "" for any. A source that could not be looked at never counts as
// one that holds nothing, and neither does evidence that says nothing at all; a source without evidence was not asked, and
// counts for nothing. Details are for admins: one sentence that names the thing and the fix, and holds no personal data.
func Evaluate(evidence []Evidence, tenant TenantID, now time.Time) Identity {
	readings := read(evidence, tenant, now)
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
	identity.Detail = readings[decided.source].detail
	if decided.detail != "" {
		identity.Detail = decided.detail
	}
	for _, c := range contradictions {
		if c.applies(v) {
			identity.Contradictions = append(identity.Contradictions, c.Contradiction)
		}
	}
	identity.Contradictions = append(identity.Contradictions, devicesDiffer(readings)...)
	return identity
}

// holds are the verdicts of a source that has, or had, an identity of its own, by source; the source that comes first holds
// the identity.
var holds = []struct {
	source   Source
	verdicts []verdict
}{
	{SourcePlatformSSO, []verdict{usable, expired, otherTenant, needsKeys, needsRegistration}},
	{SourceSecureEnclave, []verdict{usable, otherTenant, needsRepair}},
	{SourceLoginKeychain, []verdict{usable, otherTenant, expired, notYetValid, tenantItemDiffers, noUser, thumbprintDiffers, noKey, ambiguous}},
}

// holder returns the identity of the source that holds it, and the zero value when none does. What Platform SSO does not say
// of the same device is filled in from the Secure Enclave.
func holder(readings map[Source]reading) Identity {
	for _, place := range holds {
		r := readings[place.source]
		if !slices.Contains(place.verdicts, r.verdict) {
			continue
		}
		identity := r.identity
		if other := readings[SourceSecureEnclave].identity; place.source == SourcePlatformSSO && (identity.DeviceID == "" || sameID(identity.DeviceID, other.DeviceID)) {
			identity.DeviceID = cmp.Or(identity.DeviceID, other.DeviceID)
			identity.TenantID = cmp.Or(identity.TenantID, other.TenantID)
			identity.UserPrincipalName = cmp.Or(identity.UserPrincipalName, other.UserPrincipalName)
			identity.Thumbprint = cmp.Or(identity.Thumbprint, other.Thumbprint)
		}
		return identity
	}
	return Identity{}
}
