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

// mayLaunch returns an error where macOS says that Microsoft's Platform SSO is configured for the user, whatever
// sources the configuration names: Company Portal with -r would make a second registration of the old kind. usherd asks
// before it too; this is the last moment, and for a Mac where platform_sso is not among the sources the only one.
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
	return &usherv1.StopPortalResponse{Exit: exitToProto(exit)}, nil
}

func eventToProto(event portal.Event) *usherv1.RunPortalResponse {
	switch event := event.(type) {
	case portal.Started:
		return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Started{Started: &usherv1.PortalStarted{
			Pid: int32(event.PID), StartTime: contract.Timestamp(event.Time), Attached: event.Attached,
		}}}
	case portal.Milestone:
		return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Milestone{Milestone: &usherv1.Milestone{
			Kind: usherv1.MilestoneKind(usherv1.MilestoneKind_value["MILESTONE_KIND_"+string(event.Kind)]),
			Time: contract.Timestamp(event.Time), Detail: event.Detail,
		}}}
	case portal.Exit:
		return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Exit{Exit: exitToProto(event)}}
	}
	panic(fmt.Sprintf("an event of type %T", event))
}

func exitToProto(exit portal.Exit) *usherv1.PortalExit {
	message := &usherv1.PortalExit{FromLog: exit.FromLog}
	var info wpj.ExitCodeInfo
	switch {
	case exit.Code != nil:
		info, _ = exit.Code.Info()
		message.How = &usherv1.PortalExit_Code{Code: int32(*exit.Code)}
	case exit.Signal != 0:
		info = wpj.ExitCodeInfo{
			Name: exit.Signal.String(),
			Admin: fmt.Sprintf("Company Portal was ended by a signal (%s): it crashed, or somebody or the "+
				"system ended it.", exit.Signal),
			User:         "Company Portal was closed before the registration was complete. Start it again.",
			RetryCanHelp: true,
		}
		message.How = &usherv1.PortalExit_Signal{Signal: int32(exit.Signal)}
	default:
		info = wpj.ExitCodeInfo{
			Name: "unknown",
			Admin: "Company Portal has ended while nobody watched, and its log does not say how; read its log " +
				"in ~/Library/Logs/Company Portal.",
			User:         "It is not known whether the registration worked. Start it again.",
			RetryCanHelp: true,
		}
		message.How = &usherv1.PortalExit_Unknown{Unknown: true}
	}
	message.Name, message.AdminAdvice, message.UserAdvice, message.RetryCanHelp = info.Name, info.Admin, info.User,
		info.RetryCanHelp
	return message
}
