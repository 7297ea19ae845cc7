// Package accounts finds the accounts of this computer that belong to people.
//
// A person has a uid of at least [FirstUID], is not "nobody", and has a home directory. Root, loginwindow,
// _mbsetupuser, _windowserver and all other service accounts are not people [LAUNCHER#1034, OUTSET#27].
package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"strconv"
)

// ErrNotAPerson is wrapped by errors of [ByName] and [ByUID] about an account that is not a person's. Other errors mean
// that the lookup failed, for example because a directory service or a network home is not there yet.
var ErrNotAPerson = errors.New("not a person's account")

// firstMacUID is the first uid of a person on macOS.
const firstMacUID = 500

// User is an account of this computer. Most belong to people; root is one too, because it can ask for a removal. The
// uid is not enough to identify a user: macOS gives the uid of a deleted account to the next one.
type User struct {
	Name string `json:"name"`
	UID  uint32 `json:"uid"`
}

// LogValue implements [slog.LogValuer]. The name is personal data, so a log has only the uid.
func (u User) LogValue() slog.Value { return slog.Uint64Value(uint64(u.UID)) }

// nobody is the account without rights: 65534 on Linux, -2 on macOS.
var nobody = map[uint32]bool{65534: true, 1<<32 - 2: true}

// ByName returns the person with that account name. It asks the system's user database. Errors may wrap
// [ErrNotAPerson].
func ByName(name string) (User, error) {
	account, err := user.Lookup(name)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		return User{}, fmt.Errorf("look up user %q: %w: no account has that name", name, ErrNotAPerson)
	}
	if err != nil {
		return User{}, fmt.Errorf("look up user %q: %w", name, err)
	}
	return personOf(account)
}

// ByUID returns the person with that uid. It asks the system's user database. Errors may wrap [ErrNotAPerson].
func ByUID(uid uint32) (User, error) {
	account, err := byUID(uid)
	if err != nil {
		return User{}, err
	}
	return personOf(account)
}

func byUID(uid uint32) (*user.User, error) {
	account, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
		return nil, fmt.Errorf("look up uid %d: %w: no account has that uid", uid, ErrNotAPerson)
	}
	if err != nil {
		return nil, fmt.Errorf("look up uid %d: %w", uid, err)
	}
	return account, nil
}

// Exists reports whether this computer has this account and it belongs to a person. Its home directory does not matter.
// It asks the system's user database.
func Exists(one User) (bool, error) {
	found, err := user.LookupId(strconv.FormatUint(uint64(one.UID), 10))
	if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up uid %d: %w", one.UID, err)
	}
	return found.Username == one.Name && one.UID >= FirstUID && !nobody[one.UID] && !serviceAccounts[one.Name], nil
}

// AtConsole returns the person on the console. It returns false when nobody is there or the user cannot be determined.
// At the login window the console belongs to a service account, so it returns false there too. It asks the system's
// user database.
func AtConsole() (User, bool) {
	uid, there := Console()
	if !there {
		return User{}, false
	}
	person, err := ByUID(uid)
	return person, err == nil
}

// Home returns the home directory of the person with that uid. It asks the system's user database. Errors may wrap
// [ErrNotAPerson].
func Home(uid uint32) (string, error) {
	account, err := byUID(uid)
	if err == nil {
		_, err = personOf(account)
	}
	if err != nil {
		return "", err
	}
	return account.HomeDir, nil
}

func personOf(account *user.User) (User, error) {
	uid, err := parseID(account.Uid)
	if err != nil {
		return User{}, fmt.Errorf("look up user %s: %w", account.Username, err)
	}
	if serviceAccounts[account.Username] {
		return User{}, fmt.Errorf("user %s has uid %d: %w: it is a service account of macOS", account.Username, uid,
			ErrNotAPerson)
	}
	if uid < FirstUID || nobody[uid] {
		return User{}, fmt.Errorf("user %s has uid %d: %w: people have uids of %d and above", account.Username, uid,
			ErrNotAPerson, FirstUID)
	}
	home, err := os.Stat(account.HomeDir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !home.IsDir() {
		return User{}, fmt.Errorf("user %s has no home directory at %q: %w", account.Username, account.HomeDir,
			ErrNotAPerson)
	}
	if err != nil {
		return User{}, fmt.Errorf("look for the home directory of user %s: %w", account.Username, err)
	}
	return User{Name: account.Username, UID: uid}, nil
}
