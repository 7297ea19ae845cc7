package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/forgetting"
	"usher.internal/helper/observation"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/internal/accounts"
	"usher.internal/internal/link"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// noSessions is a Mac where nobody is logged in.
type noSessions struct{ janeForemost }

func (noSessions) List() []sessions.Session { return nil }

func (noSessions) Watch() ([]sessions.Session, <-chan struct{}) { return nil, nil }

func (m *sharedMac) service() *statusService {
	return &statusService{
		sessions: noSessions{}, history: m, observations: m, journal: m, outbox: refusedOutbox{}, presence: m,
		accounts: m,
		settings: func() Settings { return Settings{PrimaryUser: m.primaryUser} }, version: "1.2.3",
	}
}

var asRoot, asJane = &Actor{peer: &link.Peer{UID: 0}, root: true}, &Actor{peer: &link.Peer{UID: 501}}

func usersOf(t *testing.T, m *sharedMac, actor *Actor) (names []string, primary string) {
	t.Helper()
	answer, err := m.service().status(actor)
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
	m := newSharedMac()
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

// The uid of an account that was deleted belongs to another person: they see nothing of the one before, and each is a
// user of their own.
func TestUIDThatAnotherPersonHasNow(t *testing.T) {
	m := newSharedMac()
	identity := wpj.Identity{State: wpj.StateNotRegistered, Detail: "BOB"}
	m.observations = []observation.Observation{
		{User: accounts.User{Name: "bob", UID: 501}, Identity: identity, LookedAt: registeredAt.Add(time.Hour)}}
	m.registrations = m.registrations[:1]
	m.gone = "jane"
	if names, primary := usersOf(t, m, asRoot); primary != "bob" ||
		!slices.Equal(names, []string{"bob", "jane (no account)"}) {
		t.Errorf("root sees %q, and %q is the primary one", names, primary)
	}
	answer, err := m.service().status(asJane) // whose uid bob has
	if err != nil || len(answer.GetUsers()) != 1 {
		t.Fatalf("%v, %v", answer, err)
	}
	if bob := answer.GetUsers()[0]; bob.GetUser().GetName() != "bob" || bob.GetLastRegistration() != nil {
		t.Errorf("bob sees %v", bob)
	}
}

// forgetter forgets nobody and remembers whom it was asked to.
type forgetter struct {
	asked []accounts.User
	err   error
}

func (f *forgetter) Forget(users ...accounts.User) (forgetting.Removed, error) {
	f.asked = append(f.asked, users...)
	return forgetting.Removed{Registrations: 2, Deliveries: 1}, f.err
}

func TestForgetUser(t *testing.T) {
	ctx := context.WithValue(t.Context(), actorKey{}, asRoot)
	m := newSharedMac()
	m.registrations = append(m.registrations,
		registration.Registration{ID: "an older one", Kind: registration.KindRegister,
			User: accounts.User{Name: "john", UID: 503}})
	for _, test := range []struct {
		name, gone string
		want       []accounts.User
		code       codes.Code
	}{
		{"jane", "", []accounts.User{{Name: "jane", UID: 501}}, codes.OK},
		{"john", "", []accounts.User{{Name: "john", UID: 502}, {Name: "john", UID: 503}}, codes.OK},
		{"john", "john", []accounts.User{{Name: "john", UID: 502}, {Name: "john", UID: 503}}, codes.OK},
		{"nobody", "", nil, codes.NotFound},
		{"", "", nil, codes.InvalidArgument},
	} {
		m.gone = test.gone
		fake := &forgetter{}
		service := &userService{forgetter: fake, status: m.service(), log: slog.New(slog.DiscardHandler)}
		answer, err := service.ForgetUser(ctx, &usherv1.ForgetUserRequest{User: test.name})
		if status.Code(err) != test.code || !slices.Equal(fake.asked, test.want) ||
			err == nil && (answer.GetRegistrations() != 2 || answer.GetUser().GetName() != test.name) {
			t.Errorf("%q: %v, %v; asked to forget %v", test.name, answer, err, fake.asked)
		}
	}
	refuses := &userService{forgetter: &forgetter{err: errors.New("the journal is away")}, status: m.service(),
		log: slog.New(slog.DiscardHandler)}
	if _, err := refuses.ForgetUser(ctx, &usherv1.ForgetUserRequest{User: "jane"}); err == nil {
		t.Error("an error of the journal is none")
	}
}
