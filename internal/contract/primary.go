package contract

import (
	"slices"
	"time"

	usherv1 "usher.internal/proto/usher/v1"
)

// Primary returns the primary user of a computer according to its helper, or nil if there are no users. The helper may
// name none of these users, because its caller may see only one user, or because it is older than primary users. Then
// the order is: the user on the console, the one with the newest registration, the only one, the one whom usher looked
// at last. A deleted account is never the primary user.
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

// before reports whether the second user is the more likely subject of a question.
func before(first, second *usherv1.UserStatus) bool {
	created := func(u *usherv1.UserStatus) time.Time { return Time(u.GetLastRegistration().GetCreateTime()) }
	if a, b := created(first), created(second); !a.Equal(b) {
		return b.After(a)
	}
	return Time(second.GetLookTime()).After(Time(first.GetLookTime()))
}
