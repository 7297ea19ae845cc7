package delivery

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"usher.internal/helper/store"
	"usher.internal/internal/notice"
)

// Config wires an [Outbox].
type Config struct {
	Store     *store.Store
	Deliverer Deliverer
	// Random draws a wait from 0 to most; nil means a uniform distribution.
	Random func(most time.Duration) time.Duration
	// Circumstances names what an attempt depends on, on this Mac: the configuration and the secret. If a delivery was
	// refused under others, it is tried again when Run begins. nil means no circumstances.
	Circumstances func() string
	// Publishes reports whether a fleet gets reports too; nil means never. See [Outbox.Unpublished].
	Publishes func() bool
	// Logger may be nil.
	Logger *slog.Logger
}

// Outbox holds the reports on their way to Jamf Pro; the package comment has its guarantees. Its methods may be called
// from any goroutine; one goroutine runs [Outbox.Run].
type Outbox struct {
	store     *store.Store
	deliverer Deliverer
	random    func(most time.Duration) time.Duration
	log       *slog.Logger
	onChange  func(*store.Tx, Delivery) error
	publishes func() bool

	circumstances func() string

	// Each holds at most one signal: for every signal, Run reads the journal.
	wake, network, publishable notice.Signal

	// indexed is true once the books of this journal are known to be complete; see [Outbox.index].
	indexed atomic.Bool
	clock   func() moment

	mutex        sync.Mutex
	reconsiderAt time.Time
}

var deliveries = store.NewBucket[Delivery]("deliveries")

// New returns an outbox. Nothing is delivered before [Outbox.Run].
func New(config Config) *Outbox {
	outbox := &Outbox{
		store:     config.Store,
		deliverer: config.Deliverer,
		random:    config.Random,
		log:       config.Logger,
		onChange:  func(*store.Tx, Delivery) error { return nil },
		wake:      notice.NewSignal(),
		network:   notice.NewSignal(),

		publishes: config.Publishes,

		circumstances: config.Circumstances,
		publishable:   notice.NewSignal(),
		clock:         newClock(),
	}
	if outbox.publishes == nil {
		outbox.publishes = func() bool { return false }
	}
	if outbox.circumstances == nil {
		outbox.circumstances = func() string { return "" }
	}
	if outbox.random == nil {
		outbox.random = anyUpTo
	}
	if outbox.log == nil {
		outbox.log = slog.New(slog.DiscardHandler)
	}
	return outbox
}

// OnChange sets the function that is called within the transaction of every change of an existing delivery; its error
// undoes the change. It is not called for a new delivery: [Outbox.Enqueue] returns that. OnChange must be called before
// any other method.
func (o *Outbox) OnChange(changed func(tx *store.Tx, d Delivery) error) { o.onChange = changed }

// Enqueue puts a report into the outbox, within the caller's transaction, and supersedes the undelivered reports of the
// same user. The new report takes over a device change that was not delivered. The delivery is due at once, and so are
// those before it, unless Jamf Pro has asked for a pause.
func (o *Outbox) Enqueue(tx *store.Tx, report Report) (Delivery, error) {
	now := time.Now()
	forFleet := report // the fleet got a change of the device with the older report
	if err := o.index(tx); err != nil {
		return Delivery{}, err
	}
	waiting, err := undelivered(tx)
	if err != nil {
		return Delivery{}, err
	}
	for _, older := range waiting {
		switch due := latest(now, older.NotBefore); {
		case older.Report.UID == report.UID:
			report.DeviceIDChange = older.Report.DeviceIDChange.and(report.DeviceIDChange)
			older = older.ended(StateSuperseded, now)
		case older.State == StatePending && older.NextAttemptAt.After(due):
			older.NextAttemptAt = due
		default:
			continue
		}
		if err := o.change(tx, older); err != nil {
			return Delivery{}, err
		}
	}
	id, err := deliveries.NextSequence(tx)
	if err != nil {
		return Delivery{}, fmt.Errorf("enqueue a delivery: %w", err)
	}
	added := Delivery{ID: id, Report: report, State: StatePending, CreatedAt: now, NextAttemptAt: now}
	if err := deliveries.Put(tx, store.NumberKey(id), added); err != nil {
		return Delivery{}, fmt.Errorf("enqueue a delivery: %w", err)
	}
	if err := o.remember(tx, added); err != nil {
		return Delivery{}, fmt.Errorf("enqueue a delivery: %w", err)
	}
	if err := o.keepUnpublished(tx, id, forFleet, now); err != nil {
		return Delivery{}, err
	}
	tx.OnCommit(func() { o.wake.Set() })
	return added, nil
}

// List returns deliveries, the newest first: the pending and the refused ones and, on request, those that were
// delivered or superseded. A limit of 0 or less means no limit.
func (o *Outbox) List(includeEnded bool, limit int) ([]Delivery, error) {
	var listed []Delivery
	err := o.store.View(func(tx *store.Tx) error {
		for one, err := range deliveries.Descend(tx) {
			if err != nil || limit > 0 && len(listed) == limit || !includeEnded && one.State == StateDelivered {
				return err // every delivery older than a delivered one has ended
			}
			if includeEnded || !one.forgettable() {
				listed = append(listed, one)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return listed, nil
}

// LastDelivered returns when a report last reached Jamf Pro, as far as the history shows; the zero time if none did.
func (o *Outbox) LastDelivered() (last time.Time, err error) {
	err = o.store.View(func(tx *store.Tx) error {
		for one, err := range deliveries.Descend(tx) {
			if err != nil {
				return err
			}
			if one.State == StateDelivered {
				last = one.EndedAt
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return last, fmt.Errorf("find the last delivery: %w", err)
	}
	return last, nil
}

// Undelivered returns the deliveries of a user that have not reached Jamf Pro yet, the oldest first, in the caller's
// transaction.
func (o *Outbox) Undelivered(tx *store.Tx, uid uint32) ([]Delivery, error) {
	all, err := undelivered(tx)
	return slices.DeleteFunc(all, func(d Delivery) bool { return d.Report.UID != uid }), err
}

// Waiting reports, in the caller's transaction, whether any delivery is pending.
func (o *Outbox) Waiting(tx *store.Tx) (bool, error) {
	all, err := undelivered(tx)
	return slices.ContainsFunc(all, func(d Delivery) bool { return d.State == StatePending }), err
}

// Flush makes every pending delivery due now, whatever its pause, and makes the refused ones pending again. It leaves
// out refused deliveries that a newer one of the user has replaced, or after which Jamf Pro has taken one. It returns
// how many are due.
func (o *Outbox) Flush() (due int, err error) {
	err = o.store.Update(func(tx *store.Tx) error {
		due = 0
		now := time.Now()
		all, err := undelivered(tx)
		if err != nil {
			return err
		}
		for _, one := range all {
			due++
			one.State, one.EndedAt, one.NextAttemptAt, one.NotBefore = StatePending, time.Time{}, now, time.Time{}
			if err := o.change(tx, one); err != nil {
				return err
			}
		}
		tx.OnCommit(func() { o.wake.Set() })
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("flush the outbox: %w", err)
	}
	return due, nil
}

// Reconsider makes undelivered deliveries due, at a random time within that duration, including one that is refused
// meanwhile. It is called after a change that may remove the cause of a refusal or failure, maybe on all Macs of a
// fleet at once. A pause that Jamf Pro has asked for still applies. Reconsider does not wait for the attempts. A
// delivery that cannot be written now is tried again as well.
func (o *Outbox) Reconsider(within time.Duration) error {
	due := time.Now().Add(o.random(within)) // one time for all, so that their order remains
	o.mutex.Lock()
	o.reconsiderAt = due
	o.mutex.Unlock()
	return o.reconsider(due, func(Delivery) bool { return true })
}

// reconsiderRefused is [Outbox.Reconsider] for deliveries that were refused under other circumstances, while usherd did
// not run.
func (o *Outbox) reconsiderRefused() error {
	now := o.circumstances()
	return o.reconsider(time.Now(), func(d Delivery) bool { return d.RefusedUnder != "" && d.RefusedUnder != now })
}

func (o *Outbox) reconsider(due time.Time, concerned func(Delivery) bool) error {
	isLater := func(one Delivery) bool {
		return concerned(one) && (one.NextAttemptAt.IsZero() || one.NextAttemptAt.After(latest(due, one.NotBefore)))
	}
	waiting, err := o.List(false, 0)
	if err == nil && slices.ContainsFunc(waiting, isLater) {
		err = o.store.Update(func(tx *store.Tx) error {
			all, err := undelivered(tx)
			if err != nil {
				return err
			}
			for _, one := range all {
				if isLater(one) {
					one.NextAttemptAt = latest(due, one.NotBefore)
					if err := o.change(tx, one); err != nil {
						return err
					}
				}
			}
			tx.OnCommit(func() { o.wake.Set() })
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("try undelivered reports again: %w", err)
	}
	return nil
}

// reconsidered returns when refused deliveries were or will be last tried again.
func (o *Outbox) reconsidered() time.Time {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.reconsiderAt
}

// NetworkChanged makes pending deliveries due within seconds, unless the server asked for a longer pause. It does not
// block; [Outbox.Run] does the work.
func (o *Outbox) NetworkChanged() { o.network.Set() }

// change writes a delivery that is in the outbox already and calls the hook of [Outbox.OnChange].
func (o *Outbox) change(tx *store.Tx, d Delivery) error {
	if err := deliveries.Put(tx, store.NumberKey(d.ID), d); err != nil {
		return fmt.Errorf("record delivery %d: %w", d.ID, err)
	}
	return o.onChange(tx, d)
}

// ended returns the delivery at its end.
func (d Delivery) ended(state State, now time.Time) Delivery {
	d.State, d.EndedAt, d.NextAttemptAt, d.NotBefore = state, now, time.Time{}, time.Time{}
	return d
}

// forgettable reports whether the delivery can no longer change.
func (d Delivery) forgettable() bool { return d.State == StateDelivered || d.State == StateSuperseded }

// undelivered returns the deliveries that are pending or refused, the oldest first. It stops at the newest delivered
// one, since all older ones have ended.
func undelivered(tx *store.Tx) ([]Delivery, error) {
	var found []Delivery
	for one, err := range deliveries.Descend(tx) {
		if err != nil {
			return nil, err
		}
		if one.State == StateDelivered {
			break
		}
		if !one.forgettable() {
			found = append(found, one)
		}
	}
	slices.Reverse(found)
	return found, nil
}
