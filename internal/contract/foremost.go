package contract

import (
	"time"

	usherv1 "usher.internal/proto/usher/v1"
)

// Foremost is whom a computer is about, where it has to be one: the user on the console; the one whose registration is the newest; the
// only one, or the one who was looked at last. It is nil when there is nobody.
func Foremost(users []*usherv1.UserStatus) *usherv1.UserStatus {
	var first *usherv1.UserStatus
	for _, user := range users {
		if user.GetSession().GetOnConsole() {
			return user
		}
		if first == nil || before(first, user) {
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
