package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// changing are settings that change while a server runs.
type changing struct {
	mu      sync.Mutex
	tenant  Tenant
	changed chan struct{}
}

func (c *changing) set(tenant Tenant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tenant = tenant
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *changing) settings() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Settings{Tenant: c.tenant}
}

func (c *changing) settingsChanged() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// serveTenant serves a real helper.sock, and returns a client of it and what ends the server.
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
	server := New(Config{Logger: quiet(), Settings: settings.settings, SettingsChanged: settings.settingsChanged})
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

func wantTenant(t *testing.T, stream grpc.ServerStreamingClient[usherv1.WatchTenantResponse], want Tenant) {
	t.Helper()
	got, err := stream.Recv()
	if err != nil || (Tenant{wpj.TenantID(got.GetTenantId()), got.GetCloudHost()}) != want {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
}

// The tenant is sent at once and at each change of it, to everyone who watches, and no change of other settings is.
func TestWatchTenant(t *testing.T) {
	none := Tenant{CloudHost: "login.microsoftonline.com"}
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
		settings.set(settings.settings().Tenant) // something else has changed
		now := Tenant{wpj.TenantID(fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)), "login.microsoftonline.us"}
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
	if took := time.Since(began); took >= drainWithin {
		t.Errorf("the server waited %s for who watches", took)
	}
}
