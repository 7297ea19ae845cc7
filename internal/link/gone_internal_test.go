package link

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/grpc"
)

// connected returns the two ends of a connection.
func connected(t *testing.T) (client, server *net.UnixConn) {
	t.Helper()
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "x.sock"), Net: "unix"}
	listener, err := net.ListenUnix("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if client, err = net.DialUnix("unix", nil, address); err != nil {
		t.Fatal(err)
	}
	if server, err = listener.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// The user of a peer is known even if the peer closed the connection before the question. macOS no longer knows the
// process, so it has ended.
func TestPeerThatHasClosedTheConnection(t *testing.T) {
	client, server := connected(t)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	peer, err := readPeer(server)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.close()
	if peer.UID != uint32(os.Getuid()) {
		t.Errorf("uid %d", peer.UID)
	}
	if runtime.GOOS != "darwin" {
		if peer.PID != os.Getpid() || !peer.Alive() {
			t.Errorf("pid %d, alive %t", peer.PID, peer.Alive())
		}
		return
	}
	if peer.PID != 0 || peer.Alive() {
		t.Errorf("pid %d, alive %t", peer.PID, peer.Alive())
	}
	_, executable := peer.Executable()
	for what, err := range map[string]error{"its program": executable,
		"the installed program": peer.RunsExecutable(os.Args[0])} {
		if !errors.Is(err, ErrPeerGone) || strings.Contains(err.Error(), "pid 0") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if logged := peer.LogValue().String(); !strings.Contains(logged, "gone") {
		t.Errorf("logged as %s", logged)
	}
}

// The helper has refused the agent and closed the connection before the agent asked who it is.
func TestRefusalIsReadAlthoughTheHelperHasClosed(t *testing.T) {
	client, server := connected(t)
	if err := errors.Join(writeHello(server, &RefusedError{Reason: SessionExists, Message: "because"}),
		server.Close()); err != nil {
		t.Fatal(err)
	}
	err := AgentConfig{ServerUID: uint32(os.Getuid()), Register: func(*grpc.Server) {},
		Logger: slog.New(slog.DiscardHandler)}.serveOn(t.Context(), client)
	if refusal, ok := errors.AsType[*RefusedError](err); !ok || refusal.Reason != SessionExists ||
		refusal.Message != "because" {
		t.Errorf("got %v", err)
	}
}
