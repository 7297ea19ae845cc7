package quota

import (
	"slices"
	"time"

	"usher.internal/helper/store"
)

// Allowance limits how often each user may do something within a period. The journal has the times at which a user did
// it, so that a restart changes nothing. An Allowance is made once, at package level.
type Allowance struct {
	spent  store.Bucket[spent]
	times  int
	within time.Duration
}

// spent has the times at which a user did it, the oldest first.
type spent struct {
	UID uint32      `json:"uid"`
	At  []time.Time `json:"at"`
}

// NewAllowance returns the allowance whose use is in the bucket of that name.
func NewAllowance(bucket string, times int, within time.Duration) Allowance {
	return Allowance{spent: store.NewBucket[spent](bucket), times: times, within: within}
}

// Forget removes the times of a user, in the caller's transaction.
func (a Allowance) Forget(tx *store.Tx, uid uint32) error { return a.spent.Delete(tx, pageKey(uid)) }

// Spend records, in the caller's transaction, that a user does it now. If the user may not, it records nothing, and
// returns false and when the user may again.
//
// Times in the future were recorded before the clock was set back, and limit nobody.
func (a Allowance) Spend(tx *store.Tx, uid uint32, now time.Time) (again time.Time, ok bool, err error) {
	var own []time.Time
	var useless []uint32
	for one, err := range a.spent.Ascend(tx) {
		if err != nil {
			return again, false, err
		}
		at := slices.DeleteFunc(one.At, func(at time.Time) bool { return at.After(now) || now.Sub(at) >= a.within })
		switch {
		case one.UID == uid:
			own = at
		case len(at) == 0:
			useless = append(useless, one.UID)
		}
	}
	if len(own) >= a.times {
		return own[len(own)-a.times].Add(a.within), false, nil
	}
	for _, other := range useless {
		if err := a.spent.Delete(tx, pageKey(other)); err != nil {
			return again, false, err
		}
	}
	return again, true, a.spent.Put(tx, pageKey(uid), spent{UID: uid, At: append(own, now)})
}
