package listener

import (
	"context"
	"log/slog"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// service is all that can be asked.
type service struct {
	usherv1.UnimplementedStatusServiceServer
	status   Status
	settings func() Settings
	log      *slog.Logger
}

// GetStatus implements the service.
func (s *service) GetStatus(_ context.Context, request *usherv1.GetStatusRequest) (*usherv1.GetStatusResponse, error) {
	if request.GetLookAgain() {
		return nil, contract.Error(codes.PermissionDenied, usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED,
			"from afar nothing is set off on a Mac, so look_again cannot be asked for", contract.Fix,
			"leave look_again out, or run `usherctl status --look` on that Mac")
	}
	status, err := s.status.Status()
	if err != nil {
		return nil, s.failed(err)
	}
	return s.told(status), nil
}

// WatchStatus implements the service.
func (s *service) WatchStatus(_ *usherv1.WatchStatusRequest, stream usherv1.StatusService_WatchStatusServer) error {
	var sent *usherv1.GetStatusResponse
	err := s.status.WatchStatus(stream.Context(), func(status *usherv1.GetStatusResponse) error {
		told := s.told(status)
		if proto.Equal(told, sent) {
			return nil // only what is left out has changed
		}
		sent = told
		return stream.Send(&usherv1.WatchStatusResponse{Status: told})
	})
	if _, told := status.FromError(err); told || stream.Context().Err() != nil {
		return err
	}
	return s.failed(err)
}

// failed is what a client gets of an error, which may tell what a status must not.
func (s *service) failed(err error) error {
	s.log.Error("the status cannot be told over the listener", "error", err)
	return contract.Error(codes.Internal, usherv1.ErrorReason_ERROR_REASON_INTERNAL, "the status cannot be read",
		contract.Fix, "see the log of usherd on that Mac")
}

// told is what a client gets of a status.
func (s *service) told(status *usherv1.GetStatusResponse) *usherv1.GetStatusResponse {
	if s.settings().PersonalData {
		return status
	}
	return impersonal(status)
}

// impersonal returns what of a status tells nothing about a person: it copies what is known to be harmless, so that a
// field that comes later is left out until somebody has thought about it.
func impersonal(status *usherv1.GetStatusResponse) *usherv1.GetStatusResponse {
	helper := status.GetHelper()
	kept := &usherv1.GetStatusResponse{
		Computer: &usherv1.ComputerStatus{OperatingSystem: status.GetComputer().GetOperatingSystem()},
		Helper: &usherv1.HelperStatus{Version: helper.GetVersion(), StartTime: helper.GetStartTime(),
			DeliveryMode: helper.GetDeliveryMode()},
	}
	if outbox := status.GetOutbox(); outbox != nil {
		kept.Outbox = &usherv1.OutboxStatus{
			Pending: outbox.GetPending(), Refused: outbox.GetRefused(),
			NextAttemptTime: outbox.GetNextAttemptTime(), LastDeliveredTime: outbox.GetLastDeliveredTime(),
		}
	}
	for _, user := range status.GetUsers() {
		identity, last := user.GetIdentity(), user.GetLastRegistration()
		one := &usherv1.UserStatus{
			User:     &usherv1.User{Uid: user.GetUser().GetUid()},
			LookTime: user.GetLookTime(),
		}
		if session := user.GetSession(); session != nil {
			one.Session = &usherv1.SessionStatus{
				AgentVersion: session.GetAgentVersion(), ConnectTime: session.GetConnectTime(),
				OnConsole: session.GetOnConsole(), AgentPid: session.GetAgentPid(),
			}
		}
		if identity != nil {
			one.Identity = &usherv1.Identity{
				State: identity.GetState(), TenantId: identity.GetTenantId(), Source: identity.GetSource(),
				Rule:      identity.GetRule(),
				NotBefore: identity.GetNotBefore(), NotAfter: identity.GetNotAfter(),
				ObserveTime: identity.GetObserveTime(),
			}
		}
		if last != nil {
			one.LastRegistration = &usherv1.Registration{
				Id: last.GetId(), Kind: last.GetKind(), State: last.GetState(), FailureReason: last.GetFailureReason(),
				CreateTime: last.GetCreateTime(), UpdateTime: last.GetUpdateTime(),
				DeliveryState: last.GetDeliveryState(),
			}
			if exit := last.GetPortalExit(); exit != nil {
				one.LastRegistration.PortalExit = &usherv1.PortalExit{
					How: exit.GetHow(), FromLog: exit.GetFromLog(), Name: exit.GetName(),
					RetryCanHelp: exit.GetRetryCanHelp(),
				}
			}
		}
		kept.Users = append(kept.Users, one)
	}
	return kept
}
