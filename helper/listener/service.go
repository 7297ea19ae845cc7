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
	if !s.settings().PersonalData {
		status = proto.CloneOf(status) // it is shared
		personal.Clear(status)
	}
	return status
}
