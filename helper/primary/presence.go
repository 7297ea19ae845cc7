package primary

import (
	"fmt"
	"sync"
	"time"

	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// visit is the last time that a user was at the Mac.
type visit struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// visits are by uid.
var visits = store.NewBucket[visit]("visits")

// Presence knows who was last at the Mac. Its methods may be called from any goroutine.
type Presence struct {
	store   *store.Store
	console func() (accounts.User, bool)

	mu sync.Mutex
	// connected is the start times of the recorded sessions.
	connected map[uint32]time.Time
}

// NewPresence returns a presence that is kept in the journal. The function console returns the user on the console.
func NewPresence(journal *store.Store, console func() (accounts.User, bool)) *Presence {
	return &Presence{store: journal, console: console, connected: make(map[uint32]time.Time)}
}

// Last returns a function for when a user was last at the Mac, zero if that is not known. Only the order of users has a
// meaning.
func (p *Presence) Last() (of func(uid uint32, name string) time.Time, err error) {
	all, err := p.all()
	if err != nil {
		return nil, err
	}
	return func(uid uint32, name string) (at time.Time) {
		if last := all[uid]; last.Name == name {
			at = last.At
		}
		return at
	}, nil
}

func (p *Presence) all() (all map[uint32]visit, err error) {
	err = p.store.View(func(tx *store.Tx) error {
		all = make(map[uint32]visit)
		for key := range visits.Keys(tx) {
			one, _, err := visits.Get(tx, key)
			if err != nil {
				return err
			}
			all[uint32(store.KeyNumber(key))] = one
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read who was last at the Mac: %w", err)
	}
	return all, nil
}

// Note records who is at the Mac now: the user on the console. If that is not known, it is every user who has logged in
// since the last call. Note writes only if that is another user than before, and returns the users who have come.
func (p *Presence) Note(now []sessions.Session) (came []accounts.User, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, err := p.all()
	if err != nil {
		return nil, err
	}
	connected := make(map[uint32]time.Time)
	for _, session := range now {
		uid := session.User.UID
		before, known := p.connected[uid]
		connected[uid] = session.ConnectedAt
		// After a restart of usherd all agents connect again, in any order: these users have not just come.
		if known && !before.Equal(session.ConnectedAt) || !known && last[uid].Name != session.User.Name {
			came = append(came, session.User)
		}
	}
	if person, there := p.console(); there {
		came = []accounts.User{person}
	}
	if came, err = p.put(last, came); err != nil {
		return nil, fmt.Errorf("record who is at the Mac: %w", err)
	}
	for uid, at := range p.connected {
		if _, still := connected[uid]; !still {
			connected[uid] = at // a user who logs out and in again has come again
		}
	}
	p.connected = connected
	return came, nil
}

// put makes users the last ones, unless they are, and returns those that it has changed.
func (p *Presence) put(last map[uint32]visit, came []accounts.User) ([]accounts.User, error) {
	var newest uint32
	for uid, one := range last {
		if one.At.After(last[newest].At) {
			newest = uid
		}
	}
	if len(came) == 0 || len(came) == 1 && came[0].UID == newest && came[0].Name == last[newest].Name {
		return nil, nil
	}
	return came, p.store.Update(func(tx *store.Tx) error {
		at := time.Now().UTC()
		if !at.After(last[newest].At) {
			at = last[newest].At.Add(time.Nanosecond) // the clock was set back
		}
		for i, person := range came {
			one := visit{Name: person.Name, At: at.Add(time.Duration(i))}
			if err := visits.Put(tx, store.NumberKey(uint64(person.UID)), one); err != nil {
				return err
			}
		}
		return nil
	})
}
