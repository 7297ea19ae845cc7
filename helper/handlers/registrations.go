package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"usher.internal/helper/gate"
	"usher.internal/helper/registration"
	"usher.internal/helper/wire"
	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

// Registrations is the services' view of the state machine.
type Registrations interface {
	Start(ctx context.Context, request registration.StartRequest) (started registration.Registration, attached bool,
		err error)
	Get(id string) (registration.Registration, error)
	List(filter registration.Filter) ([]registration.Registration, error)
	Watch(ctx context.Context, id string, send func(registration.Registration) error) error
	Cancel(ctx context.Context, id, by string) (registration.Registration, error)
}

// Limits for the sign-in time that a caller may request.
const (
	minimumSignIn = time.Second
	maximumSignIn = 24 * time.Hour
)

type registrationService struct {
	usherv1.UnsafeRegistrationServiceServer
	registrations Registrations
	foremost      Foremost
}

func (s *registrationService) StartRegistration(ctx context.Context,
	request *usherv1.StartRegistrationRequest) (*usherv1.StartRegistrationResponse, error) {
	actor := gate.ActorFrom(ctx)
	kind := registration.Kinds.FromProto(request.GetKind())
	if kind == "" {
		return nil, invalid("kind", request.GetKind(), "REGISTER or GATHER")
	}
	var limit time.Duration
	if asked := request.GetSignInTimeout(); asked != nil {
		limit = asked.AsDuration()
		if limit < minimumSignIn || limit > maximumSignIn {
			return nil, invalid("sign_in_timeout", limit, fmt.Sprintf("%s to %s", minimumSignIn, maximumSignIn))
		}
	}
	person, err := subject(actor, request.GetUser(), s.foremost)
	if err != nil {
		return nil, err
	}
	if err := actor.MayActFor(person.UID); err != nil {
		return nil, err
	}
	start := registration.StartRequest{
		Kind: kind, User: person, SignInTimeout: limit,
		Limited: actor.IsOrdinary(person.UID),
	}
	started, attached, err := s.registrations.Start(ctx, start)
	if errors.Is(err, registration.ErrTooManyStarts) && actor.IsAdmin() {
		start.Limited = false
		started, attached, err = s.registrations.Start(ctx, start)
	}
	if err != nil {
		return nil, err
	}
	return &usherv1.StartRegistrationResponse{Registration: wire.RegistrationFor(actor, started), Attached: attached},
		nil
}

func (s *registrationService) GetRegistration(ctx context.Context,
	request *usherv1.GetRegistrationRequest) (*usherv1.GetRegistrationResponse, error) {
	found, err := s.get(ctx, request.GetId())
	if err != nil {
		return nil, err
	}
	return &usherv1.GetRegistrationResponse{Registration: wire.RegistrationFor(gate.ActorFrom(ctx), found)}, nil
}

// get returns the registration with that id, or the only one with that prefix, among those that the caller may act for.
// Anyone else's id is reported as not found: ids show when a registration began, to the millisecond.
func (s *registrationService) get(ctx context.Context, id string) (registration.Registration, error) {
	if id == "" || len(id) > maximumNameBytes {
		return registration.Registration{},
			invalid("id", fmt.Sprintf("%.16q", id), "the id of a registration or a prefix of one")
	}
	actor := gate.ActorFrom(ctx)
	if actor.IsAdmin() {
		return s.registrations.Get(id)
	}
	filter, err := ownOf(actor)
	if err != nil {
		return registration.Registration{}, err
	}
	own, err := s.registrations.List(filter)
	if err != nil {
		return registration.Registration{}, err
	}
	found, err := only(own, id)
	if undecided := actor.Undecided(); errors.Is(err, registration.ErrNotFound) && undecided != nil {
		return registration.Registration{}, undecided
	}
	return found, err
}

// only returns the one registration with that id or prefix.
func only(among []registration.Registration, id string) (found registration.Registration, err error) {
	err = fmt.Errorf("get registration %s: %w", id, registration.ErrNotFound)
	for _, one := range among {
		switch {
		case one.ID == id:
			return one, nil
		case !strings.HasPrefix(one.ID, id):
		case err == nil:
			return registration.Registration{}, fmt.Errorf("get registration %s: %w", id, registration.ErrAmbiguousID)
		default:
			found, err = one, nil
		}
	}
	return found, err
}

func (s *registrationService) ListRegistrations(ctx context.Context,
	request *usherv1.ListRegistrationsRequest) (*usherv1.ListRegistrationsResponse, error) {
	actor := gate.ActorFrom(ctx)
	filter := registration.Filter{Limit: listed(request.GetLimit())}
	switch name := request.GetUser(); {
	case name != "":
		person, err := subject(actor, name, s.foremost)
		if errors.Is(err, accounts.ErrNotAPerson) && actor.IsAdmin() {
			// The account may have been deleted, but not its history.
			if known, listErr := s.registrations.List(registration.Filter{Name: name, Limit: 1}); listErr == nil &&
				len(known) > 0 {
				filter.Name = name
				break
			}
		}
		if err != nil {
			return nil, err
		}
		if err := actor.MayActFor(person.UID); err != nil {
			return nil, err
		}
		filter.UID, filter.Name = &person.UID, person.Name
	case !actor.IsAdmin():
		own, err := ownOf(actor)
		if err != nil {
			return nil, err
		}
		own.Limit = filter.Limit
		filter = own
	}
	found, err := s.registrations.List(filter)
	if err != nil {
		return nil, err
	}
	response := &usherv1.ListRegistrationsResponse{}
	for _, one := range found {
		response.Registrations = append(response.Registrations, wire.RegistrationFor(actor, one))
	}
	return response, nil
}

func (s *registrationService) WatchRegistration(request *usherv1.WatchRegistrationRequest,
	stream usherv1.RegistrationService_WatchRegistrationServer) error {
	found, err := s.get(stream.Context(), request.GetId())
	if err != nil {
		return err
	}
	actor := gate.ActorFrom(stream.Context())
	return s.registrations.Watch(stream.Context(), found.ID, func(now registration.Registration) error {
		return stream.Send(&usherv1.WatchRegistrationResponse{Registration: wire.RegistrationFor(actor, now)})
	})
}

func (s *registrationService) CancelRegistration(ctx context.Context,
	request *usherv1.CancelRegistrationRequest) (*usherv1.CancelRegistrationResponse, error) {
	found, err := s.get(ctx, request.GetId())
	if err != nil {
		return nil, err
	}
	cancelled, err := s.registrations.Cancel(ctx, found.ID, fmt.Sprintf("uid %d", gate.ActorFrom(ctx).UID()))
	if err != nil {
		return nil, err
	}
	return &usherv1.CancelRegistrationResponse{Registration: wire.RegistrationFor(gate.ActorFrom(ctx), cancelled)}, nil
}
