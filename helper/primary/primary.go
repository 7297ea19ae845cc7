// Package primary decides which user of this Mac Jamf Pro's record of it describes: the primary user
// (docs/architecture.md).
//
// [Choose] is the rule. [Presence] knows who was last at the Mac, also after a restart. A [Keeper] sends Jamf Pro a
// report when the primary user or the set of other users has changed. No look and no registration reports that.
package primary

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/wpj"
)

// Candidate is a user who may be the primary one.
type Candidate struct {
	UID  uint32
	Name string
	// UserPrincipalName is that of the user's registration; empty if none is known.
	UserPrincipalName wpj.UserPrincipalName
	// Holds reports whether the user has a usable registration, as far as is known.
	Holds bool
	// HasAccount reports whether this Mac has the account, and it is a person's.
	HasAccount bool
	// OnConsole reports whether the user is at the Mac now.
	OnConsole bool
	// AtMac is when the user was last at the Mac, and LookedAt when usher last looked; both are zero if that is not
	// known.
	AtMac, LookedAt time.Time
}

// Choose returns the primary user. The configured user comes first: by account name, or by the name that they signed in
// with to register. The next choice is the user who was last at the Mac among those with a registration. After that it
// is any user who was last at the Mac. A deleted account is never chosen. Found is false if nobody is left.
func Choose(all []Candidate, configured string) (uid uint32, found bool) {
	all = slices.DeleteFunc(slices.Clone(all), func(one Candidate) bool { return !one.HasAccount })
	for _, are := range []func(Candidate) bool{
		func(one Candidate) bool { return configured != "" && strings.EqualFold(one.Name, configured) },
		func(one Candidate) bool {
			return configured != "" && strings.EqualFold(string(one.UserPrincipalName), configured)
		},
		func(one Candidate) bool { return one.Holds },
		func(Candidate) bool { return true },
	} {
		if those := slices.DeleteFunc(slices.Clone(all), func(one Candidate) bool { return !are(one) }); len(those) >
			0 {
			return slices.MinFunc(those, laterAtMac).UID, true
		}
	}
	return 0, false
}

// laterAtMac compares two users: less is the one who was at the Mac later.
func laterAtMac(a, b Candidate) int {
	switch {
	case a.OnConsole && !b.OnConsole:
		return -1
	case b.OnConsole && !a.OnConsole:
		return 1
	}
	return cmp.Or(b.AtMac.Compare(a.AtMac), b.LookedAt.Compare(a.LookedAt), cmp.Compare(a.UID, b.UID))
}
