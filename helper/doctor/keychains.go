package doctor

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
	"usher.internal/internal/oneline"
)

// keychains looks for login keychains that macOS has renamed, of users with and without a session.
type keychains struct {
	users  users
	lookIn func(ctx context.Context, uid uint32) ([]thismac.RenamedKeychain, error)
}

// renamed returns an outcome for each user with such a keychain, or with a home that could not be read. If there is
// none, it returns one outcome for all.
func (k keychains) renamed(ctx context.Context) ([]Outcome, error) {
	people, err := k.people()
	if err != nil {
		return nil, err
	}
	if k.lookIn == nil || len(people) == 0 {
		return []Outcome{notApplicable("No user is known.")}, nil
	}
	each := make([]*Outcome, len(people))
	var looks sync.WaitGroup
	for i, person := range people {
		looks.Go(func() { each[i] = k.of(ctx, person) })
	}
	looks.Wait()
	var found []Outcome
	for _, one := range each {
		if one != nil {
			found = append(found, *one)
		}
	}
	if len(found) == 0 {
		found = append(found, ok("None of the %d known users has one.", len(people)))
	}
	return found, nil
}

// of returns the outcome of one user, nil if there is none.
func (k keychains) of(ctx context.Context, person accounts.User) *Outcome {
	renamed, err := k.lookIn(ctx, person.UID)
	var found Outcome
	switch {
	case err != nil:
		found = couldNotLook(err)
	case len(renamed) == 0:
		return nil
	default:
		more := ""
		if len(renamed) > 1 {
			more = fmt.Sprintf(", and %d older", len(renamed)-1)
		}
		found = warning("macOS could not open this user's login keychain, and renamed it: %s, of %s%s. Its content "+
			"is lost to the session; an identity in it cannot be used any more.",
			oneline.Of(renamed[0].Name, math.MaxInt), renamed[0].At.UTC().Format(time.RFC3339), more)
	}
	found.User = person
	return &found
}

// people returns the users to examine: those who are logged in, the one on the console, and those known from before.
func (k keychains) people() ([]accounts.User, error) {
	var people []accounts.User
	add := func(person accounts.User) {
		if (k.users.sees == nil || k.users.sees(person.UID)) &&
			!slices.ContainsFunc(people, func(one accounts.User) bool { return one.UID == person.UID }) {
			people = append(people, person)
		}
	}
	for _, session := range k.users.visible() {
		add(session.User)
	}
	if person, there := k.users.atConsole(); there {
		add(person)
	}
	if k.users.kept != nil {
		known, err := k.users.kept.All()
		if err != nil {
			return nil, err
		}
		for _, one := range known {
			add(one.User)
		}
	}
	return people, nil
}
