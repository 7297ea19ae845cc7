// Package forgetting removes all data that usherd keeps about a user, in one transaction. So a deleted account, or an
// admin's who once used the Mac, does not stay in Jamf Pro's record of it for ever.
package forgetting

import (
	"fmt"

	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// Config wires a [Forgetter].
type Config struct {
	Store *store.Store
	// Registrations and Deliveries remove their data about a user, and return how many entries that was. An error
	// leaves everything as it is.
	Registrations, Deliveries interface {
		Forget(tx *store.Tx, user accounts.User) (removed int, err error)
	}
	// More removes the other data.
	More []func(tx *store.Tx, user accounts.User) error
	// Forgotten is called after users were forgotten.
	Forgotten func()
}

// Forgetter forgets users.
type Forgetter struct{ config Config }

// New returns a forgetter.
func New(config Config) *Forgetter { return &Forgetter{config} }

// Removed is how many entries were removed.
type Removed struct{ Registrations, Deliveries int }

// Forget removes the data about these users. If the error is not nil, nothing is removed; the error is that of the
// store, or of one of the functions.
func (f *Forgetter) Forget(users ...accounts.User) (removed Removed, err error) {
	err = f.config.Store.Update(func(tx *store.Tx) error {
		removed = Removed{}
		for _, user := range users {
			registrations, err := f.config.Registrations.Forget(tx, user)
			if err != nil {
				return err
			}
			deliveries, err := f.config.Deliveries.Forget(tx, user)
			if err != nil {
				return err
			}
			for _, forget := range f.config.More {
				if err := forget(tx, user); err != nil {
					return err
				}
			}
			removed.Registrations += registrations
			removed.Deliveries += deliveries
		}
		return nil
	})
	if err != nil {
		return Removed{}, fmt.Errorf("forget a user: %w", err)
	}
	f.config.Forgotten()
	return removed, nil
}
