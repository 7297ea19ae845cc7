package primary

import (
	"errors"
	"sync"
	"time"

	"usher.internal/internal/accounts"
)

// looksEvery is how often accounts are looked up at most. A directory can be slow, and usherd gets no notice of a
// deletion.
const looksEvery = 5 * time.Second

// Accounts knows which users are still accounts of this Mac. Only [Accounts.Refresh] asks the system, and only one of
// several callers waits for its directory. Its methods may be called from any goroutine.
type Accounts struct {
	looking sync.Mutex

	mu sync.Mutex
	at time.Time
	// gone are the users who have no account, by uid and name.
	gone map[accounts.User]bool
	// named is the user that the configured name means.
	name  string
	named accounts.User
}

// Gone reports whether the account was deleted: none has that uid, or it has another name. If that is not known, the
// account is not gone.
func (a *Accounts) Gone(uid uint32, name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gone[accounts.User{Name: name, UID: uid}]
}

// Name returns the account name of the person with that uid, empty if there is none. It asks the system's user
// database.
func (a *Accounts) Name(uid uint32) (string, error) {
	person, err := accounts.ByUID(uid)
	if errors.Is(err, accounts.ErrNotAPerson) {
		return "", nil
	}
	return person.Name, err
}

// Named returns the person with that account name, false if there is none or it is not known yet.
func (a *Accounts) Named(name string) (accounts.User, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.named, name != "" && a.name == name && a.named.Name != ""
}

// Refresh looks up the accounts of these candidates, and the user with the configured name. It does nothing if that was
// just done or is under way. An account that cannot be looked up keeps its last result. Refresh asks the system's user
// database.
func (a *Accounts) Refresh(users []Candidate, configured string) {
	if !a.looking.TryLock() {
		return
	}
	defer a.looking.Unlock()
	if time.Since(a.At()) < looksEvery {
		return
	}
	gone := make(map[accounts.User]bool)
	for _, one := range users {
		user := accounts.User{Name: one.Name, UID: one.UID}
		exists, err := accounts.Exists(user)
		if err == nil && !exists || err != nil && a.Gone(one.UID, one.Name) {
			gone[user] = true
		}
	}
	named, err := accounts.User{}, error(nil)
	if configured != "" {
		named, err = accounts.ByName(configured)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && !errors.Is(err, accounts.ErrNotAPerson) && a.name == configured {
		named = a.named
	}
	a.gone, a.name, a.named, a.at = gone, configured, named, time.Now()
}

// At returns when the accounts were last looked up.
func (a *Accounts) At() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}
