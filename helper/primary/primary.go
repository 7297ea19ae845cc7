// Package primary decides which user of this Mac Jamf Pro's record of it describes: the primary user
// (docs/architecture.md).
//
// [Choose] is the rule. [Presence] knows who was at the Mac last, also after a restart. A [Keeper] has Jamf Pro told
// when another user has become the primary one, or others have come to be the others: of that no look and no
// registration reports.
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
	// UserPrincipalName is that of the user's registration; empty where none is known.
	UserPrincipalName wpj.UserPrincipalName
	// Holds says whether the user holds a registration that can be used, as far as is known.
	Holds bool
	// HasAccount says whether this Mac has the account, and it is a person's.
	HasAccount bool
	// OnConsole says whether the user is at the Mac now.
	OnConsole bool
	// AtMac is when the user was at the Mac last, and LookedAt when usher looked last; both are zero where that is not
	// known.
	AtMac, LookedAt time.Time
}

// Choose returns the primary user: the one that is configured, by account name or by the name that they signed in with
// to register; else of those who hold a registration the one who was at the Mac last; else the one who was at the Mac
// last. Accounts that were deleted are never it. Found is false where nobody is left.
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
