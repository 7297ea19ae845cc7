package handlers

import (
	"errors"
	"log/slog"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/forgetting"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

// noSessions is a Mac where nobody is logged in.
type noSessions struct{ janeForemost }

func (noSessions) List() []sessions.Session { return nil }

func (noSessions) Watch() ([]sessions.Session, <-chan struct{}) { return nil, nil }

// forgetter forgets nobody and records the users in its requests.
type forgetter struct {
	asked []accounts.User
	err   error
}

func (f *forgetter) Forget(users ...accounts.User) (forgetting.Removed, error) {
	f.asked = append(f.asked, users...)
	return forgetting.Removed{Registrations: 2, Deliveries: 1}, f.err
}

func TestForgetUser(t *testing.T) {
	ctx := as(t, 0, true)
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
		service := &userService{forgetter: fake, status: m.status(noSessions{}), log: slog.New(slog.DiscardHandler)}
		answer, err := service.ForgetUser(ctx, &usherv1.ForgetUserRequest{User: test.name})
		if status.Code(err) != test.code || !slices.Equal(fake.asked, test.want) ||
			err == nil && (answer.GetRegistrations() != 2 || answer.GetUser().GetName() != test.name) {
			t.Errorf("%q: %v, %v; asked to forget %v", test.name, answer, err, fake.asked)
		}
	}
	refuses := &userService{forgetter: &forgetter{err: errors.New("the journal is away")},
		status: m.status(noSessions{}),
		log:    slog.New(slog.DiscardHandler)}
	if _, err := refuses.ForgetUser(ctx, &usherv1.ForgetUserRequest{User: "jane"}); err == nil {
		t.Error("an error of the journal is lost")
	}
}
