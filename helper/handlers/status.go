package handlers

import (
	"context"

	"usher.internal/helper/gate"
	"usher.internal/helper/status"
	usherv1 "usher.internal/proto/usher/v1"
)

// Status returns the state of this Mac; a [status.Reporter] is one.
type Status interface {
	For(viewer status.Viewer) (*usherv1.GetStatusResponse, error)
	// About returns the status of one user.
	About(viewer status.Viewer, uid uint32, name string) (*usherv1.GetStatusResponse, error)
	Watch(ctx context.Context, viewer status.Viewer, send func(*usherv1.GetStatusResponse) error) error
	LookAgain(ctx context.Context, viewer status.Viewer)
}

type statusService struct {
	usherv1.UnsafeStatusServiceServer
	status Status
}

func (s *statusService) GetStatus(ctx context.Context, request *usherv1.GetStatusRequest) (*usherv1.GetStatusResponse,
	error) {
	caller := gate.ActorFrom(ctx)
	if request.GetLookAgain() {
		s.status.LookAgain(ctx, caller)
	}
	return s.status.For(caller)
}

func (s *statusService) WatchStatus(_ *usherv1.WatchStatusRequest,
	stream usherv1.StatusService_WatchStatusServer) error {
	ctx := stream.Context()
	return s.status.Watch(ctx, gate.ActorFrom(ctx), func(status *usherv1.GetStatusResponse) error {
		return stream.Send(&usherv1.WatchStatusResponse{Status: status})
	})
}
