package useragent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/portal"
)

// helper is the other end of the link: the part of the real helper that these tests need.
type helper struct {
	socket      string
	connections chan *grpc.ClientConn
}

// newHelper serves agent.sock in a directory until the test ends. Admit may be nil.
func newHelper(t *testing.T, directory string, admit func(*link.Peer) error) *helper {
	t.Helper()
	h := &helper{socket: filepath.Join(directory, "agent.sock"), connections: make(chan *grpc.ClientConn)}
	listener, err := link.Listen(h.socket, link.ListenConfig{Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- link.ServeAgents(ctx, listener, link.AgentsConfig{
			Admit: func(_ context.Context, peer *link.Peer) error {
				if admit == nil {
					return nil
				}
				return admit(peer)
			},
			Serve: func(ctx context.Context, _ *link.Peer, connection *grpc.ClientConn) {
				select {
				case h.connections <- connection:
					<-ctx.Done()
				case <-ctx.Done():
				}
			},
			Logger: slog.New(slog.DiscardHandler),
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return h
}

// temporary is a directory with a name that is short enough for a socket. Every user may enter it.
func temporary(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	return directory
}

// call serves an agent over a real reversed link and returns the helper's client of it.
func call(t *testing.T, config serverConfig) usherv1.UserAgentServiceClient {
	t.Helper()
	return usherv1.NewUserAgentServiceClient(connect(t, config))
}

func connect(t *testing.T, config serverConfig) *grpc.ClientConn {
	t.Helper()
	helper := newHelper(t, temporary(t), nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, helper.socket, uint32(os.Getuid()), newServer(config)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return <-helper.connections
}

// wantError checks code and reason of an error as the helper gets it.
func wantError(t *testing.T, err error, code codes.Code, reason usherv1.ErrorReason) {
	t.Helper()
	if status.Code(err) != code || contract.Reason(err) != reason {
		t.Errorf("got %v with %s, want %s with %s", err, contract.Reason(err), code, reason)
	}
}

// fakePortal is a portalRunner.
type fakePortal struct {
	events []portal.Event
	exit   wpj.Exit
	err    error
	asked  chan string
}

func (f *fakePortal) Run(ctx context.Context, id string, attachOnly bool, send func(portal.Event) error) error {
	if f.asked != nil {
		f.asked <- fmt.Sprintf("%s %v", id, attachOnly)
	}
	for _, event := range f.events {
		if err := send(event); err != nil {
			return err
		}
	}
	return f.err
}

func (f *fakePortal) Stop(context.Context, string) (wpj.Exit, error) { return f.exit, f.err }

type fakeSource wpj.Evidence

func (f fakeSource) Place() wpj.Source { return wpj.Evidence(f).Source }

func (f fakeSource) Look(context.Context) wpj.Evidence { return wpj.Evidence(f) }

func TestSessionInfoIdentityAndHealth(t *testing.T) {
	evidence := wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleLocked,
		Detail: "locked"}
	before := time.Now()
	connection := connect(t, serverConfig{Version: "1.2.3",
		settings: settings{Sources: []identitySource{fakeSource(evidence), fakeSource{}}}})
	client := usherv1.NewUserAgentServiceClient(connection)

	info, err := client.GetSessionInfo(t.Context(), &usherv1.GetSessionInfoRequest{})
	if err != nil {
		t.Fatal(err)
	}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if info.AgentVersion != "1.2.3" || info.UserName != who.Username || contract.Time(info.StartTime).Before(before) {
		t.Errorf("session %v", info)
	}
	read, err := client.ReadIdentity(t.Context(), &usherv1.ReadIdentityRequest{})
	if err != nil || len(read.Evidence) != 2 {
		t.Fatalf("identity %v, %v", read, err)
	}
	if got := contract.EvidenceFromProto(read.Evidence[0]); got.Obstacle != wpj.ObstacleLocked ||
		got.Detail != "locked" {
		t.Errorf("evidence %+v", got)
	}
	healthy, err := healthv1.NewHealthClient(connection).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || healthy.Status != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health %v, %v", healthy, err)
	}
}

func TestEveryErrorOfTheTableReachesTheHelper(t *testing.T) {
	runner := &fakePortal{}
	client := call(t, serverConfig{Portal: runner})
	for _, row := range errorTable {
		runner.err = fmt.Errorf("run: %w", fmt.Errorf("%w: because", row.err))
		stream, err := client.RunPortal(t.Context(), &usherv1.RunPortalRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		wantError(t, err, row.code, row.reason)
		_, err = client.StopPortal(t.Context(), &usherv1.StopPortalRequest{})
		wantError(t, err, row.code, row.reason)
	}
	for _, row := range []struct {
		err    error
		code   codes.Code
		reason usherv1.ErrorReason
	}{
		{context.Canceled, codes.Canceled, 0},
		{context.DeadlineExceeded, codes.DeadlineExceeded, 0},
		{fmt.Errorf("send: %w", status.Error(codes.Unavailable, "gone")), codes.Unavailable, 0},
		{fs.ErrPermission, codes.Internal, usherv1.ErrorReason_ERROR_REASON_INTERNAL},
	} {
		runner.err = fmt.Errorf("stop: %w", row.err)
		_, err := client.StopPortal(t.Context(), &usherv1.StopPortalRequest{})
		wantError(t, err, row.code, row.reason)
	}
}

func TestRunPortalTellsEveryKindOfEvent(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	kinds := []wpj.MilestoneKind{wpj.MilestoneSignInStarted, wpj.MilestoneTokenFetched, wpj.MilestoneDeviceRegistered,
		wpj.MilestoneWorkplaceJoinCompleted, wpj.MilestoneCertificateStored, wpj.MilestoneExited, wpj.MilestoneTrouble}
	runner := &fakePortal{asked: make(chan string, 1),
		events: []portal.Event{portal.Started{PID: 42, Time: at, Attached: true}}}
	for _, kind := range kinds {
		runner.events = append(runner.events, wpj.Milestone{Kind: kind, At: at, Detail: string(kind)})
	}
	runner.events = append(runner.events, wpj.Exit{Signal: syscall.SIGKILL})
	client := call(t, serverConfig{Portal: runner})
	stream, err := client.RunPortal(t.Context(), &usherv1.RunPortalRequest{RegistrationId: "one", AttachOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if asked := <-runner.asked; asked != "one true" {
		t.Errorf("asked for %q", asked)
	}
	first, err := stream.Recv()
	if started := first.GetStarted(); err != nil || started.GetPid() != 42 || !started.GetAttached() ||
		!contract.Time(started.GetStartTime()).Equal(at) {
		t.Fatalf("got %v, %v", first, err)
	}
	for _, kind := range kinds {
		next, err := stream.Recv()
		milestone := next.GetMilestone()
		if err != nil || milestone.GetKind().String() != "MILESTONE_KIND_"+string(kind) ||
			milestone.GetDetail() != string(kind) {
			t.Fatalf("got %v, %v, want %s", next, err, kind)
		}
	}
	last, err := stream.Recv()
	if err != nil || last.GetExit().GetSignal() != int32(syscall.SIGKILL) {
		t.Fatalf("got %v, %v", last, err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the exit: %v", err)
	}
}
