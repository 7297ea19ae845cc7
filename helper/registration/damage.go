package registration

import (
	"fmt"
	"slices"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// lostDetail is the failure detail of a registration whose record was set aside, or that another one has replaced
// since.
const lostDetail = "usherd could not read its record of this registration any more, and set it " +
	"aside; `usherctl doctor` says more. Register again."

// inconsistencies are the entries of the journal that contradict each other after values were set aside
// ([store.Store.Damages]).
type inconsistencies struct {
	// lost are active, by uid, but have no record.
	lost map[uint32]string
	// astray are under way but not active. The result of undelivered is on its way to Jamf Pro but not in the outbox.
	// unlisted are the newest registrations of users who have none listed.
	astray, undelivered, unlisted []Registration
}

func (i inconsistencies) none() bool {
	return len(i.lost)+len(i.astray)+len(i.undelivered)+len(i.unlisted) == 0
}

// settle makes the records of the journal consistent again. What is lost ends with a reason. What is astray becomes
// active again or ends. What is undelivered is delivered again. Where nothing is wrong, nothing is written.
func (m *Machine) settle() error {
	var found inconsistencies
	err := m.config.Store.View(func(tx *store.Tx) (err error) {
		found, err = m.inconsistencies(tx)
		return err
	})
	if err != nil || found.none() {
		return err
	}
	err = m.config.Store.Update(func(tx *store.Tx) (err error) {
		if found, err = m.inconsistencies(tx); err != nil {
			return err
		}
		for uid, id := range found.lost {
			if err := m.endLost(tx, uid, id); err != nil {
				return err
			}
		}
		for _, r := range found.astray {
			if err := m.bringBack(tx, r); err != nil {
				return err
			}
		}
		for _, r := range found.undelivered {
			if err := m.report(tx, &r, string(StateSucceeded), time.Now()); err != nil {
				return err
			}
			if err := put(tx, &r); err != nil {
				return err
			}
		}
		for _, r := range found.unlisted {
			if err := newestIDs.Put(tx, userKey(r.User.UID), r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.log.Warn("registrations were repaired after damage to the journal", "lost", len(found.lost), "astray",
		len(found.astray), "undelivered", len(found.undelivered))
	return nil
}

func (m *Machine) inconsistencies(tx *store.Tx) (found inconsistencies, err error) {
	found.lost = make(map[uint32]string)
	for key := range activeIDs.Keys(tx) {
		id, _, err := activeIDs.Get(tx, key)
		if err != nil {
			return found, err
		}
		if _, there, err := registrations.Get(tx, []byte(id)); err != nil {
			return found, err
		} else if !there {
			found.lost[uint32(store.KeyNumber(key))] = id
		}
	}
	seen := make(map[uint32]bool)
	for r, err := range registrations.Descend(tx) {
		if err != nil {
			return found, err
		}
		uid := r.User.UID
		if !seen[uid] {
			seen[uid] = true
			if listed, err := isListed(tx, uid); err != nil {
				return found, err
			} else if !listed {
				found.unlisted = append(found.unlisted, r)
			}
		}
		if r.State.Ended() {
			continue
		}
		active, _, err := activeIDs.Get(tx, userKey(uid))
		if err != nil {
			return found, err
		}
		if active != r.ID {
			found.astray = append(found.astray, r)
		} else if r.State == StateDelivering {
			waiting, err := m.config.Outbox.Undelivered(tx, uid)
			if err != nil {
				return found, err
			}
			if r.Delivery == nil || !slices.ContainsFunc(waiting,
				func(d delivery.Delivery) bool { return d.ID == r.Delivery.ID }) {
				found.undelivered = append(found.undelivered, r)
			}
		}
	}
	return found, nil
}

// isListed reports whether the journal names a user's newest registration and holds it.
func isListed(tx *store.Tx, uid uint32) (bool, error) {
	id, named, err := newestIDs.Get(tx, userKey(uid))
	if err != nil || !named {
		return false, err
	}
	_, there, err := registrations.Get(tx, []byte(id))
	return there, err
}

// endLost writes the end of a registration when only its id and user are known. So anyone who waits for it learns why.
func (m *Machine) endLost(tx *store.Tx, uid uint32, id string) error {
	name := fmt.Sprint("uid ", uid)
	if person, err := accounts.ByUID(uid); err == nil {
		name = person.Name
	}
	r := Registration{ID: id, Kind: KindRegister, User: accounts.User{Name: name, UID: uid}, State: StatePreflight,
		CreatedAt: time.Now()}
	return m.failLost(tx, &r)
}

func (m *Machine) failLost(tx *store.Tx, r *Registration) error {
	r.FailureReason, r.FailureDetail = ReasonJournalDamaged, lostDetail
	return m.transition(tx, r, StateFailed, lostDetail)
}

// bringBack makes a registration the active one of its user again, or ends it if the user has another.
func (m *Machine) bringBack(tx *store.Tx, r Registration) error {
	_, hasAnother, err := activeOf(tx, r.User.UID)
	if err != nil {
		return err
	}
	if hasAnother {
		return m.failLost(tx, &r)
	}
	return activeIDs.Put(tx, userKey(r.User.UID), r.ID)
}
