package registration

import (
	"fmt"
	"time"

	"usher.internal/helper/quota"
	"usher.internal/helper/store"
)

// A user may start this many registrations within an hour. That is one every three minutes: far more than a person
// needs, and few enough that the reports of one user are no load for Jamf Pro. See [StartRequest.Limited].
const startsAllowed = 20

var starts = quota.NewAllowance("starts", startsAllowed, time.Hour)

// spend records that the user starts a registration now. The error wraps [ErrTooManyStarts] when the user has no start
// left.
func spend(tx *store.Tx, uid uint32, now time.Time) error {
	again, ok, err := starts.Spend(tx, uid, now)
	if ok || err != nil {
		return err
	}
	return fmt.Errorf("%w: the user has started %d; the next is possible at %s, in %s",
		ErrTooManyStarts, startsAllowed, again.Local().Format(time.TimeOnly),
		(again.Sub(now) + time.Second - 1).Truncate(time.Second))
}
