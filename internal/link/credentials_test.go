package link_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"usher.internal/internal/link"
)

func callOnce(path string) error {
	err := call(path, 0)
	fmt.Println("called", err)
	io.Copy(io.Discard, os.Stdin)
	return err
}

func TestServerKnowsItsCaller(t *testing.T) {
	path := socketPath(t)
	callers := make(chan *link.Peer, 1)
	serve(t, listen(t, path, link.ListenConfig{}), callers)
	for _, uid := range []uint32{0, stranger} {
		command, _ := as(t, uid, "call", path)
		peer := <-callers
		if peer.UID != uid || peer.PID != command.Process.Pid {
			t.Errorf("peer: %d pid %d, want %d pid %d", peer.UID, peer.PID, uid, command.Process.Pid)
		}
	}
}

func TestClientRefusesAnotherUsersServer(t *testing.T) {
	path := socketPath(t)
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	_, output := as(t, stranger, "fake", path)
	line(t, output)
	err := call(path, 0)
	if !link.IsUntrusted(err) || !strings.Contains(err.Error(), "uid 65534") {
		t.Errorf("a fake helper was not refused: %v", err)
	}
	if err := call(path, stranger); err != nil {
		t.Errorf("a helper of the expected uid was refused: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	connected := false
	err = link.ServeReversed(ctx,
		link.AgentConfig{Path: path, Register: func(*grpc.Server) { connected = true }, Logger: quiet()})
	if err != nil || connected {
		t.Errorf("an agent served a fake helper: %v", err)
	}
}

func serveAsStranger(path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	os.Chmod(path, 0o666)
	server := grpc.NewServer(grpc.Creds(link.ServerCredentials()))
	registerHealth(server)
	fmt.Println("serving")
	return server.Serve(listener)
}
