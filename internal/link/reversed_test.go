package link_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/link"
)

// fakeHelper is a helper for agents that calls back.
type fakeHelper struct {
	admit func(*link.Peer) error
	serve func(context.Context, *link.Peer, *grpc.ClientConn)
}

func (f fakeHelper) run(t testing.TB, path string) (stop func()) {
	t.Helper()
	listener := listen(t, path, link.ListenConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- link.ServeAgents(ctx, listener, link.AgentsConfig{
			Admit: func(_ context.Context, peer *link.Peer) error {
				if f.admit == nil {
					return nil
				}
				return f.admit(peer)
			},
			Serve: f.serve, Logger: quiet(),
		})
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ServeAgents: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func beAgent(path string) error {
	return link.ServeReversed(context.Background(), link.AgentConfig{
		Path: path, Register: registerHealth, Logger: quiet(),
	})
}

func TestHelperCallsTheAgentThatDialled(t *testing.T) {
	path := socketPath(t)
	type agent struct {
		peer *link.Peer
		err  error
		exe  string
	}
	agents, ended := make(chan agent), make(chan time.Time, 1)
	helper := fakeHelper{serve: func(ctx context.Context, peer *link.Peer, connection *grpc.ClientConn) {
		exe, _ := peer.Executable()
		agents <- agent{peer, check(ctx, connection), exe}
		<-ctx.Done()
		ended <- time.Now()
	}}
	helper.run(t, path)
	command, _ := as(t, stranger, "agent", path)
	got := <-agents
	if got.err != nil || got.peer.UID != stranger || got.peer.PID != command.Process.Pid {
		t.Fatalf("agent: %+v", got)
	}
	if got.exe != command.Path {
		t.Errorf("executable: %s, want %s", got.exe, command.Path)
	}
	if err := got.peer.RunsExecutable(command.Path); err != nil {
		t.Errorf("the installed program was not recognised: %v", err)
	}
	if err := got.peer.RunsExecutable("/bin/sh"); !errors.Is(err, link.ErrOtherProgram) ||
		!strings.Contains(err.Error(), command.Path) {
		t.Errorf("another program passes: %v", err)
	}
	// An upgrade replaces the file: the running program is no longer the installed one.
	content, _ := os.ReadFile(command.Path)
	os.WriteFile(command.Path+".new", content, 0o755)
	os.Rename(command.Path+".new", command.Path)
	if err := got.peer.RunsExecutable(command.Path); !errors.Is(err, link.ErrOtherProgram) ||
		!errors.Is(err, link.ErrReplacedProgram) {
		t.Errorf("a replaced program passes: %v", err)
	}
	os.Chmod(command.Path, 0o777)
	if err := got.peer.RunsExecutable(command.Path); !errors.Is(err, link.ErrOtherProgram) ||
		!strings.Contains(err.Error(), "others than root") {
		t.Errorf("a program that everyone can change passes: %v", err)
	}
	killed := time.Now()
	command.Process.Kill()
	if lasted := (<-ended).Sub(killed); lasted > time.Second {
		t.Errorf("the agent's end was noticed after %s", lasted)
	}
	command.Wait()
	if got.peer.Alive() {
		t.Error("the peer is alive after its end")
	}
	if _, err := got.peer.Executable(); !errors.Is(err, link.ErrPeerGone) {
		t.Errorf("executable of a peer that has ended: %v", err)
	}
}

// The two tests of hung agents take as long as real pings, about 20 seconds, in parallel.

func TestHungAgentIsFoundOutWhileItIsAsked(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	type outcome struct {
		took time.Duration
		err  error
	}
	ready, stopped, outcomes := make(chan struct{}), make(chan struct{}), make(chan outcome)
	helper := fakeHelper{serve: func(ctx context.Context, _ *link.Peer, connection *grpc.ClientConn) {
		if err := check(ctx, connection); err != nil {
			t.Errorf("first call: %v", err)
		}
		close(ready)
		<-stopped
		asked := time.Now()
		err := check(ctx, connection)
		outcomes <- outcome{time.Since(asked), err}
	}}
	helper.run(t, path)
	command, _ := as(t, stranger, "agent", path)
	<-ready
	suspend(t, command)
	close(stopped)
	got := <-outcomes
	if got.took > 30*time.Second ||
		(status.Code(got.err) != codes.Unavailable && status.Code(got.err) != codes.Canceled) {
		t.Errorf("a call to a stopped agent ended after %s with %v", got.took, got.err)
	}
}

func TestAgentComesBackToANewHelper(t *testing.T) {
	path := socketPath(t)
	served := make(chan error)
	helper := fakeHelper{serve: func(ctx context.Context, _ *link.Peer, connection *grpc.ClientConn) {
		served <- check(ctx, connection)
		<-ctx.Done()
	}}
	ctx, cancel := context.WithCancel(t.Context())
	var connected atomic.Int32
	done := make(chan error)
	go func() { // before there is a helper
		done <- link.ServeReversed(ctx, link.AgentConfig{
			Path: path, Logger: quiet(),
			Register:  registerHealth,
			Connected: func() { connected.Add(1) },
		})
	}()
	for range 3 {
		stop := helper.run(t, path)
		if err := <-served; err != nil {
			t.Errorf("call: %v", err)
		}
		stop()
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ServeReversed ended with %v", err)
	}
	if connected.Load() != 3 {
		t.Errorf("connected %d times, want 3", connected.Load())
	}
}
