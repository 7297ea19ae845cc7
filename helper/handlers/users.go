package handlers

import (
	"context"
	"fmt"
	"log/slog"

	"google.golang.org/grpc/codes"

	"usher.internal/helper/forgetting"
	"usher.internal/helper/gate"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Forgetter is the service's view of [forgetting.Forgetter].
type Forgetter interface {
	Forget(users ...accounts.User) (forgetting.Removed, error)
}

type userService struct {
	usherv1.UnsafeUserServiceServer
	forgetter Forgetter
	status    Status
	log       *slog.Logger
}

// ForgetUser finds the user by the name in the status: the account may no longer exist. If there is a new account of
// that name, the old one is meant.
func (s *userService) ForgetUser(ctx context.Context, request *usherv1.ForgetUserRequest) (*usherv1.ForgetUserResponse,
	error) {
	name := request.GetUser()
	if name == "" || len(name) > maximumNameBytes {
		return nil, invalid("user", fmt.Sprintf("%.16q", name), "an account name")
	}
	status, err := s.status.For(gate.ActorFrom(ctx))
	if err != nil {
		return nil, err
	}
	var there, gone []accounts.User
	for _, one := range status.GetUsers() {
		switch user := contract.UserFromProto(one.GetUser()); {
		case user.Name != name:
		case one.GetNoAccount():
			gone = append(gone, user)
		default:
			there = append(there, user)
		}
	}
	if len(gone) == 0 {
		gone = there
	}
	if len(gone) == 0 {
		return nil, contract.Error(codes.NotFound, usherv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND,
			"usher knows of no user "+name,
			contract.Fix, "`usherctl status` lists those that it knows")
	}
	removed, err := s.forgetter.Forget(gone...)
	if err != nil {
		return nil, err
	}
	// An admin may later ask who had history removed.
	for _, user := range gone {
		s.log.Info("a user was forgotten", "forgotten_uid", user.UID, "uid", gate.ActorFrom(ctx).UID(),
			"registrations", removed.Registrations, "deliveries", removed.Deliveries)
	}
	return &usherv1.ForgetUserResponse{
		User: contract.UserToProto(gone[0]), Registrations: int32(removed.Registrations),
		Deliveries: int32(removed.Deliveries),
	}, nil
}
