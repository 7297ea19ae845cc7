package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"usher.internal/helper/store"
	"usher.internal/internal/oneline"
)

const (
	// longestWait is longer than any pause before an attempt.
	longestWait = maximumAfter + time.Hour
	// longestError is how much of an error is kept and shown, in characters.
	longestError = 1000
)

// worker is one Run of an outbox. Its fields belong to the goroutine of Run, except finished and those that mutex
// guards.
type worker struct {
	*Outbox
	waits    *waits
	settled  bool // nothing undelivered is older than the newest delivered one
	busy     bool // an attempt is under way
	finished chan struct{}
	attempts sync.WaitGroup

	mutex sync.Mutex
	// networkSlot is when a network change is handled next or was handled last.
	networkSlot time.Time
}

// Run delivers the reports in the outbox until ctx ends. Then it cancels the attempt under way, does not record it, and
// returns nil. Only one Run may be active at a time.
func (o *Outbox) Run(ctx context.Context) error {
	w := &worker{Outbox: o, waits: newWaits(o.clock), finished: make(chan struct{}, 1)}
	defer w.attempts.Wait()
	// Started stopped; each turn resets it. It does not run while a Mac sleeps, and waking up brings a network change.
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	if err := o.reconsiderRefused(); err != nil {
		o.log.Error("reports that Jamf Pro has refused are tried again once a day", "error", err)
	}
	first := make(chan struct{})
	close(first)
	var reopened <-chan struct{} = first
	for pauses := journalPauses; ; {
		select {
		case <-reopened: // at first, too
			reopened = w.store.Reopened()
			if err := w.recount(); err != nil {
				w.log.Error("reports for the fleet cannot be counted", "error", err)
			}
		default:
		}
		wait, err := w.startDue(ctx)
		if err != nil {
			wait = pauses.Next()
			o.log.Error("the outbox cannot be read", "error", err, "again_in", wait)
		} else {
			pauses.Reset()
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-o.wake:
		case <-reopened:
		case <-w.finished:
			w.busy = false
		case <-o.network:
			if err := w.heedNetwork(time.Now()); err != nil {
				o.log.Error("the outbox cannot be written", "error", err)
			}
		}
	}
}

// startDue starts the attempt that is due, unless one is under way, and returns how long nothing more is due.
func (w *worker) startDue(ctx context.Context) (wait time.Duration, err error) {
	if w.busy {
		return longestWait, nil // its end wakes us
	}
	if !w.settled {
		if err := w.settle(); err != nil {
			return 0, err
		}
		w.settled = true
	}
	waiting, err := w.List(false, 0)
	if err != nil {
		return 0, err
	}
	slices.Reverse(waiting)
	w.waits.keep(waiting)
	one, found, wait := w.next(waiting)
	if !found || ctx.Err() != nil {
		return wait, nil
	}
	w.busy = true
	newest := waiting[len(waiting)-1].ID
	w.attempts.Go(func() {
		w.attempt(ctx, one, newest)
		w.finished <- struct{}{}
	})
	return longestWait, nil
}

// attempt makes one attempt and records its result. newest is the id of the newest delivery that waits now.
func (w *worker) attempt(ctx context.Context, d Delivery, newest uint64) {
	began := time.Now()
	w.log.Debug("delivery starts", "delivery_id", d.ID, "registration_id", d.Report.RegistrationID, "uid", d.Report.UID)
	err := w.deliverer.Deliver(ctx, d.Report)
	if err != nil && ctx.Err() != nil {
		return
	}
	// A delivered report must be recorded as delivered. So an unwritable journal is tried again as long as Run is
	// active, and the user's next attempt waits for it.
	for pauses := journalPauses; ; {
		recordError := w.record(d.ID, began, newest, err)
		if recordError == nil {
			return
		}
		pause := pauses.Next()
		w.log.Error("the end of an attempt cannot be recorded", "delivery_id", d.ID, "error", recordError, "again_in",
			pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// record writes the result of an attempt. A delivery that was superseded while the attempt was under way is unchanged.
// If Jamf Pro took it anyway, nothing older is sent after it.
func (w *worker) record(id uint64, began time.Time, newest uint64, attemptError error) error {
	var recorded Delivery
	err := w.store.Update(func(tx *store.Tx) error {
		d, found, err := deliveries.Get(tx, store.NumberKey(id))
		if err != nil {
			return err
		}
		if !found || d.State != StatePending && d.State != StateRefused {
			recorded = Delivery{}
			if found && attemptError == nil {
				return w.supersedeOlder(tx, d)
			}
			return nil
		}
		recorded = w.outcome(d, began, attemptError)
		if err := w.change(tx, recorded); err != nil {
			return err
		}
		switch recorded.State {
		case StateDelivered:
			return errors.Join(w.supersedeOlder(tx, recorded), w.deliverWith(tx, recorded, newest))
		case StatePending:
			return w.lineUp(tx, recorded)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if recorded.ID == 0 {
		w.log.Info("attempt ended after a newer report replaced it, or its user was forgotten", "delivery_id",
			id)
		return nil
	}
	w.logOutcome(recorded)
	return nil
}

// outcome returns the delivery after an attempt that ended now.
func (w *worker) outcome(d Delivery, began time.Time, attemptError error) Delivery {
	now := time.Now()
	d.Attempts++
	d.LastError, d.RefusedUnder = "", ""
	if attemptError == nil {
		return d.ended(StateDelivered, now)
	}
	d.LastError = oneline.Of(attemptError.Error(), longestError)
	if _, ok := errors.AsType[*RefusedError](attemptError); ok {
		d = d.ended(StateRefused, now)
		d.RefusedUnder = w.circumstances()
		d.NextAttemptAt = now.Add(refusedPause + w.random(refusedJitter))
		if changed := w.reconsidered(); changed.After(began) {
			d.NextAttemptAt = changed // the circumstances of its refusal have changed
		}
		return d
	}
	d.State, d.EndedAt = StatePending, time.Time{}
	d.NextAttemptAt, d.NotBefore = now.Add(w.random(retries.Bound(d.Attempts))), time.Time{}
	if asked, ok := errors.AsType[*RetryError](attemptError); ok && asked.After != 0 {
		// The jitter is added: all other Macs were asked to wait as long.
		d.NotBefore = now.Add(asked.pause())
		d.NextAttemptAt = d.NotBefore.Add(w.random(retries.Bound(d.Attempts)))
	}
	if slot := w.slot(); slot.After(began) {
		// The attempt failed on a network that no longer exists.
		d = broughtForward(d, slot, w.random(networkJitter))
	}
	return d
}

func (w *worker) logOutcome(d Delivery) {
	log := w.log.With("delivery_id", d.ID, "registration_id", d.Report.RegistrationID, "uid", d.Report.UID, "attempts",
		d.Attempts)
	switch d.State {
	case StateDelivered:
		log.Info("delivered to Jamf Pro", "result", d.Report.Result())
	case StateRefused:
		log.Error("delivery refused; it is tried again when the configuration changes, and once a day; `usherctl "+
			"outbox flush` does it now",
			"reason", d.LastError, "next_attempt", d.NextAttemptAt)
	default:
		log.Warn("delivery failed, trying again", "reason", d.LastError, "next_attempt", d.NextAttemptAt)
	}
}

// heedNetwork brings pending deliveries forward after a network change. If nothing waits, nothing is written.
func (w *worker) heedNetwork(now time.Time) error {
	w.mutex.Lock()
	if !w.networkSlot.After(now) {
		w.networkSlot = latest(now, w.networkSlot.Add(networkPause))
	}
	slot := w.networkSlot
	w.mutex.Unlock()

	later := func(one Delivery) bool { return one.State == StatePending && one.NextAttemptAt.After(slot) }
	waiting, err := w.List(false, 0)
	if err != nil || !slices.ContainsFunc(waiting, later) {
		return err
	}
	jitter := w.random(networkJitter) // one time for all, so that their order remains
	return w.store.Update(func(tx *store.Tx) error {
		all, err := undelivered(tx)
		if err != nil {
			return err
		}
		for _, one := range all {
			if forward := broughtForward(one, slot, jitter); later(one) &&
				forward.NextAttemptAt.Before(one.NextAttemptAt) {
				if err := w.change(tx, forward); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// broughtForward returns the delivery due soon after slot, if that is earlier and the server did not ask for a longer
// pause.
func broughtForward(d Delivery, slot time.Time, jitter time.Duration) Delivery {
	due := latest(slot.Add(jitter), d.NotBefore)
	if due.Before(d.NextAttemptAt) {
		d.NextAttemptAt = due
	}
	return d
}

func (w *worker) slot() time.Time {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.networkSlot
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
