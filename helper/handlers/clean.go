package handlers

import (
	"context"

	"usher.internal/helper/clean"
	"usher.internal/helper/gate"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Cleaner is the service's view of [clean.Cleaner].
type Cleaner interface {
	Find(ctx context.Context, user accounts.User) (clean.Remains, error)
	Remove(ctx context.Context, request clean.Request) (clean.Removal, error)
	List(filter clean.Filter) ([]clean.Removal, error)
}

type cleanService struct {
	usherv1.UnsafeCleanServiceServer
	cleaner  Cleaner
	foremost Foremost
}

func (s *cleanService) FindRemains(ctx context.Context,
	request *usherv1.FindRemainsRequest) (*usherv1.FindRemainsResponse, error) {
	user, err := s.user(gate.ActorFrom(ctx), request.GetUser())
	if err != nil {
		return nil, err
	}
	remains, err := s.cleaner.Find(ctx, user)
	if err != nil {
		return nil, err
	}
	response := remains.Proto()
	response.User = contract.UserToProto(user)
	return response, nil
}

func (s *cleanService) RemoveRemains(ctx context.Context,
	request *usherv1.RemoveRemainsRequest) (*usherv1.RemoveRemainsResponse, error) {
	actor := gate.ActorFrom(ctx)
	user, err := s.user(actor, request.GetUser())
	if err != nil {
		return nil, err
	}
	removal, err := s.cleaner.Remove(ctx,
		clean.Request{User: user, Caller: callerOf(actor), Force: request.GetForce(), IDs: request.GetIds()})
	if err != nil {
		return nil, err
	}
	return &usherv1.RemoveRemainsResponse{Removal: removal.Proto()}, nil
}

func (s *cleanService) ListRemovals(ctx context.Context,
	request *usherv1.ListRemovalsRequest) (*usherv1.ListRemovalsResponse, error) {
	actor := gate.ActorFrom(ctx)
	filter := clean.Filter{Limit: listed(request.GetLimit())}
	switch name := request.GetUser(); {
	case name != "":
		user, err := s.user(actor, name)
		if err != nil {
			return nil, err
		}
		filter.UID, filter.Name = &user.UID, user.Name
	case !actor.IsAdmin():
		own, err := ownOf(actor)
		if err != nil {
			return nil, err
		}
		filter.UID, filter.Name, filter.Nobody = own.UID, own.Name, own.Nobody
	}
	found, err := s.cleaner.List(filter)
	if err != nil {
		return nil, err
	}
	response := &usherv1.ListRemovalsResponse{}
	for _, one := range found {
		response.Removals = append(response.Removals, one.Proto())
	}
	return response, nil
}

// user returns the user of a request, by the rules of registrations, if the caller may act for them.
func (s *cleanService) user(actor *gate.Actor, name string) (accounts.User, error) {
	user, err := subject(actor, name, s.foremost)
	if err != nil {
		return accounts.User{}, err
	}
	return user, actor.MayActFor(user.UID)
}

// callerOf names the caller for the record. Root and a service account are not persons.
func callerOf(actor *gate.Actor) accounts.User {
	caller := accounts.User{UID: actor.UID()}
	if caller.UID == 0 {
		caller.Name = "root"
	} else if person, err := accounts.ByUID(caller.UID); err == nil {
		caller.Name = person.Name
	}
	return caller
}
