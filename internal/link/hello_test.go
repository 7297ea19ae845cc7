package link_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"usher.internal/internal/link"
)

func TestRefusalsReachTheAgent(t *testing.T) {
	for reason, lasting := range map[link.RefusalReason]bool{
		link.SessionExists: true, link.NotAPerson: true, link.ProtocolVersion: true, link.NotInstalledAgent: false,
	} {
		t.Run(string(reason), func(t *testing.T) {
			path := socketPath(t)
			asked := make(chan struct{}, 100)
			helper := fakeHelper{admit: func(*link.Peer) error {
				asked <- struct{}{}
				return &link.RefusedError{Reason: reason, Message: "because\nof " + strings.Repeat("é", 600)}
			}}
			helper.run(t, path)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				done <- link.ServeReversed(ctx,
					link.AgentConfig{Path: path, Register: func(*grpc.Server) {}, Logger: quiet()})
			}()
			<-asked
			if !lasting {
				<-asked
				cancel()
			}
			err := <-done
			cancel()
			refusal, refused := errors.AsType[*link.RefusedError](err)
			if lasting != refused {
				t.Fatalf("agent ended with %v", err)
			}
			if lasting && (refusal.Reason != reason || !strings.HasPrefix(refusal.Message, "because of é")) {
				t.Errorf("refusal: %+v", refusal)
			}
		})
	}
}

func TestAgentOutlivesAHelperThatTalksNonsense(t *testing.T) {
	for name, hello := range map[string]string{
		"nothing": "", "garbage": "\x00\xff\x16\x03\n", "cut off": "usher-link/1 acc",
		"endless": strings.Repeat("a", 4096),
		"words":   "usher-link/1 maybe\n", "old refusal": "usher-link/1 refused\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			listener, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				done <- link.ServeReversed(ctx,
					link.AgentConfig{Path: path, Register: func(*grpc.Server) { t.Error("served") }, Logger: quiet()})
			}()
			for range 2 { // it reconnects
				connection, err := listener.Accept()
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(connection, hello)
				connection.Close()
			}
			cancel()
			listener.Close()
			if err := <-done; err != nil {
				t.Errorf("agent ended with %v", err)
			}
		})
	}
	t.Run("another version", func(t *testing.T) {
		path := socketPath(t)
		listener, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			if connection, err := listener.Accept(); err == nil {
				io.WriteString(connection, "usher-link/9 accepted\n")
				connection.Close()
			}
		}()
		err = link.ServeReversed(t.Context(),
			link.AgentConfig{Path: path, Register: func(*grpc.Server) {}, Logger: quiet()})
		refusal, ok := errors.AsType[*link.RefusedError](err)
		if !ok || refusal.Reason != link.ProtocolVersion {
			t.Errorf("got %v", err)
		}
	})
}
