package sessions

import (
	"context"
	"fmt"
	"path"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// UpdateAgent is the fix for an agent that is older than usherd: a login starts the installed agent.
const UpdateAgent = "log out and in to update usher-agent"

// outdatedConnection is the connection of an agent. A call of a method that an older agent does not have returns an
// error with a sentence for people and the reason AGENT_OUTDATED. That holds for every method.
type outdatedConnection struct {
	grpc.ClientConnInterface
	// version is the agent's. It is empty until the agent has sent it. It does not change once the session is known to
	// others.
	version string
}

// Invoke implements [grpc.ClientConnInterface].
func (c *outdatedConnection) Invoke(ctx context.Context, method string, arguments, reply any,
	options ...grpc.CallOption) error {
	return c.explained(method, c.ClientConnInterface.Invoke(ctx, method, arguments, reply, options...))
}

// NewStream implements [grpc.ClientConnInterface].
func (c *outdatedConnection) NewStream(ctx context.Context, description *grpc.StreamDesc, method string,
	options ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := c.ClientConnInterface.NewStream(ctx, description, method, options...)
	if err != nil {
		return nil, c.explained(method, err)
	}
	return &outdatedStream{stream, method, c}, nil
}

func (c *outdatedConnection) explained(method string, err error) error {
	if status.Code(err) != codes.Unimplemented || contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return err
	}
	agent := "the usher-agent of this session"
	if c.version != "" {
		agent = "usher-agent " + c.version
	}
	return contract.Error(codes.Unimplemented, usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED,
		fmt.Sprintf("%s is older than usherd and cannot do %s: %s", agent, path.Base(method), UpdateAgent),
		contract.Fix, UpdateAgent, "method", path.Base(method))
}

// outdatedStream explains the error that a stream ends with.
type outdatedStream struct {
	grpc.ClientStream
	method     string
	connection *outdatedConnection
}

// RecvMsg implements [grpc.ClientStream].
func (s *outdatedStream) RecvMsg(message any) error {
	return s.connection.explained(s.method, s.ClientStream.RecvMsg(message))
}
