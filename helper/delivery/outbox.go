package delivery

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"usher.internal/helper/store"
)

// keptEnded is how many delivered and superseded deliveries stay in the history.
const keptEnded = 200

// Config wires an [Outbox].
type Config struct {
	Store     *store.Store
	Deliverer Deliverer
	// Backoff may be zero.
	Backoff Backoff
	// Publishes tells whether a fleet is told of reports too; nil never does. See [Outbox.Unpublished].
	Publishes func() bool
	// Logger may be nil.
	Logger *slog.Logger
}

// Outbox holds the reports that are on their way to Jamf Pro; see the package comment for what it promises. Its methods
// may be called from anywhere; one goroutine runs [Outbox.Run].
type Outbox struct {
	store     *store.Store
	deliverer Deliverer
	backoff   Backoff
	log       *slog.Logger
	onChange  func(*store.Tx, Delivery) error
	publishes func() bool

	// Each holds at most one signal: whatever happened, Run looks at the journal.
	wake, network, publishable chan struct{}
}

var deliveries = store.NewBucket[Delivery]("deliveries")

// New returns an outbox. Nothing is delivered before [Outbox.Run].
func New(config Config) *Outbox {
	outbox := &Outbox{
		store:     config.Store,
		deliverer: config.Deliverer,
		backoff:   config.Backoff.withDefaults(),
		log:       config.Logger,
		onChange:  func(*store.Tx, Delivery) error { return nil },
		wake:      make(chan struct{}, 1),
		network:   make(chan struct{}, 1),

		publishes:   config.Publishes,
		publishable: make(chan struct{}, 1),
	}
	if outbox.publishes == nil {
		outbox.publishes = func() bool { return false }
	}
	if outbox.log == nil {
		outbox.log = slog.New(slog.DiscardHandler)
	}
	return outbox
}

// OnChange has changed called within the transaction of every change of a delivery that is in the outbox already; its
// error undoes the change. For a new one there is no call: [Outbox.Enqueue] returns it. It must be set before anything else
// is called.
func (o *Outbox) OnChange(changed func(tx *store.Tx, d Delivery) error) { o.onChange = changed }

// Enqueue puts a report into the outbox, within the caller's transaction, and marks what the same user has there
// undelivered as superseded; a change of the device that was not delivered goes with the new one. The delivery is due at once.
func (o *Outbox) Enqueue(tx *store.Tx, report Report) (Delivery, error) {
	now := time.Now()
	told := report // of a change of the device the fleet was told with the older report
	all, err := readAll(tx)
	if err != nil {
		return Delivery{}, err
	}
	for _, older := range all {
		if older.Report.UID == report.UID && (older.State == StatePending || older.State == StateRefused) {
			report.DeviceIDChange = older.Report.DeviceIDChange.and(report.DeviceIDChange)
			if err := o.change(tx, older.ended(StateSuperseded, now)); err != nil {
				return Delivery{}, err
			}
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
	if err := forgetOld(tx); err != nil {
		return Delivery{}, err
	}
	if err := o.keepUnpublished(tx, id, told, now); err != nil {
		return Delivery{}, err
	}
	tx.OnCommit(func() { signal(o.wake) })
	return added, nil
}

// List returns deliveries, the newest first: the pending and the refused ones, and, if asked for, those that were delivered
// or superseded. A limit of 0 or less is none.
func (o *Outbox) List(includeEnded bool, limit int) ([]Delivery, error) {
	var listed []Delivery
	err := o.store.View(func(tx *store.Tx) error {
		all, err := readAll(tx)
		for i := len(all) - 1; i >= 0 && (limit <= 0 || len(listed) < limit); i-- {
			if includeEnded || !all[i].forgettable() {
				listed = append(listed, all[i])
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return listed, nil
}

// Undelivered returns what has not reached Jamf Pro yet of a user, the oldest first, in the caller's transaction.
func (o *Outbox) Undelivered(tx *store.Tx, uid uint32) ([]Delivery, error) {
	all, err := readAll(tx)
	return slices.DeleteFunc(all, func(d Delivery) bool { return d.Report.UID != uid || d.forgettable() }), err
}

// Flush makes every pending delivery due now, whatever was to be waited for, and the refused ones, which nothing newer has
// replaced, pending again. It returns how many are due.
func (o *Outbox) Flush() (due int, err error) {
	err = o.store.Update(func(tx *store.Tx) error {
		due = 0
		now := time.Now()
		all, err := readAll(tx)
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.State != StatePending && one.State != StateRefused {
				continue
			}
			due++
			one.State, one.EndedAt, one.NextAttemptAt, one.NotBefore = StatePending, time.Time{}, now, time.Time{}
			if err := o.change(tx, one); err != nil {
				return err
			}
		}
		tx.OnCommit(func() { signal(o.wake) })
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("flush the outbox: %w", err)
	}
	return due, nil
}

// NetworkChanged makes pending deliveries due within seconds, unless the server asked for a longer pause. It does not
// block; [Outbox.Run] does the work.
func (o *Outbox) NetworkChanged() { signal(o.network) }

// change writes a delivery that is in the outbox already and tells of it.
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

// forgettable tells whether nothing can become of the delivery any more.
func (d Delivery) forgettable() bool { return d.State == StateDelivered || d.State == StateSuperseded }

// readAll returns every delivery, the oldest first.
func readAll(tx *store.Tx) ([]Delivery, error) {
	var all []Delivery
	for one, err := range deliveries.Ascend(tx) {
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// forgetOld removes the oldest ended deliveries beyond those that are kept.
func forgetOld(tx *store.Tx) error {
	all, err := readAll(tx)
	if err != nil {
		return err
	}
	kept := 0
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].forgettable() {
			continue
		}
		if kept++; kept > keptEnded {
			if err := deliveries.Delete(tx, store.NumberKey(all[i].ID)); err != nil {
				return fmt.Errorf("forget delivery %d: %w", all[i].ID, err)
			}
		}
	}
	return nil
}

func signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}
