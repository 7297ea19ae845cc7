package delivery

import (
	"errors"
	"fmt"

	"usher.internal/helper/quota"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// What is kept, with a delivery of about 1 kB.
var (
	// historyLimits are those of the deliveries. A Mac of one user keeps what it kept when the limit was one for all,
	// 200.
	historyLimits = quota.Limits{PerUser: 200, Total: 1000}
	// unpublishedLimits are those of the reports that wait for the fleet. A Mac has a handful of changes in a day, so
	// that a user who loses some has been at a Mac without its fleet for years, or is up to something. All together are
	// 4 MB.
	unpublishedLimits = quota.Limits{PerUser: 2000, Total: 4000}
)

// Which deliveries, and which unpublished reports, each user has.
var (
	deliveriesOf  = quota.NewBook[uint64]("deliveries-of")
	unpublishedOf = quota.NewBook[uint64]("unpublished-of")
)

func entryOf(d Delivery) quota.Entry[uint64] {
	return quota.Entry[uint64]{UID: d.Report.UID, Key: d.ID}
}

// remember notes a new delivery, and forgets the oldest ended ones that are too many then.
func (o *Outbox) remember(tx *store.Tx, added Delivery) error {
	old, err := deliveriesOf.Add(tx, historyLimits, entryOf(added), undeliveredIn(tx))
	return errors.Join(err, remove(tx, deliveries, old))
}

// index makes sure, once each time that the journal is opened, that the books are those of the journal: it may be of
// before there were any, or an older usherd may have used it since.
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

// Forget removes the deliveries of a user, and what the fleet is still to be told of them, in
// the caller's transaction. It returns how many deliveries there were. An attempt that is under way comes to its end,
// and leaves nothing.
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

// entries returns whose the deliveries of a bucket are.
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
