package registration

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"usher.internal/helper/store"
	"usher.internal/internal/notice"
)

// Get returns the registration with that id, or the only one whose id begins with it. The errors wrap [ErrNotFound] and
// [ErrAmbiguousID].
func (m *Machine) Get(id string) (found Registration, err error) {
	err = m.config.Store.View(func(tx *store.Tx) error {
		exact, ok, err := registrations.Get(tx, []byte(id))
		if ok || err != nil {
			found = exact
			return err
		}
		for r, err := range registrations.Descend(tx) {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(r.ID, id) {
				continue
			}
			if ok {
				return fmt.Errorf("get registration %s: %w", id, ErrAmbiguousID)
			}
			found, ok = r, true
		}
		if !ok {
			return fmt.Errorf("get registration %s: %w", id, ErrNotFound)
		}
		return nil
	})
	return found, err
}

// Filter chooses registrations.
type Filter struct {
	// UID of nil means every user. With Name, the registrations of users with another name are left out, for example of
	// the account that had the uid before.
	UID  *uint32
	Name string
	// Nobody is set for a caller that is not a person's account and so has no registrations.
	Nobody bool
	// Limit of 0 means no limit.
	Limit int
}

// List returns registrations, the newest first.
func (m *Machine) List(filter Filter) (found []Registration, err error) {
	if filter.Nobody {
		return nil, nil
	}
	err = m.config.Store.View(func(tx *store.Tx) error {
		if filter.UID != nil {
			own, err := m.own(tx, *filter.UID, 0)
			for _, r := range own {
				if filter.Name != "" && r.User.Name != filter.Name {
					continue
				}
				if found = append(found, r); len(found) == filter.Limit {
					break
				}
			}
			return err
		}
		for r, err := range registrations.Descend(tx) {
			if err != nil {
				return err
			}
			if filter.Name != "" && r.User.Name != filter.Name {
				continue
			}
			found = append(found, r)
			if len(found) == filter.Limit {
				return nil
			}
		}
		return nil
	})
	return found, err
}

// Latest holds the last registrations of a user.
type Latest struct {
	// Newest is the newest registration.
	Newest Registration
	// Reported is the newest that was not a gathering, if Newest is one: a gathering does not hide how registering
	// ended. It is nil otherwise, also if the user has only gathered.
	Reported *Registration
}

// Newest returns the last registrations of each user, in the order of their uids.
func (m *Machine) Newest() (found []Latest, err error) {
	err = m.config.Store.View(func(tx *store.Tx) error {
		for id, err := range newestIDs.Ascend(tx) {
			if err != nil {
				return err
			}
			r, ok, err := registrations.Get(tx, []byte(id))
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			latest := Latest{Newest: r}
			reported, _, err := reportedIDs.Get(tx, userKey(r.User.UID))
			if err != nil {
				return err
			}
			if reported != id {
				if r, ok, err := registrations.Get(tx, []byte(reported)); err != nil {
					return err
				} else if ok {
					latest.Reported = &r
				}
			}
			found = append(found, latest)
		}
		return nil
	})
	return found, err
}

// Active reports whether a registration of the user is under way, in the caller's transaction.
func Active(tx *store.Tx, uid uint32) (bool, error) {
	_, found, err := activeOf(tx, uid)
	return found, err
}

// Watch calls send with the registration as it is now, and again after each change. Changes that come while send runs
// are sent as one. Watch returns nil after it has sent the registration's end, or the error of send or ctx.
func (m *Machine) Watch(ctx context.Context, id string, send func(Registration) error) error {
	changed, stop := m.watchers.watch(id)
	defer stop()
	for sent := uint64(0); ; {
		reopened := m.config.Store.Reopened()
		r, err := m.Get(id)
		if err != nil {
			return err
		}
		if r.Revision != sent {
			sent = r.Revision
			if err := send(r); err != nil {
				return err
			}
		}
		if r.State.Ended() {
			return nil
		}
		select {
		case <-changed:
		case <-reopened:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// anyRegistration is the id to watch for changes of all registrations.
const anyRegistration = ""

// watchers wakes everyone who watches a registration. The zero value is ready; it is safe for concurrent use.
type watchers struct {
	mu   sync.Mutex
	byID map[string]map[notice.Signal]bool
}

// watch returns a channel that holds a signal after each change, until stop is called.
func (w *watchers) watch(id string) (changed <-chan struct{}, stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	signal := notice.NewSignal()
	if w.byID == nil {
		w.byID = make(map[string]map[notice.Signal]bool)
	}
	if w.byID[id] == nil {
		w.byID[id] = make(map[notice.Signal]bool)
	}
	w.byID[id][signal] = true
	return signal, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.byID[id], signal)
		if len(w.byID[id]) == 0 {
			delete(w.byID, id)
		}
	}
}

func (w *watchers) wake(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, watched := range []string{id, anyRegistration} {
		for signal := range w.byID[watched] {
			signal.Set()
		}
	}
}
