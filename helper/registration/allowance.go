package registration

import (
	"fmt"
	"slices"
	"time"

	"usher.internal/helper/store"
)

// A user may start so many registrations within allowanceTime. That is one every three minutes, far more than a person needs, and few
// enough that the reports of one user are no load for Jamf Pro. See [StartRequest.Limited].
const (
	startsAllowed = 20
	allowanceTime = time.Hour
)

// spent is when a user started registrations under the limit, the oldest first.
type spent struct {
	UID uint32      `json:"uid"`
	At  []time.Time `json:"at"`
}

// starts are by uid. They are apart from the registrations, which may be forgotten earlier.
var starts = store.NewBucket[spent]("starts")

// spend notes a start of a user now. The error wraps [ErrTooManyStarts] when the user has no start left.
//
// What the journal has of times to come is of before the clock was set back, and limits nobody.
func spend(tx *store.Tx, uid uint32, now time.Time) error {
	var own spent
	var useless []uint32
	for one, err := range starts.Ascend(tx) {
		if err != nil {
			return err
		}
		one.At = slices.DeleteFunc(one.At, func(at time.Time) bool { return at.After(now) || now.Sub(at) >= allowanceTime })
		switch {
		case one.UID == uid:
			own = one
		case len(one.At) == 0:
			useless = append(useless, one.UID)
		}
	}
	if len(own.At) >= startsAllowed {
		again := own.At[len(own.At)-startsAllowed].Add(allowanceTime)
		return fmt.Errorf("%w: the user has started %d; the next is possible at %s, in %s",
			ErrTooManyStarts, len(own.At), again.Local().Format(time.TimeOnly), (again.Sub(now) + time.Second - 1).Truncate(time.Second))
	}
	for _, other := range useless {
		if err := starts.Delete(tx, userKey(other)); err != nil {
			return err
		}
	}
	return starts.Put(tx, userKey(uid), spent{UID: uid, At: append(own.At, now)})
}
