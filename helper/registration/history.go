package registration

import (
	"cmp"
	"errors"
	"fmt"

	"usher.internal/helper/quota"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// defaultKept is how much the journal keeps for a [Config] without limits. A Mac with one user keeps 200, as when one
// limit held for all users. A registration has 3 to 10 kB, so five such users have 10 MB at most.
var defaultKept = quota.Limits{PerUser: 200, Total: 1000}

// histories lists the registrations of each user.
var histories = quota.NewBook[string]("registrations-of")

// remember adds a new registration, and makes room for it. It removes the oldest ended ones of the user beyond the
// limits, and never those of a user who has fewer.
func (m *Machine) remember(tx *store.Tx, r *Registration) error {
	if err := m.index(tx); err != nil {
		return err
	}
	old, err := histories.Add(tx, m.config.Kept, quota.Entry[string]{UID: r.User.UID, Key: r.ID}, held(tx))
	return errors.Join(err, forget(tx, old))
}

// index makes sure that the histories match the journal, once each time that the journal is opened. The journal may be
// older than the histories, or an older usherd may have used it since.
func (m *Machine) index(tx *store.Tx) error {
	if m.indexed.Load() {
		return nil
	}
	all, reported, err := entries(tx)
	if err != nil {
		return err
	}
	for uid, id := range reported {
		if err := reportedIDs.Put(tx, userKey(uid), id); err != nil {
			return err
		}
	}
	old, err := histories.Rebuild(tx, m.config.Kept, all, held(tx))
	if err = errors.Join(err, forget(tx, old)); err != nil {
		return err
	}
	tx.OnCommit(func() { m.indexed.Store(true) })
	return nil
}

// indexAtStart is index for a caller that writes nothing else. It writes only if something is missing, since the disk
// may be full.
func (m *Machine) indexAtStart() error {
	complete := false
	err := m.config.Store.View(func(tx *store.Tx) error {
		all, reported, err := entries(tx)
		if err != nil {
			return err
		}
		for uid, id := range reported {
			if kept, _, err := reportedIDs.Get(tx, userKey(uid)); err != nil || kept != id {
				return err // the journal is older than the histories
			}
		}
		complete, err = histories.Complete(tx, all)
		return err
	})
	if err != nil {
		return err
	}
	m.indexed.Store(complete) // a journal that was opened again may have lost a part of the histories
	if complete {
		return nil
	}
	return m.config.Store.Update(m.index)
}

// entries returns the user of each registration, and by uid the id of the newest that was not a gathering.
func entries(tx *store.Tx) (all []quota.Entry[string], reported map[uint32]string, err error) {
	reported = make(map[uint32]string)
	for r, err := range registrations.Ascend(tx) {
		if err != nil {
			return nil, nil, err
		}
		all = append(all, quota.Entry[string]{UID: r.User.UID, Key: r.ID})
		if r.Kind == KindRegister {
			reported[r.User.UID] = r.ID
		}
	}
	return all, reported, nil
}

// held returns what holds the registrations that have not ended, and those whose result is reported to Jamf Pro.
func held(tx *store.Tx) quota.Held[string] {
	return func(one quota.Entry[string]) (bool, error) {
		active, _, err := activeIDs.Get(tx, userKey(one.UID))
		if err != nil || active == one.Key {
			return true, err
		}
		reported, _, err := reportedIDs.Get(tx, userKey(one.UID))
		return reported == one.Key, err
	}
}

func forget(tx *store.Tx, old []quota.Entry[string]) error {
	for _, one := range old {
		if err := registrations.Delete(tx, []byte(one.Key)); err != nil {
			return err
		}
	}
	return nil
}

// Forget removes the registrations of a user, in the caller's transaction, and returns how many there were. It keeps
// those of another person, who has the uid now or had it before. The error wraps [ErrUnderWay] while one is under way.
func (m *Machine) Forget(tx *store.Tx, user accounts.User) (removed int, err error) {
	if active, found, err := activeOf(tx, user.UID); err != nil {
		return 0, err
	} else if found && active.User == user {
		return 0, fmt.Errorf("forget the registrations of %s: %w: %s", user.Name, ErrUnderWay, active.ID)
	}
	all, err := m.own(tx, user.UID, 0)
	if err != nil {
		return 0, err
	}
	var gone []quota.Entry[string]
	var newest, reported string
	for _, r := range all { // the newest first
		if r.User == user {
			gone = append(gone, quota.Entry[string]{UID: user.UID, Key: r.ID})
			continue
		}
		newest = cmp.Or(newest, r.ID)
		if r.Kind == KindRegister {
			reported = cmp.Or(reported, r.ID)
		}
	}
	err = errors.Join(forget(tx, gone), histories.Remove(tx, gone...), index(tx, newestIDs, user.UID, newest),
		index(tx, reportedIDs, user.UID, reported))
	if newest == "" {
		err = errors.Join(err, starts.Forget(tx, user.UID))
	}
	if err != nil {
		return 0, fmt.Errorf("forget the registrations of %s: %w", user.Name, err)
	}
	return len(gone), nil
}

// index makes an index refer to the registration of a user with that id. An empty id deletes the entry.
func index(tx *store.Tx, of store.Bucket[string], uid uint32, id string) error {
	if id == "" {
		return of.Delete(tx, userKey(uid))
	}
	return of.Put(tx, userKey(uid), id)
}

// own returns the registrations of one user, the newest first, at most limit; 0 is all. It reads no others, once the
// histories exist.
func (m *Machine) own(tx *store.Tx, uid uint32, limit int) (found []Registration, err error) {
	if !m.indexed.Load() {
		for r, err := range registrations.Descend(tx) {
			if err != nil {
				return nil, err
			}
			if r.User.UID == uid {
				if found = append(found, r); len(found) == limit {
					break
				}
			}
		}
		return found, nil
	}
	ids, err := histories.Of(tx, uid)
	if err != nil {
		return nil, err
	}
	for i := len(ids) - 1; i >= 0 && (limit <= 0 || len(found) < limit); i-- {
		r, ok, err := registrations.Get(tx, []byte(ids[i]))
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, r)
		}
	}
	return found, nil
}
