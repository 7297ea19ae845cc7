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

// Foremost returns the user at the Mac, if a caller names nobody; [sessions.Registry] is one.
type Foremost interface {
	Foremost() (accounts.User, error)
}

// Limits for the requests of a caller.
const (
	defaultListed    = 50
	maximumListed    = 1000
	maximumNameBytes = 256
)

// subject returns the user of a request: the named user. Without a name it is the caller, and for a caller who is not a
// person (root) the user at the Mac.
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

// ownOf selects the registrations of a caller. A deleted account may have had the caller's uid; its registrations
// belong to another person. A caller who is not a person has none.
func ownOf(actor *gate.Actor) (registration.Filter, error) {
	uid := actor.UID()
	person, err := accounts.ByUID(uid)
	if errors.Is(err, accounts.ErrNotAPerson) {
		return registration.Filter{Nobody: true}, nil
	}
	return registration.Filter{UID: &uid, Name: person.Name}, err
}

// listed returns the number of entries in a list for a request with that limit.
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
