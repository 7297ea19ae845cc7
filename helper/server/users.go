package server

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	"usher.internal/helper/forget"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Forgetter is [forget.Forgetter], as the service uses it.
type Forgetter interface {
	Forget(uids ...uint32) (forget.Forgotten, error)
}

type userService struct {
	usherv1.UnimplementedUserServiceServer
	forgetter Forgetter
	status    *statusService
}

// ForgetUser finds the user by the name that the journal has: the account may be gone. Where one was made anew under another uid, both are meant.
func (s *userService) ForgetUser(_ context.Context, request *usherv1.ForgetUserRequest) (*usherv1.ForgetUserResponse, error) {
	name := request.GetUser()
	if name == "" || len(name) > maximumNameBytes {
		return nil, invalid("user", fmt.Sprintf("%.16q", name), "an account name")
	}
	known, err := s.status.snapshot()
	if err != nil {
		return nil, err
	}
	var user *usherv1.User
	var uids []uint32
	for _, one := range known.users {
		if one.User.Name == name {
			user = one.User
			uids = append(uids, one.User.Uid)
		}
	}
	if user == nil {
		return nil, contract.Error(codes.NotFound, usherv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND, "usher knows of no user "+name,
			contract.Fix, "`usherctl status` lists those that it knows")
	}
	forgotten, err := s.forgetter.Forget(uids...)
	if err != nil {
		return nil, err
	}
	return &usherv1.ForgetUserResponse{User: user, Registrations: int32(forgotten.Registrations), Deliveries: int32(forgotten.Deliveries)}, nil
}
