package useragent

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/identity"
	"usher.internal/useragent/portal"
)

// RunPortal implements usherv1.UserAgentServiceServer.
func (s *server) RunPortal(request *usherv1.RunPortalRequest,
	stream grpc.ServerStreamingServer[usherv1.RunPortalResponse]) error {
	ctx, id := stream.Context(), request.GetRegistrationId()
	send := func(event portal.Event) error { return stream.Send(eventToProto(event)) }
	err := s.Portal.Run(ctx, id, true, send)
	if request.GetAttachOnly() || !errors.Is(err, portal.ErrRunNotFound) {
		return err
	}
	if err := s.mayLaunch(ctx); err != nil {
		return err
	}
	return s.Portal.Run(ctx, id, false, send)
}

// mayLaunch returns an error if macOS says that Microsoft's Platform SSO is configured for the user, whatever sources
// the configuration names. Company Portal with -r would make a second registration of the old kind. usherd asks before
// it too. This is the last moment to ask, and the only one on a Mac whose sources do not include platform_sso.
func (s *server) mayLaunch(ctx context.Context) error {
	said := identity.PlatformSSO(s.now.Load().AppSSO).Look(ctx)
	if said.PlatformSSO != nil && said.PlatformSSO.Provider() == wpj.ProviderMicrosoft {
		return errPlatformSSO
	}
	return nil
}

// StopPortal implements usherv1.UserAgentServiceServer.
func (s *server) StopPortal(ctx context.Context, request *usherv1.StopPortalRequest) (*usherv1.StopPortalResponse,
	error) {
	exit, err := s.Portal.Stop(ctx, request.GetRegistrationId())
	if err != nil {
		return nil, err
	}
	return &usherv1.StopPortalResponse{Exit: contract.ExitToProto(&exit)}, nil
}

func eventToProto(event portal.Event) *usherv1.RunPortalResponse {
	switch event := event.(type) {
	case portal.Started:
		return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Started{Started: &usherv1.PortalStarted{
			Pid: int32(event.PID), StartTime: contract.Timestamp(event.Time), Attached: event.Attached,
		}}}
	case wpj.Milestone:
		return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Milestone{
			Milestone: contract.MilestoneToProto(event)}}
	case wpj.Exit:
		return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Exit{Exit: contract.ExitToProto(&event)}}
	}
	panic(fmt.Sprintf("an event of type %T", event))
}
