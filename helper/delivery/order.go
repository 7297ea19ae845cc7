package delivery

import (
	"slices"
	"time"

	"usher.internal/helper/store"
	"usher.internal/internal/oneline"
)

// attemptsThatBlock is after how many attempts a delivery gives way: those behind it no longer wait for it. Back-off
// takes one to three hours for that. Without an end, a report that Jamf Pro never takes, and never refuses for good
// either, would keep those of all other users waiting.
const attemptsThatBlock = 20

// inLine is the error of a delivery that waits for those before it. Whose they are, and what is wrong with them, is
// nothing for its user.
const inLine = "waits for an older report that Jamf Pro has not taken yet"

// blocks reports whether those behind a pending delivery wait for it.
func (d Delivery) blocks() bool { return d.Attempts < attemptsThatBlock }

// next returns the delivery whose turn it is, false for none, and how long nothing is due then. Waiting are the pending
// and refused deliveries of all users, the oldest first; they are one line.
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

// lineUp has the others in the line follow a delivery that has failed: those behind it are not due before it, and those
// that have given way to it are not due after it, so that they are tried again first.
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

// supersedeOlder ends what is older than a delivered report and has not been delivered: Jamf Pro has one record of this
// computer, and was told of all of it. Those are reports that were refused or have given way, of other users.
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

// deliverWith ends what waited behind a delivered report when its attempt began, up to the newest: that has said how
// all of this Mac stands, so that an inventory for each of them would say the same again.
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

// overtake ends deliveries, which come the newest first, after which Jamf Pro has taken a newer one.
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

// settle ends what a journal has undelivered before its newest delivered report: of an usherd that did not keep the
// line yet.
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
