package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/gate"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// tenant is the tenant in the configuration.
type tenant struct {
	ID        wpj.TenantID
	CloudHost string
}

// changing is a configuration that changes while a server runs.
type changing struct {
	mu      sync.Mutex
	tenant  tenant
	changed chan struct{}
}

func (c *changing) set(tenant tenant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tenant = tenant
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *changing) Current() *config.Loaded {
	c.mu.Lock()
	defer c.mu.Unlock()
	loaded := &config.Loaded{}
	loaded.Tenant.ID, loaded.Tenant.CloudHost = c.tenant.ID, c.tenant.CloudHost
	return loaded
}

func (c *changing) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// serveTenant serves a real helper.sock, and returns a client of it and a function that ends the server.
func serveTenant(t *testing.T, settings *changing) (usherv1.TenantServiceClient, func()) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	directory, err := os.MkdirTemp("", "tenant")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "helper.sock")
	listener, err := link.Listen(path, link.ListenConfig{Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	connection, err := link.Dial(path, uint32(os.Getuid()))
	if err != nil {
		t.Fatal(err)
	}
	server := gate.New(gate.Config{Logger: slog.New(slog.DiscardHandler), Translate: Translate})
	Register(server, Config{Configuration: settings})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		connection.Close()
		os.RemoveAll(directory)
		goleak.VerifyNone(t, before)
	})
	return usherv1.NewTenantServiceClient(connection), stop
}

func wantTenant(t *testing.T, stream grpc.ServerStreamingClient[usherv1.WatchTenantResponse], want tenant) {
	t.Helper()
	got, err := stream.Recv()
	if err != nil || (tenant{ID: wpj.TenantID(got.GetTenantId()), CloudHost: got.GetCloudHost()}) != want {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
}

// Everyone who watches gets the tenant at once, and again at each change of it. A change of other settings sends
// nothing.
func TestWatchTenant(t *testing.T) {
	none := tenant{CloudHost: "login.microsoftonline.com"}
	settings := &changing{tenant: none, changed: make(chan struct{})}
	client, stop := serveTenant(t, settings)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, err := client.WatchTenant(ctx, &usherv1.WatchTenantRequest{})
	if err != nil {
		t.Fatal(err)
	}
	wantTenant(t, first, none)
	second, err := client.WatchTenant(t.Context(), &usherv1.WatchTenantRequest{})
	if err != nil {
		t.Fatal(err)
	}
	wantTenant(t, second, none)
	for i := range 3 {
		settings.set(settings.tenant) // something else has changed
		now := tenant{ID: wpj.TenantID(fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)),
			CloudHost: "login.microsoftonline.us"}
		settings.set(now)
		wantTenant(t, first, now)
		wantTenant(t, second, now)
		if got, err := client.GetTenant(t.Context(), &usherv1.GetTenantRequest{}); err != nil ||
			got.GetTenantId() != string(now.ID) {
			t.Errorf("%v, %v", got, err)
		}
	}
	cancel()
	if _, err := first.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("the caller's end: %v", err)
	}
	began := time.Now()
	stop()
	if _, err := second.Recv(); contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN {
		t.Errorf("the server's end: %v", err)
	}
	if took := time.Since(began); took >= 4*time.Second { // the gate waits for five seconds
		t.Errorf("the server waited %s for clients that watch", took)
	}
}
