package registration

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
	"usher.internal/internal/config"
)

// The buckets of the journal. The ids are UUIDs of version 7, so that their order is the order of time.
var (
	registrations = store.NewBucket[Registration]("registrations")
	// These are ids of a user's registrations, by uid. activeIDs has the active one and newestIDs the newest.
	// reportedIDs has the newest that was not a gathering; its result is reported to Jamf Pro.
	activeIDs   = store.NewBucket[string]("active")
	newestIDs   = store.NewBucket[string]("newest")
	reportedIDs = store.NewBucket[string]("reported")
)

func userKey(uid uint32) []byte { return store.NumberKey(uint64(uid)) }

func put(tx *store.Tx, r *Registration) error {
	r.Revision++
	r.UpdatedAt = time.Now()
	return registrations.Put(tx, []byte(r.ID), *r)
}

// activeOf returns the active registration of a user.
func activeOf(tx *store.Tx, uid uint32) (Registration, bool, error) {
	id, found, err := activeIDs.Get(tx, userKey(uid))
	if err != nil || !found {
		return Registration{}, false, err
	}
	return registrations.Get(tx, []byte(id))
}

// active returns the ids of all active registrations.
func (m *Machine) active() (ids []string, err error) {
	err = m.config.Store.View(func(tx *store.Tx) error {
		for id, err := range activeIDs.Ascend(tx) {
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

// change reads a registration, calls f to change it, and writes it, in one transaction. Watchers see it once it is on
// disk. If f returns an error, nothing is written.
func (m *Machine) change(id string, f func(tx *store.Tx, r *Registration) error) (changed Registration, err error) {
	err = m.config.Store.Update(func(tx *store.Tx) error {
		r, found, err := registrations.Get(tx, []byte(id))
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("change registration %s: %w", id, ErrNotFound)
		}
		revision := r.Revision
		if err := f(tx, &r); err != nil {
			return err
		}
		if r.Revision == revision { // a transition has written it already
			if err := put(tx, &r); err != nil {
				return err
			}
			tx.OnCommit(func() { m.watchers.wake(id) })
		}
		changed = r
		return nil
	})
	return changed, err
}

// transition brings a registration into its next state, within a transaction. It writes the journal line, the deadline
// and the indexes. At an end it also writes the report, unless Jamf Pro has it already or the end says nothing.
func (m *Machine) transition(tx *store.Tx, r *Registration, next State, evidence string) error {
	if !r.State.CanBecome(next) {
		return fmt.Errorf("registration %s cannot go from %s to %s", r.ID, r.State, next)
	}
	last := r.State
	now := time.Now()
	r.State = next
	r.Transitions = append(r.Transitions, Transition{State: next, At: now, Evidence: evidence})
	r.Deadline = m.deadline(r, last, now)
	if next.Ended() {
		if id, _, err := activeIDs.Get(tx, userKey(r.User.UID)); err != nil || id == r.ID {
			if err = errors.Join(err, activeIDs.Delete(tx, userKey(r.User.UID))); err != nil {
				return err
			}
		}
		if next != StateSucceeded && last != StateDelivering {
			if err := m.reportEnd(tx, r, last, now); err != nil {
				return err
			}
		}
	} else {
		if err := activeIDs.Put(tx, userKey(r.User.UID), r.ID); err != nil {
			return err
		}
		if err := newestIDs.Put(tx, userKey(r.User.UID), r.ID); err != nil {
			return err
		}
		if r.Kind == KindRegister {
			if err := reportedIDs.Put(tx, userKey(r.User.UID), r.ID); err != nil {
				return err
			}
		}
	}
	if next == StateDelivering {
		if err := m.report(tx, r, string(StateSucceeded), now); err != nil {
			return err
		}
	}
	if err := put(tx, r); err != nil {
		return err
	}
	if m.config.Committing != nil {
		m.config.Committing(*r)
	}
	committed := *r
	tx.OnCommit(func() {
		if m.config.Committed != nil {
			m.config.Committed(committed)
		}
		m.log.Info("registration "+strings.ToLower(strings.ReplaceAll(string(next), "_", " ")),
			"registration_id", committed.ID, "uid", committed.User.UID, "state", next, "reason",
			committed.FailureReason)
		m.watchers.wake(committed.ID)
	})
	return nil
}

// deadline returns when a state that begins now times out.
func (m *Machine) deadline(r *Registration, last State, now time.Time) time.Time {
	switch r.State {
	case StateWaitingForSession:
		return now.Add(m.config.Settings().SessionTimeout)
	case StateLaunchingPortal:
		return now.Add(r.SignInTimeout)
	case StateWaitingForSignIn:
		return r.Deadline // the user's time runs from the launch on
	case StateReadingIdentity:
		return now.Add(m.config.Settings().IdentityTimeout)
	}
	return time.Time{}
}

func progress(d delivery.Delivery) *DeliveryProgress {
	return &DeliveryProgress{ID: d.ID, State: d.State, Attempts: d.Attempts, LastError: d.LastError,
		NextAttemptAt: d.NextAttemptAt}
}

// DeliveryChanged applies a change in the outbox to its registration, in the outbox's transaction. A delivered result
// means that the registration has succeeded. A refused one means that it has failed, even if Jamf Pro takes it later. A
// registration that is no longer in the journal is ignored.
func (m *Machine) DeliveryChanged(tx *store.Tx, d delivery.Delivery) error {
	r, found, err := registrations.Get(tx, []byte(d.Report.RegistrationID))
	if err != nil || !found {
		return err
	}
	if r.Delivery != nil && r.Delivery.ID != d.ID {
		return nil
	}
	r.Delivery = progress(d)
	if r.State == StateDelivering {
		switch d.State {
		case delivery.StateDelivered:
			return m.transition(tx, &r, StateSucceeded, "Jamf Pro has the result")
		case delivery.StateSuperseded:
			return m.transition(tx, &r, StateSucceeded, "a newer report replaced this one")
		case delivery.StateRefused:
			r.FailureReason = ReasonDeliveryRefused
			r.FailureDetail = fmt.Sprintf(
				"Jamf Pro refused the result: %s. Fix that; the result is sent again when the configuration changes "+
					"and once a day, or by `%s`.", d.LastError, config.Sudo("outbox flush"))
			return m.transition(tx, &r, StateFailed, r.FailureDetail)
		}
	}
	tx.OnCommit(func() { m.watchers.wake(r.ID) })
	return put(tx, &r)
}
