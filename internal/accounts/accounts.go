// Package accounts tells which accounts of this computer are people.
//
// A person has a uid from [FirstUID] on, is not "nobody", and has a home directory: root, loginwindow, _mbsetupuser,
// _windowserver and every other service account are nobody [LAUNCHER#1034, OUTSET#27].
package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
)

// ErrNotAPerson is wrapped by the errors of [ByName] and [ByUID] that say so. Another error says that it could not be
// found out, for example because a directory service or a network home is not there yet.
var ErrNotAPerson = errors.New("not a person's account")

// firstMacUID is the first uid of a person on macOS.
const firstMacUID = 500

// Person is a user of this computer who may own a registration.
type Person struct {
	Name string
	UID  uint32
	Home string
}

// nobody is the account without rights: 65534 on Linux, -2 on macOS.
var nobody = map[uint32]bool{65534: true, 1<<32 - 2: true}

// ByName returns the person with that account name. It asks the system's user database. The errors may wrap
// [ErrNotAPerson].
func ByName(name string) (Person, error) {
	account, err := user.Lookup(name)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		return Person{}, fmt.Errorf("look up user %q: %w: there is none of that name", name, ErrNotAPerson)
	}
	if err != nil {
		return Person{}, fmt.Errorf("look up user %q: %w", name, err)
	}
	return personOf(account)
}

// ByUID returns the person with that uid. It asks the system's user database. The errors may wrap [ErrNotAPerson].
func ByUID(uid uint32) (Person, error) {
	account, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
		return Person{}, fmt.Errorf("look up uid %d: %w: there is none with that uid", uid, ErrNotAPerson)
	}
	if err != nil {
		return Person{}, fmt.Errorf("look up uid %d: %w", uid, err)
	}
	return personOf(account)
}

// Exists reports whether this computer has a person's account of that name and uid; where its home is does not matter.
// It asks the system's user database.
func Exists(name string, uid uint32) (bool, error) {
	found, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up uid %d: %w", uid, err)
	}
	return found.Username == name && uid >= FirstUID && !nobody[uid] && !serviceAccounts[name], nil
}

// AtConsole returns the person on the console, false when nobody is or it cannot be told; the login window's own
// account is on the console too, and nobody. It asks the system's user database.
func AtConsole() (Person, bool) {
	uid, there := Console()
	if !there {
		return Person{}, false
	}
	person, err := ByUID(uid)
	return person, err == nil
}

func personOf(account *user.User) (Person, error) {
	uid, err := parseID(account.Uid)
	if err != nil {
		return Person{}, fmt.Errorf("look up user %s: %w", account.Username, err)
	}
	if serviceAccounts[account.Username] {
		return Person{}, fmt.Errorf("user %s has uid %d: %w: it is an account of macOS's own", account.Username, uid,
			ErrNotAPerson)
	}
	if uid < FirstUID || nobody[uid] {
		return Person{}, fmt.Errorf("user %s has uid %d: %w: people have uids from %d on", account.Username, uid,
			ErrNotAPerson, FirstUID)
	}
	home, err := os.Stat(account.HomeDir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !home.IsDir() {
		return Person{}, fmt.Errorf("user %s has no home directory at %q: %w", account.Username, account.HomeDir,
			ErrNotAPerson)
	}
	if err != nil {
		return Person{}, fmt.Errorf("look for the home directory of user %s: %w", account.Username, err)
	}
	return Person{Name: account.Username, UID: uid, Home: account.HomeDir}, nil
}
