package status_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/primary"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/helper/status"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/config"
	"usher.internal/internal/wpj"
)

// mac is a Mac on which Jane and John have registered, and nobody is logged in.
type mac struct {
	registrations     []registration.Latest
	observations      []observation.Observation
	gone, primaryUser string
}

var registeredAt = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func newMac() *mac {
	m := &mac{}
	for i, name := range []string{"jane", "john"} {
		uid := uint32(501 + i)
		m.registrations = append(m.registrations, registration.Latest{Newest: registration.Registration{
			ID: "registration of " + name, User: accounts.User{Name: name, UID: uid}}})
		m.observations = append(m.observations, observation.Observation{
			User:     accounts.User{Name: name, UID: uid},
			Identity: wpj.Identity{State: wpj.StateRegistered}, LookedAt: registeredAt})
	}
	return m
}

func (m *mac) Newest() ([]registration.Latest, error)        { return m.registrations, nil }
func (m *mac) All() ([]observation.Observation, error)       { return m.observations, nil }
func (m *mac) Gone(_ uint32, name string) bool               { return name == m.gone }
func (m *mac) Name(uint32) (string, error)                   { return m.observations[0].User.Name, nil }
func (*mac) Refresh([]primary.Candidate, string)             {}
func (*mac) Named(string) (person accounts.User, there bool) { return person, false }
func (*mac) WriteError() error                               { return nil }
func (*mac) Damages() ([]store.Damage, error)                { return nil, nil }
func (*mac) Generation() uint64                              { return 1 }
func (*mac) Changed() <-chan struct{}                        { return nil }
func (*mac) LastDelivered() (at time.Time, err error)        { return at, nil }
func (*mac) Last() (func(uint32, string) time.Time, error) {
	return func(uint32, string) time.Time { return time.Time{} }, nil
}

func (*mac) Look(context.Context, sessions.Session) (observation.Observation, error) {
	return observation.Observation{}, errors.ErrUnsupported
}

func (*mac) LookWithoutSession(context.Context, accounts.User) error { return errors.ErrUnsupported }

func (*mac) Problem() *config.Problem { return nil }
func (*mac) Pending() []string        { return nil }
func (m *mac) Current() *config.Loaded {
	return &config.Loaded{Config: config.Config{PrimaryUser: m.primaryUser}}
}

// nobody is logged in.
type nobody struct{}

func (nobody) List() []sessions.Session                     { return nil }
func (nobody) Watch() ([]sessions.Session, <-chan struct{}) { return nil, nil }

// empty is an outbox without a delivery.
type empty struct{ *mac }

func (empty) List(bool, int) ([]delivery.Delivery, error) { return nil, nil }

func (m *mac) status() *status.Reporter {
	return status.New(status.Config{Sessions: nobody{}, History: m, Observations: m, Journal: m, Outbox: empty{m},
		Presence: m, Accounts: m, Configuration: m})
}

// viewer is a user, or root.
type viewer uint32

func (v viewer) UID() uint32    { return uint32(v) }
func (v viewer) IsAdmin() bool  { return v == 0 }
func (viewer) Undecided() error { return nil }
func (v viewer) MayActFor(uid uint32) error {
	if v == 0 || uint32(v) == uid {
		return nil
	}
	return errors.New("not permitted")
}

const asRoot, asJane = viewer(0), viewer(501)

func usersOf(t *testing.T, m *mac, who viewer) (names []string, primary string) {
	t.Helper()
	answer, err := m.status().For(who)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range answer.GetUsers() {
		name := one.GetUser().GetName()
		if one.GetNoAccount() {
			name += " (no account)"
		}
		names = append(names, name)
		if one.GetPrimary() {
			primary = one.GetUser().GetName()
		}
	}
	return names, primary
}

func TestStatusNamesThePrimaryUser(t *testing.T) {
	m := newMac()
	m.observations[1].LookedAt = registeredAt.Add(time.Hour)
	if names, primary := usersOf(t, m, asRoot); primary != "john" || !slices.Equal(names, []string{"jane", "john"}) {
		t.Errorf("root sees %q, and %q is the primary one", names, primary)
	}
	if names, primary := usersOf(t, m, asJane); primary != "" || !slices.Equal(names, []string{"jane"}) {
		t.Errorf("jane sees %q, and %q is the primary one", names, primary)
	}
	m.primaryUser = "jane"
	if _, primary := usersOf(t, m, asJane); primary != "jane" {
		t.Errorf("jane is configured, and %q is the primary one", primary)
	}
	m.gone = "jane"
	if names, primary := usersOf(t, m, asRoot); primary != "john" ||
		!slices.Equal(names, []string{"jane (no account)", "john"}) {
		t.Errorf("jane is gone: root sees %q, and %q is the primary one", names, primary)
	}
}

// The uid of a deleted account belongs to another person. They see nothing of the earlier one, and each is a separate
// user.
func TestUIDThatAnotherPersonHasNow(t *testing.T) {
	m := newMac()
	identity := wpj.Identity{State: wpj.StateNotRegistered, Detail: "BOB"}
	m.observations = []observation.Observation{
		{User: accounts.User{Name: "bob", UID: 501}, Identity: identity, LookedAt: registeredAt.Add(time.Hour)}}
	m.registrations = m.registrations[:1]
	m.gone = "jane"
	if names, primary := usersOf(t, m, asRoot); primary != "bob" ||
		!slices.Equal(names, []string{"bob", "jane (no account)"}) {
		t.Errorf("root sees %q, and %q is the primary one", names, primary)
	}
	answer, err := m.status().For(asJane) // bob has john's former uid
	if err != nil || len(answer.GetUsers()) != 1 {
		t.Fatalf("%v, %v", answer, err)
	}
	if bob := answer.GetUsers()[0]; bob.GetUser().GetName() != "bob" || bob.GetLastRegistration() != nil {
		t.Errorf("bob sees %v", bob)
	}
}
