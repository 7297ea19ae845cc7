package useragent

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/link"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// tenantServer is usherd's TenantService on a helper.sock. An older one has no WatchTenant.
type tenantServer struct {
	usherv1.UnimplementedTenantServiceServer
	older   bool
	refuses error
	said    chan *usherv1.WatchTenantResponse
}

func (s *tenantServer) GetTenant(context.Context, *usherv1.GetTenantRequest) (*usherv1.GetTenantResponse, error) {
	if s.refuses != nil {
		return nil, s.refuses
	}
	return &usherv1.GetTenantResponse{TenantId: "OLD", CloudHost: "login.old.example.com"}, nil
}

func (s *tenantServer) WatchTenant(request *usherv1.WatchTenantRequest,
	stream usherv1.TenantService_WatchTenantServer) error {
	if s.older {
		return s.UnimplementedTenantServiceServer.WatchTenant(request, stream)
	}
	if s.refuses != nil {
		return s.refuses
	}
	for {
		select {
		case said := <-s.said:
			if err := stream.Send(said); err != nil {
				return err
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// serve serves it until stop is called. Stop breaks off running calls, as the end of a killed usherd does.
func (s *tenantServer) serve(t *testing.T, path string) (stop func()) {
	t.Helper()
	listener, err := link.Listen(path, link.ListenConfig{Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(link.ServerCredentials()))
	usherv1.RegisterTenantServiceServer(server, s)
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	stop = sync.OnceFunc(func() {
		server.Stop()
		serving.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// logLines is a log whose lines a test can wait for.
type logLines struct {
	slog.Handler
	lines chan string
}

func newLogLines() *logLines {
	lines := make(chan string, 100)
	return &logLines{slog.NewTextHandler(lineWriter(lines), &slog.HandlerOptions{Level: slog.LevelDebug}), lines}
}

type lineWriter chan string

func (w lineWriter) Write(line []byte) (int, error) {
	w <- string(line)
	return len(line), nil
}

// wants waits for a line with these words. It skips lines before it.
func (l *logLines) wants(t *testing.T, words ...string) {
	t.Helper()
	var passed []string
	for {
		select {
		case line := <-l.lines:
			missing := false
			for _, word := range words {
				missing = missing || !strings.Contains(line, word)
			}
			if !missing {
				return
			}
			passed = append(passed, line)
		case <-t.Context().Done():
			t.Fatalf("no line with %q, only %q", words, passed)
		}
	}
}

// watching starts a watch of the socket at path, which ends with the test.
func watching(t *testing.T, path string, serverUID uint32) (*tenantWatch, *logLines) {
	t.Helper()
	log := newLogLines()
	watch := newTenantWatch(path, serverUID, slog.New(log))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { watch.run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return watch, log
}

func wantWanted(t *testing.T, watch *tenantWatch, tenant wpj.TenantID, cloudHost string) {
	t.Helper()
	if got := watch.wanted(); got.Tenant != tenant || got.CloudHost != cloudHost || got.Now.IsZero() {
		t.Errorf("wanted %+v, should be of %s, %s", got, tenant, cloudHost)
	}
}

// It asks when usherd has accepted the agent, gets changes, and asks again when usherd comes back.
func TestTenantIsAskedForAndFollowed(t *testing.T) {
	path := filepath.Join(temporary(t), "helper.sock")
	server := &tenantServer{said: make(chan *usherv1.WatchTenantResponse)}
	stop := server.serve(t, path)
	watch, log := watching(t, path, uint32(os.Getuid()))
	wantWanted(t, watch, "", "")

	watch.connected()
	log.wants(t, "level=INFO", "requesting tenant info from usherd")
	server.said <- &usherv1.WatchTenantResponse{CloudHost: "login.microsoftonline.com"}
	log.wants(t, "received tenant info from usherd", `tenant_id=""`, "cloud_host=login.microsoftonline.com")
	wantWanted(t, watch, "", "login.microsoftonline.com")
	server.said <- &usherv1.WatchTenantResponse{TenantId: "AAAA", CloudHost: "login.microsoftonline.us"}
	log.wants(t, "received tenant info from usherd", "tenant_id=aaaa")
	wantWanted(t, watch, "aaaa", "login.microsoftonline.us")

	stop()
	again := &tenantServer{said: make(chan *usherv1.WatchTenantResponse, 1)}
	again.said <- &usherv1.WatchTenantResponse{TenantId: "bbbb"}
	again.serve(t, path)
	watch.connected()
	log.wants(t, "requesting tenant info from usherd")
	log.wants(t, "received tenant info from usherd", "tenant_id=bbbb")
	wantWanted(t, watch, "bbbb", "")
}

// An older usherd is asked once each time that it accepts the agent.
func TestTenantOfAnOlderUsherd(t *testing.T) {
	path := filepath.Join(temporary(t), "helper.sock")
	server := &tenantServer{older: true}
	server.serve(t, path)
	watch, log := watching(t, path, uint32(os.Getuid()))
	for range 2 {
		watch.connected()
		log.wants(t, "requesting tenant info from usherd")
		log.wants(t, "usherd is older")
		log.wants(t, "received tenant info from usherd", "tenant_id=old")
		wantWanted(t, watch, "old", "login.old.example.com")
	}
}

// If it cannot ask, it continues without a tenant, says so once, and asks again by itself.
func TestTenantThatCannotBeAskedFor(t *testing.T) {
	path := filepath.Join(temporary(t), "helper.sock")
	watch, log := watching(t, path, uint32(os.Getuid()))
	watch.connected()
	log.wants(t, "level=INFO", "tenant info is not available")
	wantWanted(t, watch, "", "")
	watch.connected()
	log.wants(t, "level=DEBUG", "tenant info is not available") // no news

	// First an older usherd that has only one call and refuses it, then one that has all calls.
	stop := (&tenantServer{older: true, refuses: status.Error(codes.ResourceExhausted, "too many calls")}).serve(t,
		path)
	watch.connected()
	log.wants(t, "get tenant", "too many calls")
	stop()
	server := &tenantServer{said: make(chan *usherv1.WatchTenantResponse, 1)}
	server.said <- &usherv1.WatchTenantResponse{TenantId: "cccc"}
	stop = server.serve(t, path)
	log.wants(t, "received tenant info from usherd", "tenant_id=cccc") // nobody has said that usherd is back
	wantWanted(t, watch, "cccc", "")

	// The known tenant is forgotten if it cannot be confirmed.
	stop()
	log.wants(t, "level=INFO", "tenant info is not available")
	wantWanted(t, watch, "", "")
}

// Another user's server gets no data and is not believed.
func TestTenantOfAnUntrustedServer(t *testing.T) {
	path := filepath.Join(temporary(t), "helper.sock")
	server := &tenantServer{said: make(chan *usherv1.WatchTenantResponse, 1)}
	server.said <- &usherv1.WatchTenantResponse{TenantId: "evil"}
	server.serve(t, path)
	watch, log := watching(t, path, uint32(os.Getuid())+1)
	watch.connected()
	log.wants(t, "level=INFO", "tenant info is not available", link.ErrUntrustedServer.Error())
	wantWanted(t, watch, "", "")
}

// The link says when usherd has accepted the agent.
func TestTenantIsAskedForWhenTheAgentConnects(t *testing.T) {
	connected := make(chan struct{}, 1)
	connect(t, serverConfig{Connected: func() { connected <- struct{}{} }})
	<-connected
}
