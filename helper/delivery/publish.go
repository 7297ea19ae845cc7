package delivery

import (
	"errors"
	"fmt"
	"time"

	"usher.internal/helper/quota"
	"usher.internal/helper/store"
)

// withoutFleet is how old unpublished reports may become while no fleet is configured: a fleet that returns by then
// gets them.
const withoutFleet = 30 * 24 * time.Hour

// publication counts the reports on their way to the fleet.
type publication struct {
	Waiting int `json:"waiting"`
	// Dropped counts reports that were removed before the fleet got them.
	Dropped int64 `json:"dropped"`
}

// Unpublished reports are kept beside the deliveries, not among them. The fleet gets every report, whatever its result
// in Jamf Pro. So a thousand reports that wait for the fleet are not read with each delivery.
var (
	unpublished    = store.NewBucket[Delivery]("unpublished")
	publications   = store.NewBucket[publication]("publications")
	publicationKey = []byte("fleet")
)

// Unpublished returns the reports that the fleet has not got yet, in the order of the outbox, the oldest first, at most
// limit. It also returns how many there are. It includes reports that a newer one has superseded for Jamf Pro, since
// the fleet gets each change. Dropped is how many were given up: the oldest of a user with too many, and those that
// grew too old while no fleet was configured.
func (o *Outbox) Unpublished(limit int) (oldest []Delivery, waiting int, dropped int64, err error) {
	err = o.store.View(func(tx *store.Tx) error {
		oldest = nil
		kept, _, err := publications.Get(tx, publicationKey)
		if err != nil {
			return err
		}
		waiting, dropped = kept.Waiting, kept.Dropped
		for one, err := range unpublished.Ascend(tx) {
			if err != nil || len(oldest) >= limit {
				return err
			}
			oldest = append(oldest, one)
		}
		return nil
	})
	if err != nil {
		return nil, 0, 0, fmt.Errorf("list the unpublished reports: %w", err)
	}
	return oldest, waiting, dropped, nil
}

// Published records that the fleet has got these reports. One that was given up meanwhile is not an error.
func (o *Outbox) Published(ids ...uint64) error {
	err := o.store.Update(func(tx *store.Tx) error {
		if err := o.index(tx); err != nil {
			return err
		}
		kept, _, err := publications.Get(tx, publicationKey)
		if err != nil {
			return err
		}
		var done []quota.Entry[uint64]
		for _, id := range ids {
			one, found, err := unpublished.Get(tx, store.NumberKey(id))
			if err != nil {
				return err
			}
			if found {
				done = append(done, entryOf(one))
			}
		}
		kept.Waiting -= len(done)
		return errors.Join(unpublishedOf.Remove(tx, done...), remove(tx, unpublished, done),
			publications.Put(tx, publicationKey, kept))
	})
	if err != nil {
		return fmt.Errorf("record the published reports: %w", err)
	}
	return nil
}

// Publishable returns a channel with at most one signal: there is a new unpublished report.
func (o *Outbox) Publishable() <-chan struct{} { return o.publishable }

// keepUnpublished keeps a report for the fleet, if there is one. It gives up reports that are too many, or too old
// without a fleet.
func (o *Outbox) keepUnpublished(tx *store.Tx, id uint64, report Report, now time.Time) error {
	kept, _, err := publications.Get(tx, publicationKey)
	if err != nil {
		return err
	}
	var givenUp []quota.Entry[uint64]
	switch {
	case report.UID == 0:
		return nil // it reports to Jamf Pro that no user is left, and is about no user
	case o.publishes():
		one := Delivery{ID: id, Report: report, State: StatePending, CreatedAt: now}
		if err := unpublished.Put(tx, store.NumberKey(id), one); err != nil {
			return err
		}
		if givenUp, err = unpublishedOf.Add(tx, unpublishedLimits, entryOf(one), nil); err != nil {
			return err
		}
		kept.Waiting++
		tx.OnCommit(func() { o.publishable.Set() })
	case kept.Waiting == 0:
		return nil
	default:
		for one, err := range unpublished.Ascend(tx) {
			if err != nil {
				return err
			}
			if now.Sub(one.CreatedAt) <= withoutFleet {
				break
			}
			givenUp = append(givenUp, entryOf(one))
		}
		if err := unpublishedOf.Remove(tx, givenUp...); err != nil {
			return err
		}
	}
	kept.Waiting -= len(givenUp)
	kept.Dropped += int64(len(givenUp))
	return errors.Join(remove(tx, unpublished, givenUp), publications.Put(tx, publicationKey, kept))
}
