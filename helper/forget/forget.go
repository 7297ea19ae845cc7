// Package forget removes what usherd keeps of a user, all of it in one transaction: an account that was deleted, or an admin's who was once at the
// Mac, does not stay in Jamf Pro's record of it for ever.
package forget

import (
	"fmt"
	"log/slog"

	"usher.internal/helper/store"
)

// Config wires a [Forgetter].
type Config struct {
	Store *store.Store
	// Registrations and Deliveries remove what they keep of a user, and return how much that was. An error of theirs leaves everything as it is.
	Registrations, Deliveries interface {
		Forget(tx *store.Tx, uid uint32) (removed int, err error)
	}
	// Others remove what else is kept.
	Others []func(tx *store.Tx, uid uint32) error
	// Forgotten is called when a user was forgotten.
	Forgotten func()
	Logger    *slog.Logger
}

// Forgetter forgets users.
type Forgetter struct{ config Config }

// New returns a forgetter.
func New(config Config) *Forgetter { return &Forgetter{config} }

// Forgotten is what was removed of a user.
type Forgotten struct{ Registrations, Deliveries int }

// Forget removes what is kept of these users. Nothing is removed where the error is not nil; it is that of the store, or of who keeps it.
func (f *Forgetter) Forget(uids ...uint32) (forgotten Forgotten, err error) {
	err = f.config.Store.Update(func(tx *store.Tx) error {
		forgotten = Forgotten{}
		for _, uid := range uids {
			registrations, err := f.config.Registrations.Forget(tx, uid)
			if err != nil {
				return err
			}
			deliveries, err := f.config.Deliveries.Forget(tx, uid)
			if err != nil {
				return err
			}
			for _, forget := range f.config.Others {
				if err := forget(tx, uid); err != nil {
					return err
				}
			}
			forgotten.Registrations += registrations
			forgotten.Deliveries += deliveries
		}
		return nil
	})
	if err != nil {
		return Forgotten{}, fmt.Errorf("forget a user: %w", err)
	}
	f.config.Logger.Info("users were forgotten", "uids", uids, "registrations", forgotten.Registrations, "deliveries", forgotten.Deliveries)
	f.config.Forgotten()
	return forgotten, nil
}
