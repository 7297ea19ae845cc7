package listener

import (
	"context"
	"log/slog"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/contract"
	"usher.internal/internal/personal"
	usherv1 "usher.internal/proto/usher/v1"
)

// service is the whole service of the listener.
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
			"nothing can be started on a Mac over the network, so look_again is not allowed", contract.Fix,
			"leave look_again out, or run `usherctl status --look` on that Mac")
	}
	status, err := s.status.Status()
	if err != nil {
		return nil, s.failed(err)
	}
	return s.visible(status), nil
}

// WatchStatus implements the service.
func (s *service) WatchStatus(_ *usherv1.WatchStatusRequest, stream usherv1.StatusService_WatchStatusServer) error {
	var sent *usherv1.GetStatusResponse
	err := s.status.WatchStatus(stream.Context(), func(status *usherv1.GetStatusResponse) error {
		shown := s.visible(status)
		if proto.Equal(shown, sent) {
			return nil // only the omitted part has changed
		}
		sent = shown
		return stream.Send(&usherv1.WatchStatusResponse{Status: shown})
	})
	if _, isStatus := status.FromError(err); isStatus || stream.Context().Err() != nil {
		return err
	}
	return s.failed(err)
}

// failed returns the error for a client. The original error may contain what a status must not.
func (s *service) failed(err error) error {
	s.log.Error("the status cannot be sent over the listener", "error", err)
	return contract.Error(codes.Internal, usherv1.ErrorReason_ERROR_REASON_INTERNAL, "the status cannot be read",
		contract.Fix, "see the log of usherd on that Mac")
}

// visible returns the part of a status that a client gets.
func (s *service) visible(status *usherv1.GetStatusResponse) *usherv1.GetStatusResponse {
	if !s.settings().PersonalData {
		status = proto.CloneOf(status) // it is shared
		personal.Clear(status)
	}
	return status
}
