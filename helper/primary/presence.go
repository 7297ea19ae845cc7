package primary

import (
	"fmt"
	"sync"
	"time"

	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
)

// atMac is when users were at the Mac last, by uid.
var atMac = store.NewBucket[time.Time]("at-mac")

// Presence knows who was at the Mac last. Its methods may be called from anywhere.
type Presence struct {
	store   *store.Store
	console func() (uid uint32, there bool)

	mu sync.Mutex
	// connected is when the sessions began that were noted.
	connected map[uint32]time.Time
}

// NewPresence returns a presence that is kept in the journal. The function console tells who is on the console.
func NewPresence(journal *store.Store, console func() (uid uint32, there bool)) *Presence {
	return &Presence{store: journal, console: console, connected: make(map[uint32]time.Time)}
}

// Last returns when each user was at the Mac last. Only their order means something.
func (p *Presence) Last() (last map[uint32]time.Time, err error) {
	err = p.store.View(func(tx *store.Tx) error {
		last = make(map[uint32]time.Time)
		for key := range atMac.Keys(tx) {
			at, _, err := atMac.Get(tx, key)
			if err != nil {
				return err
			}
			last[uint32(store.KeyNumber(key))] = at
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read who was at the Mac last: %w", err)
	}
	return last, nil
}

// Note keeps who is at the Mac now: the user on the console, and where that cannot be told, whoever has logged in since the last call. It writes
// only when that is another user than before.
func (p *Presence) Note(now []sessions.Session) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, err := p.Last()
	if err != nil {
		return err
	}
	var came []uint32
	connected := make(map[uint32]time.Time)
	for _, session := range now {
		uid := session.User.UID
		before, known := p.connected[uid]
		connected[uid] = session.ConnectedAt
		// After a restart of usherd all agents connect again, in any order: of these, nobody has come.
		if known && !before.Equal(session.ConnectedAt) || !known && last[uid].IsZero() {
			came = append(came, uid)
		}
	}
	if uid, there := p.console(); there {
		came = []uint32{uid}
	}
	if err := p.put(last, came); err != nil {
		return fmt.Errorf("note who is at the Mac: %w", err)
	}
	for uid, at := range p.connected {
		if _, still := connected[uid]; !still {
			connected[uid] = at // who logs out and in again has come again
		}
	}
	p.connected = connected
	return nil
}

// put makes users the last ones, unless they are.
func (p *Presence) put(last map[uint32]time.Time, came []uint32) error {
	var newest uint32
	for uid, at := range last {
		if at.After(last[newest]) {
			newest = uid
		}
	}
	if len(came) == 0 || len(came) == 1 && came[0] == newest && !last[newest].IsZero() {
		return nil
	}
	return p.store.Update(func(tx *store.Tx) error {
		at := time.Now().UTC()
		if !at.After(last[newest]) {
			at = last[newest].Add(time.Nanosecond) // the clock was set back
		}
		for i, uid := range came {
			if err := atMac.Put(tx, store.NumberKey(uint64(uid)), at.Add(time.Duration(i))); err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget removes when a user was at the Mac, in the caller's transaction.
func Forget(tx *store.Tx, uid uint32) error {
	if err := atMac.Delete(tx, store.NumberKey(uint64(uid))); err != nil {
		return fmt.Errorf("forget when uid %d was at the Mac: %w", uid, err)
	}
	return nil
}
