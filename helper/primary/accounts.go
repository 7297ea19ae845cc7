package primary

import (
	"errors"
	"sync"
	"time"

	"usher.internal/internal/accounts"
)

// looksEvery is how often accounts are looked up at most. A directory can be slow, and usherd learns of no deletion.
const looksEvery = 5 * time.Second

// Accounts knows which of the users are still accounts of this Mac. Only [Accounts.Refresh] asks the system, so that no call waits for a
// directory. Its methods may be called from anywhere.
type Accounts struct {
	mu sync.Mutex
	// gone are the users who have no account, by uid and name.
	gone map[account]bool
	// named is whom the name stands for that is configured.
	name  string
	named accounts.Person
}

type account struct {
	uid  uint32
	name string
}

// Gone reports whether the account was deleted: there is none with that uid, or it has another name. What is not known is not gone.
func (a *Accounts) Gone(uid uint32, name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gone[account{uid, name}]
}

// Named returns the person with that account name, false where there is none or it is not known yet.
func (a *Accounts) Named(name string) (accounts.Person, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.named, name != "" && a.name == name && a.named.Name != ""
}

// Refresh looks up the accounts of these candidates, and whom the configured name stands for. An account that cannot be looked up stays as it
// was. It asks the system's user database, and reports whether anything has changed.
func (a *Accounts) Refresh(users []Candidate, configured string) (changed bool) {
	gone := make(map[account]bool)
	for _, one := range users {
		exists, err := accounts.Exists(one.Name, one.UID)
		if err == nil && !exists || err != nil && a.Gone(one.UID, one.Name) {
			gone[account{one.UID, one.Name}] = true
		}
	}
	named, err := accounts.Person{}, error(nil)
	if configured != "" {
		named, err = accounts.ByName(configured)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && !errors.Is(err, accounts.ErrNotAPerson) && a.name == configured {
		named = a.named
	}
	changed = len(gone) != len(a.gone) || a.named != named
	for one := range gone {
		changed = changed || !a.gone[one]
	}
	a.gone, a.name, a.named = gone, configured, named
	return changed
}
