// Package observation knows how each user of this Mac stands: it asks the user's agent and this Mac for evidence,
// merges it to one identity with [wpj.Evaluate], and keeps what was found last, with its age, also when the user is
// logged out.
//
// An [Observer] reads and keeps. Registrations use it for their own reading, in their own transactions. While
// [Observer.Run] runs, it also looks by itself and reports what changed to Jamf Pro. What an agent says is a claim of
// its user about themselves: it is bounded, and sources that only the helper can know are not taken from it.
package observation

import (
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
)

// Observation is what is known of one user.
type Observation struct {
	User     accounts.User `json:"user"`
	Identity wpj.Identity  `json:"identity"`
	// LastKnown is the identity before the user could not be looked at any more; nil while Identity says how the user
	// stands.
	LastKnown *wpj.Identity `json:"last_known,omitempty"`
	// Evidence is what the identity rests on, without certificates.
	Evidence []wpj.Evidence `json:"evidence,omitempty"`
	// HeldBy is the source that holds, or held, the identity; "" where none does, and in journals of before it was
	// kept.
	HeldBy wpj.Source `json:"held_by,omitempty"`
	// LoginKeychain is what was found in the login keychain when it was read last, with certificates; kept only while
	// the identity is elsewhere, so that the login keychain need not be read again.
	LoginKeychain []wpj.Evidence `json:"login_keychain,omitempty"`
	// LookedAt is when somebody looked last, FirstLookedAt when for the first time.
	LookedAt      time.Time `json:"looked_at"`
	FirstLookedAt time.Time `json:"first_looked_at"`
	// Keys is since when the user is asked to sign in to Platform SSO again.
	Keys wpj.KeysHistory `json:"keys,omitzero"`
	// Change is the last time that the device became another one; nil when it never did.
	Change *delivery.DeviceIDChange `json:"device_id_change,omitempty"`
	// DeviceID is the last one that was known, also while there is none.
	DeviceID wpj.DeviceID `json:"last_device_id,omitempty"`
	// DeviceSource is where it was seen last, DeviceSeenAt when; both are zero in journals of before they were kept.
	DeviceSource wpj.Source `json:"last_device_source,omitempty"`
	DeviceSeenAt time.Time  `json:"last_device_seen_at,omitzero"`
	// LostKeychain is the login keychain that macOS has renamed since; nil where that is not why the user has no
	// identity.
	LostKeychain *thismac.RenamedKeychain `json:"lost_keychain,omitempty"`
	// Reported is what Jamf Pro was told last; the zero value when it was told nothing.
	Reported Reported `json:"reported,omitzero"`
}

// UserPrincipalName returns the one of the user's registration, as far as is known; empty for none.
func (o *Observation) UserPrincipalName() wpj.UserPrincipalName {
	if o.LastKnown != nil {
		return o.LastKnown.UserPrincipalName
	}
	return o.Identity.UserPrincipalName
}

// Unreported returns the change of the device that Jamf Pro was not told of yet, nil when there is none.
func (o *Observation) Unreported() *delivery.DeviceIDChange {
	if o.Change == nil || !o.Change.At.After(o.Reported.At) {
		return nil
	}
	return o.Change
}

// capped returns the observation with none of its times after now: such a time was written before the clock was set
// back, and what waits for it would wait until then. Whether the change of the device was reported remains as it is.
func (o Observation) capped(now time.Time) Observation {
	before := now.Add(-time.Nanosecond) // what is noted now comes after it
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

// Reported is what of an observation Jamf Pro is told.
type Reported struct {
	State             wpj.State             `json:"state"`
	DeviceID          wpj.DeviceID          `json:"device_id,omitempty"`
	TenantID          wpj.TenantID          `json:"tenant_id,omitempty"`
	UserPrincipalName wpj.UserPrincipalName `json:"user_principal_name,omitempty"`
	At                time.Time             `json:"at"`
}

// telling returns what a report of the identity tells.
func telling(identity wpj.Identity, now time.Time) Reported {
	return Reported{State: identity.State, DeviceID: identity.DeviceID, TenantID: identity.TenantID,
		UserPrincipalName: identity.UserPrincipalName, At: now}
}

// same tells whether two reports say the same, whenever that was.
func (r Reported) same(other Reported) bool {
	other.At = r.At
	return r == other
}

// observations are by uid.
var observations = store.NewBucket[Observation]("observations")

func key(uid uint32) []byte { return store.NumberKey(uint64(uid)) }
