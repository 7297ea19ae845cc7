package delivery

import (
	"errors"
	"fmt"

	"usher.internal/helper/quota"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// Limits of the history; a delivery has about 1 kB.
var (
	// historyLimits are those of the deliveries. A Mac with one user keeps 200, as when one limit held for all users.
	historyLimits = quota.Limits{PerUser: 200, Total: 1000}
	// unpublishedLimits are those of the reports that wait for the fleet. A Mac has only a few changes a day. A user
	// who loses some has been at a Mac without its fleet for years, or floods it on purpose. All together have 4 MB.
	unpublishedLimits = quota.Limits{PerUser: 2000, Total: 4000}
)

// The deliveries, and the unpublished reports, of each user.
var (
	deliveriesOf  = quota.NewBook[uint64]("deliveries-of")
	unpublishedOf = quota.NewBook[uint64]("unpublished-of")
)

func entryOf(d Delivery) quota.Entry[uint64] {
	return quota.Entry[uint64]{UID: d.Report.UID, Key: d.ID}
}

// remember adds a new delivery, and removes the oldest ended ones beyond the limits.
func (o *Outbox) remember(tx *store.Tx, added Delivery) error {
	old, err := deliveriesOf.Add(tx, historyLimits, entryOf(added), undeliveredIn(tx))
	return errors.Join(err, remove(tx, deliveries, old))
}

// index makes sure that the books match the journal, once each time that the journal is opened. The journal may be
// older than the books, or an older usherd may have used it since.
func (o *Outbox) index(tx *store.Tx) error {
	if o.indexed.Load() {
		return nil
	}
	kept, err := entries(tx, deliveries)
	if err != nil {
		return err
	}
	old, err := deliveriesOf.Rebuild(tx, historyLimits, kept, undeliveredIn(tx))
	if err = errors.Join(err, remove(tx, deliveries, old)); err != nil {
		return err
	}
	waiting, err := entries(tx, unpublished)
	if err != nil {
		return err
	}
	dropped, err := unpublishedOf.Rebuild(tx, unpublishedLimits, waiting, nil)
	if err = errors.Join(err, remove(tx, unpublished, dropped)); err != nil {
		return err
	}
	counted, _, err := publications.Get(tx, publicationKey)
	if err != nil {
		return err
	}
	if left := len(waiting) - len(dropped); counted.Waiting != left || len(dropped) > 0 {
		counted.Waiting, counted.Dropped = left, counted.Dropped+int64(len(dropped))
		if err := publications.Put(tx, publicationKey, counted); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { o.indexed.Store(true) })
	return nil
}

// Forget removes the deliveries of a user, and their unpublished reports, in the caller's transaction. It returns how
// many deliveries there were. An attempt that is under way ends normally, and leaves nothing.
func (o *Outbox) Forget(tx *store.Tx, user accounts.User) (removed int, err error) {
	if err := o.index(tx); err != nil {
		return 0, err
	}
	own := func(book quota.Book[uint64], from store.Bucket[Delivery]) (all []quota.Entry[uint64], err error) {
		keys, err := book.Of(tx, user.UID)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			if one, found, err := from.Get(tx, store.NumberKey(key)); err != nil {
				return nil, err
			} else if found && one.Report.UserName == user.Name {
				all = append(all, entryOf(one))
			}
		}
		return all, nil
	}
	delivered, err := own(deliveriesOf, deliveries)
	if err != nil {
		return 0, err
	}
	waiting, err := own(unpublishedOf, unpublished)
	if err != nil {
		return 0, err
	}
	kept, _, err := publications.Get(tx, publicationKey)
	if err != nil {
		return 0, err
	}
	kept.Waiting -= len(waiting)
	err = errors.Join(remove(tx, deliveries, delivered), deliveriesOf.Remove(tx, delivered...),
		remove(tx, unpublished, waiting), unpublishedOf.Remove(tx, waiting...))
	if len(waiting) > 0 {
		err = errors.Join(err, publications.Put(tx, publicationKey, kept))
	}
	if err != nil {
		return 0, fmt.Errorf("forget the deliveries of %s: %w", user.Name, err)
	}
	return len(delivered), nil
}

// entries returns the user of each delivery of a bucket.
func entries(tx *store.Tx, bucket store.Bucket[Delivery]) (all []quota.Entry[uint64], err error) {
	for one, err := range bucket.Ascend(tx) {
		if err != nil {
			return nil, err
		}
		all = append(all, entryOf(one))
	}
	return all, nil
}

// undeliveredIn returns what holds the deliveries that have not ended.
func undeliveredIn(tx *store.Tx) quota.Held[uint64] {
	return func(one quota.Entry[uint64]) (bool, error) {
		d, found, err := deliveries.Get(tx, store.NumberKey(one.Key))
		return found && !d.forgettable(), err
	}
}

func remove(tx *store.Tx, from store.Bucket[Delivery], old []quota.Entry[uint64]) error {
	for _, one := range old {
		if err := from.Delete(tx, store.NumberKey(one.Key)); err != nil {
			return err
		}
	}
	return nil
}
