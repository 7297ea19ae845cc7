package delivery

import (
	"slices"
	"time"

	"usher.internal/helper/store"
	"usher.internal/internal/oneline"
)

// attemptsThatBlock is the number of attempts after which a delivery gives way: later ones no longer wait for it.
// Back-off takes one to three hours for that. Without this limit, a report that Jamf Pro neither takes nor refuses
// would block the reports of all other users for ever.
const attemptsThatBlock = 20

// inLine is the error of a delivery that waits for earlier ones. It does not name their users or their problems.
const inLine = "waits for an older report that Jamf Pro has not taken yet"

// blocks reports whether later deliveries wait for this pending one.
func (d Delivery) blocks() bool { return d.Attempts < attemptsThatBlock }

// next returns the delivery that is next, false for none, and how long nothing is due then. waiting holds the pending
// and refused deliveries of all users, the oldest first, as one line.
func (w *worker) next(waiting []Delivery) (_ Delivery, found bool, wait time.Duration) {
	wait = longestWait
	for _, one := range waiting {
		if one.State == StateRefused && one.NextAttemptAt.IsZero() {
			continue // an earlier version refused it; its next flush or change tries it again
		}
		left := w.waits.left(one)
		if left <= 0 {
			return one, true, 0
		}
		wait = min(wait, left)
		if one.State == StatePending && one.blocks() {
			break
		}
	}
	return Delivery{}, false, wait
}

// lineUp adjusts the rest of the line after a failed delivery. Those behind it are not due before it. Those that have
// given way to it are not due after it, so that they are tried again first.
func (o *Outbox) lineUp(tx *store.Tx, failed Delivery) error {
	waiting, err := undelivered(tx)
	if err != nil {
		return err
	}
	for _, one := range waiting {
		due := failed.NextAttemptAt
		switch {
		case one.State != StatePending:
			continue
		case one.ID < failed.ID && one.NextAttemptAt.After(latest(due, one.NotBefore)):
			one.NextAttemptAt = latest(due, one.NotBefore)
		case one.ID > failed.ID && failed.blocks() && one.NextAttemptAt.Before(due):
			one.NextAttemptAt = due
			if one.Attempts == 0 {
				one.LastError = inLine
			}
		default:
			continue
		}
		if err := o.change(tx, one); err != nil {
			return err
		}
	}
	return nil
}

// supersedeOlder ends undelivered reports that are older than a delivered one, since Jamf Pro has one record of this
// computer. They are reports of other users that were refused or have given way.
func (o *Outbox) supersedeOlder(tx *store.Tx, delivered Delivery) error {
	var older []Delivery
	for one, err := range deliveries.Descend(tx) {
		if err != nil {
			return err
		}
		if one.ID < delivered.ID && one.State == StateDelivered {
			break
		}
		if one.ID < delivered.ID && !one.forgettable() {
			older = append(older, one)
		}
	}
	return o.overtake(tx, older, delivered.EndedAt)
}

// deliverWith ends the deliveries that already waited behind a delivered report when its attempt began, up to newest.
// That report has described the whole Mac, so an inventory for each of them would say the same again.
func (o *Outbox) deliverWith(tx *store.Tx, delivered Delivery, newest uint64) error {
	waiting, err := undelivered(tx)
	if err != nil {
		return err
	}
	for _, one := range waiting {
		if one.ID < delivered.ID || one.ID > newest || one.State != StatePending {
			continue
		}
		one.Attempts++
		one.LastError = ""
		if err := o.change(tx, one.ended(StateDelivered, delivered.EndedAt)); err != nil {
			return err
		}
	}
	return nil
}

// overtake ends deliveries after Jamf Pro has taken a newer one. They come the newest first.
func (o *Outbox) overtake(tx *store.Tx, older []Delivery, now time.Time) error {
	for _, one := range slices.Backward(older) {
		one = one.ended(StateSuperseded, now)
		const overtaken = "Jamf Pro took a newer report, which describes this Mac as a whole"
		if one.LastError == "" {
			one.LastError = overtaken
		} else {
			one.LastError = oneline.Of(overtaken+"; before that: "+one.LastError, longestError)
		}
		if err := o.change(tx, one); err != nil {
			return err
		}
	}
	return nil
}

// settle ends undelivered deliveries that are older than the newest delivered report. An usherd that did not keep the
// line yet may have left some.
func (o *Outbox) settle() error {
	find := func(tx *store.Tx) (older []Delivery, err error) {
		delivered := false
		for one, err := range deliveries.Descend(tx) {
			if err != nil {
				return nil, err
			}
			if delivered && !one.forgettable() {
				older = append(older, one)
			}
			delivered = delivered || one.State == StateDelivered
		}
		return older, nil
	}
	var older []Delivery
	err := o.store.View(func(tx *store.Tx) (err error) {
		older, err = find(tx)
		return err
	})
	if err != nil || len(older) == 0 {
		return err
	}
	return o.store.Update(func(tx *store.Tx) error {
		older, err := find(tx)
		if err != nil {
			return err
		}
		return o.overtake(tx, older, time.Now())
	})
}
