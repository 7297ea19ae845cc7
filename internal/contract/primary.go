package contract

import (
	"slices"
	"time"

	usherv1 "usher.internal/proto/usher/v1"
)

// Primary is the primary user of a computer, as its helper says, and nil where there is nobody. Where the helper names
// none of these, since its caller may see one user alone or it is older than primary users, it is the user on the
// console; the one whose registration is the newest; the only one, or the one who was looked at last. An account that
// was deleted is never it.
func Primary(users []*usherv1.UserStatus) *usherv1.UserStatus {
	for _, is := range []func(*usherv1.UserStatus) bool{
		func(user *usherv1.UserStatus) bool { return user.GetPrimary() },
		func(user *usherv1.UserStatus) bool { return user.GetSession().GetOnConsole() && !user.GetNoAccount() },
	} {
		if at := slices.IndexFunc(users, is); at >= 0 {
			return users[at]
		}
	}
	var first *usherv1.UserStatus
	for _, user := range users {
		if !user.GetNoAccount() && (first == nil || before(first, user)) {
			first = user
		}
	}
	return first
}

// before tells whether the second user is the more likely one to be asked about.
func before(first, second *usherv1.UserStatus) bool {
	created := func(u *usherv1.UserStatus) time.Time { return Time(u.GetLastRegistration().GetCreateTime()) }
	if a, b := created(first), created(second); !a.Equal(b) {
		return b.After(a)
	}
	return Time(second.GetLookTime()).After(Time(first.GetLookTime()))
}
