package registration

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// StartRequest asks for a registration.
type StartRequest struct {
	Kind Kind
	User accounts.User
	// SignInTimeout of zero means the configured one.
	SignInTimeout time.Duration
	// Limited applies the limit of starts of a user within an hour. It is for users who ask for themselves. Requests of
	// root and admins, for any user, are not limited and not added to the user's starts. Attaching is never limited.
	Limited bool
}

// Start begins a registration, or attaches to the active one of the same user. A request to register does not attach to
// a gathering. The gathering ends CANCELLED, since registering includes it. When Start returns nil the registration is
// in the journal. The errors wrap [ErrShuttingDown], [ErrTooManyStarts] and those of the store.
func (m *Machine) Start(_ context.Context, request StartRequest) (started Registration, attached bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running == nil || m.running.Err() != nil {
		return Registration{}, false, ErrShuttingDown
	}
	// Attaching writes nothing, so it works on a full disk too. No other registration begins meanwhile.
	err = m.config.Store.View(func(tx *store.Tx) (err error) {
		started, attached, err = activeOf(tx, request.User.UID)
		return err
	})
	if attached && (started.Kind == KindGather && request.Kind == KindRegister ||
		started.User.Name != request.User.Name) {
		attached = false
	}
	if err == nil && !attached {
		gathering := started.ID
		started, err = m.begin(request)
		if cancel := m.driven[gathering]; err == nil && cancel != nil {
			cancel()
		}
	}
	if err != nil {
		return Registration{}, false, fmt.Errorf("start registration of uid %d: %w", request.User.UID, err)
	}
	// The active registration has no driver if its commit was reported as failed although it reached the disk.
	if m.driven[started.ID] == nil && started.State != StateDelivering {
		m.drive(started.ID, false)
	}
	return started, attached, nil
}

// begin puts a new registration into the journal. The caller holds mu.
func (m *Machine) begin(request StartRequest) (begun Registration, err error) {
	request.SignInTimeout = cmp.Or(request.SignInTimeout, m.config.Settings().SignInTimeout)
	err = m.config.Store.Update(func(tx *store.Tx) error {
		now := time.Now()
		if request.Limited {
			if err := spend(tx, request.User.UID, now); err != nil {
				return err
			}
		}
		id, err := newID(tx)
		if err != nil {
			return err
		}
		begun = Registration{
			ID: id, Kind: request.Kind, User: request.User, CreatedAt: now, SignInTimeout: request.SignInTimeout,
		}
		gathering, found, err := activeOf(tx, request.User.UID)
		if err != nil {
			return err
		}
		if found && gathering.User.Name != request.User.Name {
			// The account was deleted, and its uid given to this user.
			gathering.CancelledBy = "the next account with the same uid"
			gathering.FailureDetail = fmt.Sprintf("The account %s was deleted; %s has its uid now.",
				gathering.User.Name, request.User.Name)
			if err := m.transition(tx, &gathering, StateCancelled, gathering.FailureDetail); err != nil {
				return err
			}
			found = false
		}
		if err := m.forgetOthers(tx, request.User, found); err != nil {
			return err
		}
		if found {
			gathering.CancelledBy = "the next registration"
			gathering.FailureDetail = "A registration replaced this gathering."
			if err := m.transition(tx, &gathering, StateCancelled, gathering.FailureDetail); err != nil {
				return err
			}
		}
		if err := m.transition(tx, &begun, StatePreflight, "asked to "+verb(request.Kind)); err != nil {
			return err
		}
		return m.remember(tx, &begun)
	})
	return begun, err
}

// forgetOthers removes the registrations of the account that had the uid before. macOS gives the uid of a deleted
// account to the next one, whose user must not see them.
func (m *Machine) forgetOthers(tx *store.Tx, user accounts.User, active bool) error {
	if active {
		return nil
	}
	id, _, err := newestIDs.Get(tx, userKey(user.UID))
	if err != nil {
		return err
	}
	if newest, found, err := registrations.Get(tx, []byte(id)); err != nil || !found || newest.User.Name == user.Name {
		return err
	} else {
		_, err = m.Forget(tx, newest.User)
		return err
	}
}

func verb(kind Kind) string {
	if kind == KindGather {
		return "gather the identity"
	}
	return "register"
}

// newID returns a UUID of version 7 that sorts after the ids of all registrations in the journal. That holds even if
// the clock was set back since: a Mac whose battery was empty begins in the past. The newest id is always there, since
// only older ones are forgotten. Each id has 62 random bits, so it is unique whatever the clock says.
func newID(tx *store.Tx) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	for newest, err := range registrations.Descend(tx) {
		if err != nil {
			return "", err
		}
		if id.String() > newest.ID {
			break
		}
		last, err := uuid.Parse(newest.ID)
		if err != nil {
			continue // usherd did not make this id; the next one has a time
		}
		id = after(id, last)
		break
	}
	return id.String(), nil
}

// after returns id with a time one millisecond after that of last.
func after(id, last uuid.UUID) uuid.UUID {
	// The first 48 bits are milliseconds; the millisecond after the newest id is free.
	var time [8]byte
	copy(time[2:], last[:6])
	binary.BigEndian.PutUint64(time[:], binary.BigEndian.Uint64(time[:])+1)
	copy(id[:6], time[2:])
	return id
}
