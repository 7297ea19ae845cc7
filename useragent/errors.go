package useragent

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/leftovers"
	"usher.internal/useragent/portal"
)

var (
	// errInvalid is wrapped when the argument of a call cannot be used.
	errInvalid = errors.New("invalid argument")
	// errKeychain is wrapped when the login keychain could not be used.
	errKeychain = errors.New("login keychain")
	// errPlatformSSO says that Company Portal is not run beside Microsoft's Platform SSO.
	errPlatformSSO = errors.New("not run beside Microsoft's Platform SSO, which is configured for this user")
	// errProgram is wrapped when an external program is missing or ended badly.
	errProgram = errors.New("external program failed")
)

// errorTable says how the helper sees each error. The first matching row applies; an error without a row is a defect of
// usher.
var errorTable = []struct {
	err    error
	code   codes.Code
	reason usherv1.ErrorReason
}{
	{errInvalid, codes.InvalidArgument, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT},
	{portal.ErrInvalidID, codes.InvalidArgument, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT},
	{portal.ErrAlreadyRunning, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PORTAL_ALREADY_RUNNING},
	{portal.ErrBusy, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PORTAL_BUSY},
	{portal.ErrNotRunnable, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PORTAL_NOT_RUNNABLE},
	{portal.ErrRunNotFound, codes.NotFound, usherv1.ErrorReason_ERROR_REASON_PORTAL_RUN_NOT_FOUND},
	{portal.ErrClosed, codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN},
	{errKeychain, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE},
	{leftovers.ErrKeychain, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE},
	{leftovers.ErrHome, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED},
	{errPlatformSSO, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PLATFORM_SSO_CONFIGURED},
	{errProgram, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED},
}

// statusOf returns the error for the helper, and whether it is a defect.
func statusOf(err error) (mapped error, defect bool) {
	if err == nil {
		return nil, false
	}
	for _, row := range errorTable {
		if errors.Is(err, row.err) {
			return contract.Error(row.code, row.reason, err.Error()), false
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, err.Error()), false
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, err.Error()), false
	}
	if _, isStatus := status.FromError(err); isStatus { // from gRPC itself, for example a stream that broke
		return err, false
	}
	return contract.Error(codes.Internal, usherv1.ErrorReason_ERROR_REASON_INTERNAL, err.Error()), true
}

func (s *server) mapped(method string, err error) error {
	mapped, defect := statusOf(err)
	if defect {
		s.Logger.Error("call of the helper failed", "method", method, "error", err)
	}
	return mapped
}

// unaryErrors and streamErrors are the only places where errors become statuses.
func (s *server) unaryErrors(ctx context.Context, request any, info *grpc.UnaryServerInfo,
	handler grpc.UnaryHandler) (any, error) {
	response, err := handler(ctx, request)
	return response, s.mapped(info.FullMethod, err)
}

func (s *server) streamErrors(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo,
	handler grpc.StreamHandler) error {
	return s.mapped(info.FullMethod, handler(service, stream))
}
