package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/leftovers"
)

// leftoverKeeper is what the cleaner asks of [leftovers.Leftovers].
type leftoverKeeper interface {
	Find(ctx context.Context) ([]leftovers.Leftover, error)
	Remove(ctx context.Context, ids []string) []leftovers.Removed
}

// Limits of one call.
const (
	maximumLeftovers = 256
	cleanWithin      = 30 * time.Second
)

// cleaner serves FindLeftovers and RemoveLeftovers, to be embedded in the server. Whether a registration may be removed is the
// helper's to say.
type cleaner struct{ leftovers leftoverKeeper }

func newCleaner(leftovers leftoverKeeper) cleaner { return cleaner{leftovers} }

// FindLeftovers implements usherv1.UserAgentServiceServer.
func (c cleaner) FindLeftovers(ctx context.Context, _ *usherv1.FindLeftoversRequest) (*usherv1.FindLeftoversResponse, error) {
	ctx, cancel := cleaning(ctx)
	defer cancel()
	found, err := c.leftovers.Find(ctx)
	if err != nil {
		reason := usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED
		if errors.Is(err, leftovers.ErrKeychain) {
			reason = usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE
		}
		return nil, contract.Error(codes.FailedPrecondition, reason, "find leftovers: "+err.Error())
	}
	response := &usherv1.FindLeftoversResponse{}
	for _, one := range found {
		response.Leftovers = append(response.Leftovers, leftoverToProto(one))
	}
	return response, nil
}

// RemoveLeftovers implements usherv1.UserAgentServiceServer.
func (c cleaner) RemoveLeftovers(ctx context.Context, request *usherv1.RemoveLeftoversRequest) (*usherv1.RemoveLeftoversResponse, error) {
	if count := len(request.GetIds()); count > maximumLeftovers {
		return nil, fmt.Errorf("%w: at most %d ids may be named, and %d are", errInvalid, maximumLeftovers, count)
	}
	ctx, cancel := cleaning(ctx)
	defer cancel()
	response := &usherv1.RemoveLeftoversResponse{}
	for _, one := range c.leftovers.Remove(ctx, request.GetIds()) {
		removed := &usherv1.RemovedLeftover{Leftover: leftoverToProto(one.Leftover)}
		if one.Err != nil {
			removed.Error = one.Err.Error()
		}
		response.Removed = append(response.Removed, removed)
	}
	return response, nil
}

func cleaning(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, cleanWithin, fmt.Errorf("no answer within %s", cleanWithin))
}

// leftoverToProto translates by the contract's own names; a leftover of which the id alone is known has no kind.
func leftoverToProto(one leftovers.Leftover) *usherv1.Leftover {
	return &usherv1.Leftover{
		Id: one.ID, Kind: usherv1.LeftoverKind(usherv1.LeftoverKind_value["LEFTOVER_KIND_"+string(one.Kind)]), Name: one.Name,
	}
}
