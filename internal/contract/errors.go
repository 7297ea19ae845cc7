package contract

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usherv1 "usher.internal/proto/usher/v1"
)

// Domain is the domain of every google.rpc.ErrorInfo that usher sends.
const Domain = "org.usher"

// Fix is the metadata key of an error's fix, a sentence for a person.
const Fix = "fix"

const reasonPrefix = "ERROR_REASON_"

// Error returns a gRPC status error with a message for a person and a reason for a program. Metadata is key, value,
// key, value…; it leaves out a key without a value. It must not hold secrets.
func Error(code codes.Code, reason usherv1.ErrorReason, message string, metadata ...string) error {
	info := &errdetails.ErrorInfo{Domain: Domain, Reason: strings.TrimPrefix(reason.String(), reasonPrefix)}
	for i := 0; i+1 < len(metadata); i += 2 {
		if info.Metadata == nil {
			info.Metadata = make(map[string]string, len(metadata)/2)
		}
		info.Metadata[metadata[i]] = metadata[i+1]
	}
	with, err := status.New(code, message).WithDetails(info)
	if err != nil {
		// Only codes.OK refuses details. An error with that code is the caller's mistake.
		return status.Error(codes.Internal, message)
	}
	return with.Err()
}

// Reason returns the stable reason of a gRPC error, UNSPECIFIED for any other error.
func Reason(err error) usherv1.ErrorReason {
	info := errorInfo(err)
	return usherv1.ErrorReason(usherv1.ErrorReason_value[reasonPrefix+info.GetReason()])
}

// Metadata returns the metadata for the reason of a gRPC error, nil if it has none.
func Metadata(err error) map[string]string { return errorInfo(err).GetMetadata() }

func errorInfo(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == Domain {
			return info
		}
	}
	return nil
}
