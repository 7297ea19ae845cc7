// Package observation knows the identity of each user of this Mac. It asks the user's agent and this Mac for evidence,
// and merges that to one identity with [wpj.Evaluate]. It keeps the last result, with its age, also when the user is
// logged out.
//
// An [Observer] reads and keeps. Registrations use it for their own reading, in their own transactions. While
// [Observer.Run] runs, it also looks by itself and reports changes to Jamf Pro. An agent's answer is a claim of its
// user about themselves. It is bounded, and sources that only the helper can know are not accepted from it.
package observation

import (
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
)

// Observation is the knowledge about one user.
type Observation struct {
	User     accounts.User `json:"user"`
	Identity wpj.Identity  `json:"identity"`
	// LastKnown is the identity before the user could not be looked at any more; nil while Identity is known.
	LastKnown *wpj.Identity `json:"last_known,omitempty"`
	// Evidence is the basis of the identity, without certificates.
	Evidence []wpj.Evidence `json:"evidence,omitempty"`
	// HeldBy is the source that holds, or held, the identity. It is "" if no source does, and in journals from before
	// it was kept.
	HeldBy wpj.Source `json:"held_by,omitempty"`
	// LoginKeychain is the evidence from the last read of the login keychain, with certificates. It is kept only while
	// the identity is elsewhere, so that the login keychain need not be read again.
	LoginKeychain []wpj.Evidence `json:"login_keychain,omitempty"`
	// LookedAt is the time of the last look, FirstLookedAt that of the first.
	LookedAt      time.Time `json:"looked_at"`
	FirstLookedAt time.Time `json:"first_looked_at"`
	// Keys says since when the user is asked to sign in to Platform SSO again.
	Keys wpj.KeysHistory `json:"keys,omitzero"`
	// Change is the last time that the device became another one; nil if it never did.
	Change *delivery.DeviceIDChange `json:"device_id_change,omitempty"`
	// DeviceID is the last known one, also while there is none.
	DeviceID wpj.DeviceID `json:"last_device_id,omitempty"`
	// DeviceSource is the source that saw it last, at DeviceSeenAt; both are zero in journals from before they were
	// kept.
	DeviceSource wpj.Source `json:"last_device_source,omitempty"`
	DeviceSeenAt time.Time  `json:"last_device_seen_at,omitzero"`
	// LostKeychain is the login keychain that macOS has renamed since; nil if that is not why the user has no identity.
	LostKeychain *thismac.RenamedKeychain `json:"lost_keychain,omitempty"`
	// Reported is the last report to Jamf Pro; the zero value if there was none.
	Reported Reported `json:"reported,omitzero"`
}

// UserPrincipalName returns the name of the user's registration, as far as it is known; empty if it is not.
func (o *Observation) UserPrincipalName() wpj.UserPrincipalName {
	if o.LastKnown != nil {
		return o.LastKnown.UserPrincipalName
	}
	return o.Identity.UserPrincipalName
}

// Unreported returns the change of the device that Jamf Pro has not got yet, nil if there is none.
func (o *Observation) Unreported() *delivery.DeviceIDChange {
	if o.Change == nil || !o.Change.At.After(o.Reported.At) {
		return nil
	}
	return o.Change
}

// capped returns the observation with none of its times after now. Such a time was written before the clock was set
// back, and anything that waits for it would wait until then. Whether the change of the device was reported does not
// change.
func (o Observation) capped(now time.Time) Observation {
	before := now.Add(-time.Nanosecond) // a change that is recorded now comes after it
	if o.Change != nil && o.Change.At.After(before) {
		change := *o.Change
		change.At = before
		if o.Unreported() != nil {
			change.At = now
		}
		o.Change = &change
	}
	for _, at := range []*time.Time{&o.Reported.At, &o.FirstLookedAt, &o.DeviceSeenAt} {
		if at.After(before) {
			*at = before
		}
	}
	return o
}

// Reported is the part of an observation that Jamf Pro gets.
type Reported struct {
	State             wpj.State             `json:"state"`
	DeviceID          wpj.DeviceID          `json:"device_id,omitempty"`
	TenantID          wpj.TenantID          `json:"tenant_id,omitempty"`
	UserPrincipalName wpj.UserPrincipalName `json:"user_principal_name,omitempty"`
	At                time.Time             `json:"at"`
}

// reportOf returns what a report of the identity contains.
func reportOf(identity wpj.Identity, now time.Time) Reported {
	return Reported{State: identity.State, DeviceID: identity.DeviceID, TenantID: identity.TenantID,
		UserPrincipalName: identity.UserPrincipalName, At: now}
}

// same reports whether two reports say the same, at whatever time.
func (r Reported) same(other Reported) bool {
	other.At = r.At
	return r == other
}

// observations are by uid.
var observations = store.NewBucket[Observation]("observations")

func key(uid uint32) []byte { return store.NumberKey(uint64(uid)) }
