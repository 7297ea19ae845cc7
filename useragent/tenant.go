package useragent

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/backoff"
	"usher.internal/internal/link"
	"usher.internal/internal/notice"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// tenantPauses are those of the agent where asking went wrong and usherd has not come back since.
var tenantPauses = backoff.Pauses{First: time.Second, Longest: 5 * time.Minute}

// tenantOf is the Entra tenant of this Mac, as usherd has it configured. The zero value is any tenant.
type tenantOf struct {
	id        wpj.TenantID
	cloudHost string
}

// tenantWatch knows the tenant of this Mac. It asks usherd for it on helper.sock, as a client like any other, each time
// that usherd has accepted the agent, and keeps listening for changes. What it knows is a preference: which identity is
// right is for usherd to decide.
//
// [tenantWatch.run] owns the connection; the other methods may be called from anywhere.
type tenantWatch struct {
	socket string
	// serverUID is who must serve the socket.
	serverUID uint32
	log       *slog.Logger
	// accepted holds at most one signal that usherd has accepted the agent.
	accepted notice.Signal
	now      atomic.Pointer[tenantOf]
}

func newTenantWatch(socket string, serverUID uint32, log *slog.Logger) *tenantWatch {
	return &tenantWatch{socket: socket, serverUID: serverUID, log: log, accepted: notice.NewSignal()}
}

// connected has it ask. It does not block.
func (w *tenantWatch) connected() { w.accepted.Set() }

// wanted is what the identity should be of; nothing as long as usherd has not said it.
func (w *tenantWatch) wanted() wpj.Conditions {
	wanted := wpj.Conditions{Now: time.Now()}
	if known := w.now.Load(); known != nil {
		wanted.Tenant, wanted.CloudHost = known.id, known.cloudHost
	}
	return wanted
}

// run asks and listens until ctx ends.
func (w *tenantWatch) run(ctx context.Context) {
	// Nothing is asked before usherd is there.
	for again, pauses := (<-chan time.Time)(nil), tenantPauses; ; {
		level := slog.LevelInfo
		select {
		case <-w.accepted:
			pauses.Reset()
		case <-again:
			level = slog.LevelDebug // usherd may be away for a week
		case <-ctx.Done():
			return
		}
		w.log.Log(ctx, level, "requesting tenant info from usherd")
		answered, err := w.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		if answered {
			pauses.Reset()
		} else {
			w.forget(ctx, err)
		}
		again = nil
		if err != nil {
			again = time.After(pauses.Next())
		}
	}
}

// ask asks for the tenant and listens for others until usherd or ctx ends. It reports whether there was an answer. The
// error is nil where asking again would bring nothing: an older usherd has answered, and will not say when the tenant
// changes.
func (w *tenantWatch) ask(ctx context.Context) (answered bool, err error) {
	connection, err := link.Dial(w.socket, w.serverUID)
	if err != nil {
		return false, err
	}
	defer connection.Close()
	client := usherv1.NewTenantServiceClient(connection)
	stream, err := client.WatchTenant(ctx, &usherv1.WatchTenantRequest{})
	for err == nil {
		var response *usherv1.WatchTenantResponse
		if response, err = stream.Recv(); err == nil {
			w.learn(response)
			answered = true
		}
	}
	if status.Code(err) != codes.Unimplemented {
		return answered, fmt.Errorf("watch tenant: %w", err)
	}
	response, err := client.GetTenant(ctx, &usherv1.GetTenantRequest{})
	if err != nil {
		return false, fmt.Errorf("get tenant: %w", err)
	}
	w.log.Info("usherd is older and does not say when the tenant changes; it is asked when it comes back")
	w.learn(response)
	return true, nil
}

// learn takes over what usherd says.
func (w *tenantWatch) learn(said interface {
	GetTenantId() string
	GetCloudHost() string
}) {
	now := tenantOf{wpj.TenantID(strings.ToLower(said.GetTenantId())), said.GetCloudHost()}
	w.now.Store(&now)
	w.log.Info("received tenant info from usherd", "tenant_id", now.id, "cloud_host", now.cloudHost)
}

// forget goes on without a tenant. It is said once for each time that usherd cannot be asked.
func (w *tenantWatch) forget(ctx context.Context, why error) {
	level := slog.LevelDebug
	if before := w.now.Swap(&tenantOf{}); before == nil || *before != (tenantOf{}) {
		level = slog.LevelInfo
	}
	w.log.Log(ctx, level, "tenant info is not available; continuing without a tenant", "error", why)
}
