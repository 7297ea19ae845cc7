package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/portal"
)

// RunPortal implements usherv1.UserAgentServiceServer.
func (s *server) RunPortal(request *usherv1.RunPortalRequest, stream grpc.ServerStreamingServer[usherv1.RunPortalResponse]) error {
	return s.Portal.Run(stream.Context(), request.GetRegistrationId(), request.GetAttachOnly(), func(event portal.Event) error {
		return stream.Send(eventToProto(event))
	})
}

// StopPortal implements usherv1.UserAgentServiceServer.
func (s *server) StopPortal(ctx context.Context, request *usherv1.StopPortalRequest) (*usherv1.StopPortalResponse, error) {
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
			Name:         exit.Signal.String(),
			Admin:        fmt.Sprintf("Company Portal was ended by a signal (%s): it crashed, or somebody or the system ended it.", exit.Signal),
			User:         "Company Portal was closed before the registration was complete. Start it again.",
			RetryCanHelp: true,
		}
		message.How = &usherv1.PortalExit_Signal{Signal: int32(exit.Signal)}
	default:
		info = wpj.ExitCodeInfo{
			Name:         "unknown",
			Admin:        "Company Portal has ended while nobody watched, and its log does not say how; read its log in ~/Library/Logs/Company Portal.",
			User:         "It is not known whether the registration worked. Start it again.",
			RetryCanHelp: true,
		}
		message.How = &usherv1.PortalExit_Unknown{Unknown: true}
	}
	message.Name, message.AdminAdvice, message.UserAdvice, message.RetryCanHelp = info.Name, info.Admin, info.User, info.RetryCanHelp
	return message
}
