package clean

import (
	"fmt"

	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// keptOfAUser is how many removals of each user are kept.
const keptOfAUser = 100

// removals are by their numbers.
var removals = store.NewBucket[Removal]("removals")

// Filter chooses removals.
type Filter struct {
	// UID of nil means every user. With Name, the records of users with another name are left out, for example of the
	// account that had the uid before.
	UID  *uint32
	Name string
	// Nobody is set for a caller that is not a person's account and so has no records.
	Nobody bool
	// Limit of 0 means no limit.
	Limit int
}

// List returns the records of removals, the newest first.
func (c *Cleaner) List(filter Filter) (found []Removal, err error) {
	if filter.Nobody {
		return nil, nil
	}
	err = c.config.Store.View(func(tx *store.Tx) error {
		for one, err := range removals.Descend(tx) {
			if err != nil {
				return err
			}
			if filter.UID != nil && one.User.UID != *filter.UID || filter.Name != "" && one.User.Name != filter.Name {
				continue
			}
			found = append(found, one)
			if len(found) == filter.Limit {
				return nil
			}
		}
		return nil
	})
	return found, err
}

// Forget removes the records of removals of a user, in the caller's transaction.
func (c *Cleaner) Forget(tx *store.Tx, user accounts.User) error {
	var own []uint64
	for one, err := range removals.Ascend(tx) {
		if err != nil {
			return err
		}
		if one.User == user {
			own = append(own, one.Number)
		}
	}
	for _, number := range own {
		if err := removals.Delete(tx, store.NumberKey(number)); err != nil {
			return fmt.Errorf("forget the removals of %s: %w", user.Name, err)
		}
	}
	return nil
}

// unknownOutcome is recorded for each leftover until its result is known.
const unknownOutcome = "the result is not known: usherd ended first, or could not record it"

// intend records the planned removal, and drops the user's oldest records.
func intend(tx *store.Tx, removal *Removal, found []Leftover) (err error) {
	if removal.Number, err = removals.NextSequence(tx); err != nil {
		return fmt.Errorf("record removal: %w", err)
	}
	for _, one := range found {
		removal.Removed = append(removal.Removed, Removed{one, unknownOutcome})
	}
	if err := removals.Put(tx, store.NumberKey(removal.Number), *removal); err != nil {
		return fmt.Errorf("record removal: %w", err)
	}
	return prune(tx, removal.User.UID)
}

func prune(tx *store.Tx, uid uint32) error {
	kept := 0
	var old []uint64
	for one, err := range removals.Descend(tx) {
		if err != nil {
			return err
		}
		if one.User.UID != uid {
			continue
		}
		if kept++; kept > keptOfAUser {
			old = append(old, one.Number)
		}
	}
	for _, number := range old {
		if err := removals.Delete(tx, store.NumberKey(number)); err != nil {
			return err
		}
	}
	return nil
}
