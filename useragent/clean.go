package useragent

import (
	"context"
	"fmt"
	"time"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/leftovers"
)

// leftoverKeeper is what the server needs of [leftovers.Leftovers].
type leftoverKeeper interface {
	Find(ctx context.Context) ([]leftovers.Leftover, error)
	Remove(ctx context.Context, ids []string) []leftovers.Removed
}

// Limits of one call.
const (
	maximumLeftovers = 256
	cleanWithin      = 30 * time.Second
)

// FindLeftovers implements usherv1.UserAgentServiceServer.
func (s *server) FindLeftovers(ctx context.Context, _ *usherv1.FindLeftoversRequest) (*usherv1.FindLeftoversResponse,
	error) {
	ctx, cancel := cleaning(ctx)
	defer cancel()
	found, err := s.Leftovers.Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("find leftovers: %w", err)
	}
	response := &usherv1.FindLeftoversResponse{}
	for _, one := range found {
		response.Leftovers = append(response.Leftovers, leftoverToProto(one))
	}
	return response, nil
}

// RemoveLeftovers implements usherv1.UserAgentServiceServer. The helper decides whether a registration may be removed.
func (s *server) RemoveLeftovers(ctx context.Context,
	request *usherv1.RemoveLeftoversRequest) (*usherv1.RemoveLeftoversResponse, error) {
	if count := len(request.GetIds()); count > maximumLeftovers {
		return nil, fmt.Errorf("%w: at most %d ids may be named, and %d are", errInvalid, maximumLeftovers, count)
	}
	ctx, cancel := cleaning(ctx)
	defer cancel()
	response := &usherv1.RemoveLeftoversResponse{}
	for _, one := range s.Leftovers.Remove(ctx, request.GetIds()) {
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

// leftoverToProto translates by the contract's own names; a leftover of which only the id is known has no kind.
func leftoverToProto(one leftovers.Leftover) *usherv1.Leftover {
	return &usherv1.Leftover{
		Id: one.ID, Kind: contract.Value[usherv1.LeftoverKind](one.Kind), Name: one.Name,
	}
}
