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

// tenantPauses are the pauses after a failed question, while usherd has not reconnected.
var tenantPauses = backoff.Pauses{First: time.Second, Longest: 5 * time.Minute}

// tenantOf is the Entra tenant of this Mac, from usherd's configuration. The zero value is any tenant.
type tenantOf struct {
	id        wpj.TenantID
	cloudHost string
}

// tenantWatch knows the tenant of this Mac. Each time that usherd has accepted the agent, it asks usherd on
// helper.sock, as any other client does, and continues to listen for changes. The tenant is only a preference: usherd
// decides which identity is right.
//
// [tenantWatch.run] owns the connection; the other methods may be called from anywhere.
type tenantWatch struct {
	socket string
	// serverUID is the uid that must serve the socket.
	serverUID uint32
	log       *slog.Logger
	// accepted holds at most one signal that usherd has accepted the agent.
	accepted notice.Signal
	now      atomic.Pointer[tenantOf]
}

func newTenantWatch(socket string, serverUID uint32, log *slog.Logger) *tenantWatch {
	return &tenantWatch{socket: socket, serverUID: serverUID, log: log, accepted: notice.NewSignal()}
}

// connected makes it ask. It does not block.
func (w *tenantWatch) connected() { w.accepted.Set() }

// wanted is the tenant and cloud of the wanted identity; it is empty until usherd has reported one.
func (w *tenantWatch) wanted() wpj.Conditions {
	wanted := wpj.Conditions{Now: time.Now()}
	if known := w.now.Load(); known != nil {
		wanted.Tenant, wanted.CloudHost = known.id, known.cloudHost
	}
	return wanted
}

// run asks and listens until ctx ends.
func (w *tenantWatch) run(ctx context.Context) {
	// It asks nothing before usherd is there.
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

// ask asks for the tenant and listens for changes until usherd or ctx ends. It reports whether there was an answer. The
// error is nil if asking again would not help: an older usherd has answered, and will not report changes of the tenant.
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

// learn stores usherd's answer.
func (w *tenantWatch) learn(said interface {
	GetTenantId() string
	GetCloudHost() string
}) {
	now := tenantOf{wpj.TenantID(strings.ToLower(said.GetTenantId())), said.GetCloudHost()}
	w.now.Store(&now)
	w.log.Info("received tenant info from usherd", "tenant_id", now.id, "cloud_host", now.cloudHost)
}

// forget continues without a tenant. It logs that once for each time that usherd cannot be asked.
func (w *tenantWatch) forget(ctx context.Context, why error) {
	level := slog.LevelDebug
	if before := w.now.Swap(&tenantOf{}); before == nil || *before != (tenantOf{}) {
		level = slog.LevelInfo
	}
	w.log.Log(ctx, level, "tenant info is not available; continuing without a tenant", "error", why)
}
