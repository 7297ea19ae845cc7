package useragent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/keychain"
	"usher.internal/useragent/leftovers"
)

type fakeLeftovers struct {
	found   []leftovers.Leftover
	err     error
	removed []string
}

func (f *fakeLeftovers) Find(context.Context) ([]leftovers.Leftover, error) { return f.found, f.err }

func (f *fakeLeftovers) Remove(_ context.Context, ids []string) (removed []leftovers.Removed) {
	f.removed = ids
	for _, id := range ids {
		removed = append(removed, leftovers.Removed{Leftover: leftovers.Leftover{ID: id}, Err: f.err})
	}
	return removed
}

func TestLeftoversAcrossTheLink(t *testing.T) {
	fake := &fakeLeftovers{}
	kinds := []leftovers.Kind{leftovers.KindCertificate, leftovers.KindKey, leftovers.KindGenericPassword,
		leftovers.KindFile}
	for _, kind := range kinds {
		fake.found = append(fake.found, leftovers.Leftover{ID: "id of " + string(kind), Kind: kind, Name: "name"})
	}
	c := newServer(serverConfig{Leftovers: fake})
	response, err := c.FindLeftovers(t.Context(), nil)
	if err != nil || len(response.GetLeftovers()) != len(kinds) {
		t.Fatalf("%v, %v", response, err)
	}
	for i, one := range response.GetLeftovers() {
		if int(one.GetKind()) != i+1 || one.GetName() != "name" || one.GetId() != "id of "+string(kinds[i]) {
			t.Errorf("%v", one)
		}
	}
	fake.err = keychain.ErrNotRemovable
	removed, err := c.RemoveLeftovers(t.Context(), &usherv1.RemoveLeftoversRequest{Ids: []string{"a", "b"}})
	if err != nil || !slices.Equal(fake.removed, []string{"a", "b"}) || len(removed.GetRemoved()) != 2 {
		t.Fatalf("%v, %v", removed, err)
	}
	if one := removed.GetRemoved()[1]; one.GetError() != keychain.ErrNotRemovable.Error() ||
		one.GetLeftover().GetId() != "b" {
		t.Errorf("%v", one)
	}
}

func TestLeftoversThatCouldNotBeLookedFor(t *testing.T) {
	for cause, reason := range map[error]usherv1.ErrorReason{
		fmt.Errorf("%w: %w", leftovers.ErrKeychain,
			keychain.ErrLocked): usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE,
		fmt.Errorf("%w: %w", leftovers.ErrHome,
			fs.ErrInvalid): usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED,
	} {
		_, err := newServer(serverConfig{Leftovers: &fakeLeftovers{err: cause}}).FindLeftovers(t.Context(), nil)
		mapped, defect := statusOf(err)
		if defect || status.Code(mapped) != codes.FailedPrecondition || contract.Reason(mapped) != reason {
			t.Errorf("%v, defect %t", mapped, defect)
		}
	}
	_, err := newServer(serverConfig{Leftovers: &fakeLeftovers{}}).RemoveLeftovers(t.Context(),
		&usherv1.RemoveLeftoversRequest{Ids: make([]string, maximumLeftovers+1)})
	if !errors.Is(err, errInvalid) {
		t.Errorf("too many ids: %v", err)
	}
}

func TestTheServerCleans(t *testing.T) {
	fake := &fakeLeftovers{found: []leftovers.Leftover{{ID: "a", Kind: leftovers.KindKey, Name: "name"}}}
	agent := call(t, serverConfig{Leftovers: fake})
	response, err := agent.FindLeftovers(t.Context(), &usherv1.FindLeftoversRequest{})
	if err != nil || len(response.GetLeftovers()) != 1 {
		t.Errorf("%v, %v", response, err)
	}
	if _, err := agent.RemoveLeftovers(t.Context(), &usherv1.RemoveLeftoversRequest{Ids: []string{"a"}}); err != nil ||
		!slices.Equal(fake.removed, []string{"a"}) {
		t.Errorf("removed %q, %v", fake.removed, err)
	}
	fake.err = leftovers.ErrKeychain
	if _, err := agent.FindLeftovers(t.Context(), &usherv1.FindLeftoversRequest{}); contract.Reason(err) !=
		usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE {
		t.Errorf("got %v", err)
	}
}
