package sessions

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// agents are the ways in which an agent can be too old.
var agents = map[string]func(*grpc.Server){
	"an agent of a version without the method": func(server *grpc.Server) {
		// An old program's table of methods is shorter.
		shorter := usherv1.UserAgentService_ServiceDesc
		shorter.Methods, shorter.Streams = nil, nil
		server.RegisterService(&shorter, usherv1.UnimplementedUserAgentServiceServer{})
	},
	"an agent that was built with the contract and does not serve it": func(server *grpc.Server) {
		usherv1.RegisterUserAgentServiceServer(server, usherv1.UnimplementedUserAgentServiceServer{})
	},
	"an agent without the service": func(*grpc.Server) {},
}

// connected is an agent that serves that, as a session calls it.
func connected(t *testing.T, register func(*grpc.Server)) *outdatedConnection {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	register(server)
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	connection, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		connection.Close()
		server.Stop()
		<-done
	})
	return &outdatedConnection{ClientConnInterface: connection, version: "1.0.0"}
}

// call calls a method by its name. Any message works: the agent ends the call before it reads it.
func call(ctx context.Context, connection grpc.ClientConnInterface, method string, streams bool) error {
	method = "/" + usherv1.UserAgentService_ServiceDesc.ServiceName + "/" + method
	if !streams {
		return connection.Invoke(ctx, method, &emptypb.Empty{}, &emptypb.Empty{})
	}
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&emptypb.Empty{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(&emptypb.Empty{})
}

// Whatever method an agent does not have, the error says to log out and in.
func TestMissingMethodsOfAnAgent(t *testing.T) {
	methods := map[string]bool{}
	for _, one := range usherv1.UserAgentService_ServiceDesc.Methods {
		methods[one.MethodName] = false
	}
	for _, one := range usherv1.UserAgentService_ServiceDesc.Streams {
		methods[one.StreamName] = true
	}
	methods["MethodOfALaterVersion"] = false
	for name, register := range agents {
		t.Run(name, func(t *testing.T) {
			connection := connected(t, register)
			for method, streams := range methods {
				err := call(t.Context(), connection, method, streams)
				if contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED ||
					status.Code(err) != codes.Unimplemented ||
					contract.Metadata(err)[contract.Fix] != UpdateAgent {
					t.Errorf("%s: %v, %v", method, err, contract.Metadata(err))
				}
				for _, text := range []string{"usher-agent 1.0.0", method, UpdateAgent} {
					if !strings.Contains(status.Convert(err).Message(), text) {
						t.Errorf("%s: %q does not say %q", method, status.Convert(err).Message(), text)
					}
				}
			}
		})
	}
}

type refusing struct {
	usherv1.UnimplementedUserAgentServiceServer
	err error
}

func (r *refusing) NotifyUser(context.Context, *usherv1.NotifyUserRequest) (*usherv1.NotifyUserResponse, error) {
	return &usherv1.NotifyUserResponse{}, r.err
}

// An error of a method that the agent has is the agent's own.
func TestOtherErrorsOfAnAgentStay(t *testing.T) {
	agent := &refusing{}
	client := usherv1.NewUserAgentServiceClient(
		connected(t, func(server *grpc.Server) { usherv1.RegisterUserAgentServiceServer(server, agent) }))
	for _, err := range []error{
		nil, status.Error(codes.Unavailable, "away"),
		contract.Error(codes.Unimplemented, usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE,
			"this keychain cannot do that"),
	} {
		agent.err = err
		_, got := client.NotifyUser(t.Context(), &usherv1.NotifyUserRequest{})
		if status.Code(got) != status.Code(err) || contract.Reason(got) != contract.Reason(err) ||
			status.Convert(got).Message() != status.Convert(err).Message() {
			t.Errorf("%v became %v", err, got)
		}
	}
}
