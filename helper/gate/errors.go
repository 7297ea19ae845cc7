package gate

import (
	"context"
	"log/slog"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// errShuttingDown is the error of streams when the server drains.
var errShuttingDown = contract.Error(codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
	"usherd is shutting down", contract.Fix, "call again in a moment")

// toStatus returns err as a gRPC status with a reason. An error that is in no table is a defect. It is logged here, and
// the caller learns only that.
func (s *Server) toStatus(ctx context.Context, method string, err error) error {
	if cause := context.Cause(ctx); cause == errShuttingDown {
		return cause
	}
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	if _, isStatus := status.FromError(err); isStatus {
		return err
	}
	if known := s.translate(err); known != nil {
		return known
	}
	s.log.LogAttrs(ctx, slog.LevelError, "call ended with a defect", slog.String("method", method),
		slog.Any("error", err))
	return contract.Error(codes.Internal, usherv1.ErrorReason_ERROR_REASON_INTERNAL,
		"usherd met a defect; its log says more")
}
