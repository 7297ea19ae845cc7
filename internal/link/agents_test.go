package link_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"usher.internal/internal/link"
)

func TestStoppedAgentThatNobodyAsksIsLeftInPeace(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	type agent struct {
		ctx        context.Context
		connection *grpc.ClientConn
	}
	agents, done := make(chan agent), make(chan struct{})
	helper := fakeHelper{serve: func(ctx context.Context, _ *link.Peer, connection *grpc.ClientConn) {
		agents <- agent{ctx, connection}
		<-done
	}}
	helper.run(t, path)
	t.Cleanup(func() { close(done) }) // before the helper stops
	command, _ := as(t, stranger, "agent", path)
	got := <-agents
	if err := check(got.ctx, got.connection); err != nil {
		t.Fatal(err)
	}
	suspend(t, command)
	select {
	case <-got.ctx.Done():
		t.Fatal("the connection was closed without a call: it is not silent")
	case <-time.After(23 * time.Second): // longer than a ping and its answer may take
	}
	command.Process.Signal(syscall.SIGCONT)
	if err := check(got.ctx, got.connection); err != nil {
		t.Errorf("call after it continued: %v", err)
	}
}

func TestTwoAgentsSideBySide(t *testing.T) {
	path := socketPath(t)
	const another = stranger - 1
	type agent struct {
		peer       *link.Peer
		ctx        context.Context
		connection *grpc.ClientConn
	}
	agents := make(chan agent)
	helper := fakeHelper{serve: func(ctx context.Context, peer *link.Peer, connection *grpc.ClientConn) {
		agents <- agent{peer, ctx, connection}
		<-ctx.Done()
	}}
	helper.run(t, path)
	first, _ := as(t, stranger, "agent", path)
	one := <-agents
	as(t, another, "agent", path)
	two := <-agents
	if one.peer.UID != stranger || two.peer.UID != another {
		t.Fatalf("uids of the agents: %d and %d", one.peer.UID, two.peer.UID)
	}
	for _, each := range []agent{one, two} {
		if err := check(each.ctx, each.connection); err != nil {
			t.Errorf("call to uid %d: %v", each.peer.UID, err)
		}
	}
	first.Process.Kill()
	<-one.ctx.Done()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := check(ctx, one.connection); status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
		t.Errorf("call to the agent that has ended: %v", err)
	}
	if err := check(two.ctx, two.connection); err != nil {
		t.Errorf("call to the remaining agent: %v", err)
	}
}

func TestCallUnderWayEndsWithItsAgent(t *testing.T) {
	path := socketPath(t)
	watching, ended := make(chan struct{}), make(chan error)
	helper := fakeHelper{serve: func(_ context.Context, _ *link.Peer, connection *grpc.ClientConn) {
		stream, err := healthv1.NewHealthClient(connection).Watch(context.Background(), &healthv1.HealthCheckRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		if err != nil {
			t.Errorf("watch: %v", err)
		}
		close(watching)
		_, err = stream.Recv()
		ended <- err
	}}
	helper.run(t, path)
	command, _ := as(t, stranger, "agent", path)
	<-watching
	command.Process.Kill()
	if err := <-ended; status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestAgentIsCalledByItsHelperAndWithinLimits(t *testing.T) {
	path := socketPath(t)
	results := make(chan error)
	helper := fakeHelper{serve: func(ctx context.Context, _ *link.Peer, connection *grpc.ClientConn) {
		results <- check(ctx, connection)
		_, err := healthv1.NewHealthClient(connection).Check(ctx,
			&healthv1.HealthCheckRequest{Service: strings.Repeat("x", 2<<20)})
		results <- err
		<-ctx.Done()
	}}
	helper.run(t, path)
	callers := make(chan *link.Peer, 2)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- link.ServeReversed(ctx, link.AgentConfig{
			Path: path, Logger: quiet(), Register: registerHealth,
			ServerOptions: []grpc.ServerOption{
				grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo,
					handler grpc.UnaryHandler) (any, error) {
					peer, _ := link.PeerFromContext(ctx)
					callers <- peer
					return handler(ctx, request)
				})},
		})
	}()
	if err := <-results; err != nil {
		t.Errorf("call: %v", err)
	}
	if caller := <-callers; caller == nil || caller.UID != 0 || caller.PID != os.Getpid() {
		t.Errorf("caller of the agent: %+v", caller)
	}
	if err := <-results; status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message of 2 MiB: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ServeReversed: %v", err)
	}
}

// knockMore makes more connections than one user may have waiting. It prints the answer to the last one.
func knockMore(path string) error {
	hellos := make(chan string)
	for range admittedPerUID + 1 {
		connection, err := net.Dial("unix", path)
		if err != nil {
			return err
		}
		go func() {
			hello, _ := bufio.NewReader(connection).ReadString('\n')
			hellos <- hello
		}()
	}
	fmt.Print(<-hellos)
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// admittedPerUID is how many connections of one user may wait for Admit.
const admittedPerUID = 4

func TestUserWhoseAdmissionHangsKeepsNobodyOut(t *testing.T) {
	path := socketPath(t)
	const another = stranger - 1
	release, served := make(chan struct{}), make(chan uint32, 10)
	helper := fakeHelper{
		admit: func(peer *link.Peer) error {
			if peer.UID == stranger {
				<-release
			}
			return nil
		},
		serve: func(ctx context.Context, peer *link.Peer, _ *grpc.ClientConn) {
			served <- peer.UID
			<-ctx.Done()
		},
	}
	helper.run(t, path)
	defer close(release)
	_, output := as(t, stranger, "knockMore", path)
	if hello := line(t, output); !strings.HasPrefix(hello, "usher-link/1 refused too_many_connections ") {
		t.Errorf("answer to the connection over the limit: %q", hello)
	}
	as(t, another, "agent", path)
	if uid := <-served; uid != another {
		t.Errorf("uid %d was let in", uid)
	}
}

func TestRefusalsAreLoggedOnceAMinuteAndNameWhatWasSeen(t *testing.T) {
	path := socketPath(t)
	listener := listen(t, path, link.ListenConfig{})
	var log logBuffer
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- link.ServeAgents(ctx, listener, link.AgentsConfig{
			Admit: func(_ context.Context, peer *link.Peer) error {
				return &link.RefusedError{Reason: link.NotInstalledAgent,
					Message: peer.RunsExecutable("/bin/sh").Error()}
			},
			Logger: textLogger(&log),
		})
	}()
	for range 30 {
		connection, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if hello, err := io.ReadAll(connection); err != nil ||
			!strings.HasPrefix(string(hello), "usher-link/1 refused not_installed_agent ") {
			t.Fatalf("hello: %q, %v", hello, err)
		}
		connection.Close()
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ServeAgents: %v", err)
	}
	lines := log.lines()
	if len(lines) != 1 {
		t.Fatalf("30 refusals logged %d lines: %q", len(lines), lines)
	}
	for _, seen := range []string{"peer.uid=0", fmt.Sprintf("peer.pid=%d", os.Getpid()), os.Args[0], "/bin/sh",
		"not_installed_agent"} {
		if !strings.Contains(lines[0], seen) {
			t.Errorf("%q does not contain %s", lines[0], seen)
		}
	}
}
