package main

import (
	"context"
	"errors"
	"net"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	usherv1 "usher.internal/proto/usher/v1"
)

// 40 turns of 50 calls each.
const (
	callRounds = 40
	callBlock  = 50
)

// linkGoal limits how much longer a call over the link takes than one over plain gRPC.
const linkGoal = 1.15

// measureCalls measures one call after the other on an open connection.
func measureCalls(ctx context.Context, s *scene, plain *reference, a answers) (rows []row, err error) {
	raw, err := startReference("serve-raw", filepath.Join(s.Directory, "raw.sock"), a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, raw.stop()) }()
	socket, err := net.Dial("unix", raw.socket)
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	connection, err := dialPlain(plain.socket)
	if err != nil {
		return nil, err
	}
	defer connection.Close()

	overLink, overPlain, overRaw := statusCall(s.helper), statusCall(connection), rawCall(socket)
	if err := takeTurns(ctx, callRounds, callBlock, overLink, overPlain, overRaw); err != nil {
		return nil, err
	}
	tenantLink, tenantPlain := tenantCall(s.helper), tenantCall(connection)
	if err := takeTurns(ctx, callRounds, callBlock, tenantLink, tenantPlain); err != nil {
		return nil, err
	}
	const reference = "plain gRPC, same answer"
	return []row{
		tenantLink.beside(tenantPlain, "call: GetTenant over the link", reference, &goal{Ratio: linkGoal}),
		overLink.beside(overPlain, "call: GetStatus over the link", reference, &goal{Ratio: linkGoal}),
		overLink.beside(overRaw, "call: GetStatus over the link", "raw frames, same bytes", nil),
	}, nil
}

func statusCall(connection *grpc.ClientConn) *subject {
	client := usherv1.NewStatusServiceClient(connection)
	return &subject{do: func(ctx context.Context) error {
		_, err := client.GetStatus(ctx, &usherv1.GetStatusRequest{})
		return err
	}}
}

func tenantCall(connection *grpc.ClientConn) *subject {
	client := usherv1.NewTenantServiceClient(connection)
	return &subject{do: func(ctx context.Context) error {
		_, err := client.GetTenant(ctx, &usherv1.GetTenantRequest{})
		return err
	}}
}

// rawCall sends an empty frame and decodes the status in the one that comes back.
func rawCall(socket net.Conn) *subject {
	var buffer []byte
	return &subject{do: func(context.Context) (err error) {
		if err := writeFrame(socket, nil); err != nil {
			return err
		}
		if buffer, err = readFrame(socket, buffer); err != nil {
			return err
		}
		return proto.Unmarshal(buffer, &usherv1.GetStatusResponse{})
	}}
}
