package handlers

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/clean"
	"usher.internal/helper/gate"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// fakeCleaner returns prepared answers, and records its requests.
type fakeCleaner struct {
	remains clean.Remains
	removal clean.Removal
	err     error
	user    accounts.User
	request clean.Request
	filter  clean.Filter
}

func (f *fakeCleaner) Find(_ context.Context, user accounts.User) (clean.Remains, error) {
	f.user = user
	return f.remains, f.err
}

func (f *fakeCleaner) Remove(_ context.Context, request clean.Request) (clean.Removal, error) {
	f.user, f.request = request.User, request
	return f.removal, f.err
}

func (f *fakeCleaner) List(filter clean.Filter) ([]clean.Removal, error) {
	f.filter = filter
	return []clean.Removal{f.removal}, f.err
}

type janeForemost struct{}

func (janeForemost) Foremost() (accounts.User, error) {
	return accounts.User{Name: "jane", UID: 501}, nil
}

func as(t *testing.T, uid uint32, admin bool) context.Context {
	t.Helper()
	return gate.WithActor(t.Context(), gate.NewActor(&link.Peer{UID: uid}, admin, nil))
}

var oneLeftover = clean.Leftover{ID: "aa", Kind: clean.KindGenericPassword, Name: wpj.AccountTenantID}

func TestCleanIsAboutWhoMayBeActedFor(t *testing.T) {
	fake := &fakeCleaner{}
	service := &cleanService{cleaner: fake, foremost: janeForemost{}}
	for name, call := range map[string]func(context.Context) error{
		"find": func(ctx context.Context) error {
			_, err := service.FindRemains(ctx, &usherv1.FindRemainsRequest{})
			return err
		},
		"remove": func(ctx context.Context) error {
			_, err := service.RemoveRemains(ctx, &usherv1.RemoveRemainsRequest{Force: true})
			return err
		},
	} {
		*fake = fakeCleaner{}
		ctx := as(t, 0, true)
		if err := call(ctx); err != nil || fake.user.UID != 501 || !gate.ActorFrom(ctx).Judged() {
			t.Errorf("%s: root without a name asks about %+v, %v", name, fake.user, err)
		}
		if name == "remove" && (fake.request.Caller != accounts.User{Name: "root"} || !fake.request.Force) {
			t.Errorf("request %+v", fake.request)
		}
	}
	*fake = fakeCleaner{}
	// The user at the Mac is not the caller here, and the caller may not act for them.
	forbidden := as(t, 0, false)
	_, err := service.RemoveRemains(forbidden, &usherv1.RemoveRemainsRequest{})
	if status.Code(err) != codes.PermissionDenied || fake.user.UID != 0 {
		t.Errorf("someone else: %v, asked about %+v", err, fake.user)
	}
	if _, err := service.FindRemains(forbidden, &usherv1.FindRemainsRequest{}); status.Code(err) !=
		codes.PermissionDenied || fake.user.UID != 0 {
		t.Errorf("someone else: %v", err)
	}
}

func TestRemovalsAreListedOfWhomOneMaySee(t *testing.T) {
	fake := &fakeCleaner{}
	service := &cleanService{cleaner: fake, foremost: janeForemost{}}
	if _, err := service.ListRemovals(as(t, 502, false), &usherv1.ListRemovalsRequest{Limit: 5000}); err != nil ||
		!fake.filter.Nobody || fake.filter.Limit != maximumListed { // here uid 502 belongs to nobody
		t.Errorf("%+v, %v", fake.filter, err)
	}
	if _, err := service.ListRemovals(as(t, uint32(os.Getuid()), true), &usherv1.ListRemovalsRequest{}); err != nil ||
		fake.filter.UID != nil || fake.filter.Limit != defaultListed {
		t.Errorf("%+v, %v", fake.filter, err)
	}
}

func TestCleanAnswers(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	fake := &fakeCleaner{
		remains: clean.Remains{Leftovers: []clean.Leftover{oneLeftover, {ID: "bb"}},
			Identity: wpj.Identity{State: wpj.StateOrphaned}, Objection: "why not"},
		removal: clean.Removal{Number: 1, User: accounts.User{Name: "jane", UID: 501}, At: at,
			Caller: accounts.User{Name: "root"}, Force: true,
			Removed: []clean.Removed{{Leftover: oneLeftover, Error: "locked"}}},
	}
	service := &cleanService{cleaner: fake, foremost: janeForemost{}}
	found, err := service.FindRemains(as(t, 0, true), &usherv1.FindRemainsRequest{})
	if err != nil || found.GetObjection() != "why not" ||
		found.GetIdentity().GetState() != usherv1.IdentityState_IDENTITY_STATE_ORPHANED ||
		len(found.GetLeftovers()) != 2 ||
		found.GetLeftovers()[0].GetKind() != usherv1.LeftoverKind_LEFTOVER_KIND_GENERIC_PASSWORD ||
		found.GetLeftovers()[1].GetKind() != usherv1.LeftoverKind_LEFTOVER_KIND_UNSPECIFIED ||
		found.GetUser().GetName() != "jane" {
		t.Errorf("%v, %v", found, err)
	}
	removed, err := service.RemoveRemains(as(t, 0, true), &usherv1.RemoveRemainsRequest{})
	removal := removed.GetRemoval()
	if err != nil || !removal.GetForce() || !removal.GetTime().AsTime().Equal(at) ||
		removal.GetCaller().GetName() != "root" ||
		removal.GetRemoved()[0].GetError() != "locked" ||
		removal.GetRemoved()[0].GetLeftover().GetName() != wpj.AccountTenantID {
		t.Errorf("%v, %v", removed, err)
	}
}

func TestErrorsOfCleaning(t *testing.T) {
	for sentinel, want := range map[error]struct {
		code   codes.Code
		reason usherv1.ErrorReason
	}{
		clean.ErrNoSession: {codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_NO_SESSION},
		clean.ErrObjection: {codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT},
		clean.ErrBusy:      {codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED},
		clean.ErrKeychain:  {codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE},
		clean.ErrAgent:     {codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED},
	} {
		service := &cleanService{cleaner: &fakeCleaner{
			err: fmt.Errorf("find leftovers of jane: %w: and why", sentinel)}, foremost: janeForemost{}}
		_, err := service.FindRemains(as(t, 0, true), &usherv1.FindRemainsRequest{})
		err = Translate(err)
		if status.Code(err) != want.code || contract.Reason(err) != want.reason ||
			contract.Metadata(err)[contract.Fix] == "" {
			t.Errorf("%v: got %v", sentinel, err)
		}
	}
}
