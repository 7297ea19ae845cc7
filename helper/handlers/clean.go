package handlers

import (
	"context"

	"usher.internal/helper/clean"
	"usher.internal/helper/gate"
	"usher.internal/helper/wire"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Cleaner is [clean.Cleaner], as the service uses it.
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
	response := &usherv1.FindRemainsResponse{
		User: cleanUserToProto(user), Identity: contract.IdentityToProto(&remains.Identity),
		Objection: remains.Objection,
	}
	for _, one := range remains.AtRisk {
		response.AtRisk = append(response.AtRisk, &usherv1.RegistrationAtRisk{
			DeviceId: string(one.DeviceID), TenantId: string(one.TenantID), Source: contract.SourceToProto(one.Source),
			Place: one.Place, Reason: one.Reason,
		})
	}
	for _, one := range remains.Leftovers {
		response.Leftovers = append(response.Leftovers, leftoverToProto(one))
	}
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
	return &usherv1.RemoveRemainsResponse{Removal: removalToProto(removal)}, nil
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
		response.Removals = append(response.Removals, removalToProto(one))
	}
	return response, nil
}

// user is whom a request is about, by the rules of registrations, if the caller may act for him.
func (s *cleanService) user(actor *gate.Actor, name string) (accounts.User, error) {
	user, err := subject(actor, name, s.foremost)
	if err != nil {
		return accounts.User{}, err
	}
	return user, actor.MayActFor(user.UID)
}

// callerOf names who asked, for the record. Root and a service account are no persons.
func callerOf(actor *gate.Actor) accounts.User {
	caller := accounts.User{UID: actor.UID()}
	if caller.UID == 0 {
		caller.Name = "root"
	} else if person, err := accounts.ByUID(caller.UID); err == nil {
		caller.Name = person.Name
	}
	return caller
}

func cleanUserToProto(user accounts.User) *usherv1.User {
	return &usherv1.User{Name: user.Name, Uid: user.UID}
}

func leftoverToProto(one clean.Leftover) *usherv1.Leftover {
	return &usherv1.Leftover{
		Id: one.ID, Kind: wire.Enum[usherv1.LeftoverKind](usherv1.LeftoverKind_value, "LEFTOVER_KIND_",
			string(one.Kind)), Name: one.Name,
	}
}

func removalToProto(removal clean.Removal) *usherv1.Removal {
	message := &usherv1.Removal{
		User: cleanUserToProto(removal.User), Time: contract.Timestamp(removal.At),
		Caller: cleanUserToProto(removal.Caller), Force: removal.Force,
	}
	for _, one := range removal.Removed {
		message.Removed = append(message.Removed,
			&usherv1.RemovedLeftover{Leftover: leftoverToProto(one.Leftover), Error: one.Error})
	}
	return message
}
