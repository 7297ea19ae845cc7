package link_test

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"usher.internal/internal/link"
)

// BenchmarkHealthCheck compares one call over the link, over the reversed link, and over plain gRPC on a Unix socket,
// which proves no caller. Client and server are in one process.
func BenchmarkHealthCheck(b *testing.B) {
	b.Run("plain", func(b *testing.B) {
		path := socketPath(b)
		listener, err := net.Listen("unix", path)
		if err != nil {
			b.Fatal(err)
		}
		server := grpc.NewServer()
		registerHealth(server)
		done := make(chan struct{})
		go func() { defer close(done); server.Serve(listener) }()
		defer func() { server.Stop(); <-done }()
		client, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		callAgain(b, client)
	})
	b.Run("link", func(b *testing.B) {
		path := socketPath(b)
		serve(b, listen(b, path, link.ListenConfig{}), nil)
		client, err := link.Dial(path, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		callAgain(b, client)
	})
	b.Run("reversed", func(b *testing.B) {
		path := socketPath(b)
		ctx, cancel := context.WithCancel(b.Context())
		measured, done := make(chan struct{}), make(chan error)
		helper := fakeHelper{serve: func(_ context.Context, _ *link.Peer, client *grpc.ClientConn) {
			defer close(measured)
			callAgain(b, client)
		}}
		stop := helper.run(b, path)
		go func() {
			done <- link.ServeReversed(ctx, link.AgentConfig{Path: path, Register: registerHealth, Logger: quiet()})
		}()
		<-measured
		cancel()
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
}

func callAgain(b *testing.B, client *grpc.ClientConn) {
	b.ReportAllocs()
	for b.Loop() {
		if err := check(context.Background(), client); err != nil {
			b.Error(err)
			return
		}
	}
}
