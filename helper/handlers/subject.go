package handlers

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"

	"usher.internal/helper/gate"
	"usher.internal/helper/registration"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Foremost says whose Mac it is when a caller names nobody; [sessions.Registry] does.
type Foremost interface {
	Foremost() (accounts.User, error)
}

// Bounds of what a caller may ask for.
const (
	defaultListed    = 50
	maximumListed    = 1000
	maximumNameBytes = 256
)

// subject is whom a request is about: the named user; without a name the caller himself, and for a caller who is
// nobody's user (root), the user at the Mac.
func subject(actor *gate.Actor, name string, mac Foremost) (accounts.User, error) {
	switch {
	case len(name) > maximumNameBytes:
		return accounts.User{}, invalid("user", name[:16]+"…", "an account name")
	case name != "":
		return accounts.ByName(name)
	case actor.UID() != 0:
		return accounts.ByUID(actor.UID())
	}
	return mac.Foremost()
}

// ownOf chooses the registrations of a caller. Those of a deleted account whose uid they have got are another person's;
// who is no person has none.
func ownOf(actor *gate.Actor) (registration.Filter, error) {
	uid := actor.UID()
	person, err := accounts.ByUID(uid)
	if errors.Is(err, accounts.ErrNotAPerson) {
		return registration.Filter{Nobody: true}, nil
	}
	return registration.Filter{UID: &uid, Name: person.Name}, err
}

// listed is how many entries a list has when the caller asked for that many.
func listed(asked int32) int {
	switch {
	case asked <= 0:
		return defaultListed
	case asked > maximumListed:
		return maximumListed
	}
	return int(asked)
}

func invalid(argument string, value any, allowed string) error {
	return contract.Error(codes.InvalidArgument, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		fmt.Sprintf("%s is %v, and must be %s", argument, value, allowed), "argument", argument)
}
