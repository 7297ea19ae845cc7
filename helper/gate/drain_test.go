package gate

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// asRoot is the context of a call by root.
func asRoot(t *testing.T) context.Context {
	return peer.NewContext(t.Context(), &peer.Peer{AuthInfo: link.AuthInfo{Peer: &link.Peer{UID: 0}}})
}

// A draining server ends the streams of usher's services, and lets health report that it stops serving.
func TestStreamsEndWhenTheServerDrains(t *testing.T) {
	for method, ends := range map[string]bool{
		usherv1.TenantService_WatchTenant_FullMethodName: true,
		healthv1.Health_Watch_FullMethodName:             false,
	} {
		var err error
		synctest.Test(t, func(t *testing.T) {
			draining, drain := context.WithCancel(t.Context())
			server := &Server{limits: newLimits(), log: quiet(), draining: draining}
			err = server.stream(nil, &sent{ctx: asRoot(t)}, &grpc.StreamServerInfo{FullMethod: method},
				func(_ any, stream grpc.ServerStream) error {
					drain()
					synctest.Wait()
					if stream.Context().Err() == nil {
						return nil
					}
					return errors.New("any error of a handler at that time")
				})
		})
		shuttingDown := status.Code(err) == codes.Unavailable &&
			contract.Reason(err) == usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN
		if shuttingDown != ends || !ends && err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// An error that is in no table is logged; its caller does not get it.
func TestDefectIsLogged(t *testing.T) {
	var log bytes.Buffer
	server := &Server{limits: newLimits(), log: slog.New(slog.NewTextHandler(&log, nil)), translate: translated}
	for handlerErr, code := range map[error]codes.Code{errOfHandler: codes.NotFound,
		errors.New("detail"): codes.Internal} {
		_, err := server.unary(asRoot(t), nil,
			&grpc.UnaryServerInfo{FullMethod: usherv1.TenantService_GetTenant_FullMethodName},
			func(context.Context, any) (any, error) { return nil, handlerErr })
		if status.Code(err) != code || strings.Contains(err.Error(), "detail") {
			t.Errorf("%v: %v", handlerErr, err)
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "error=detail") {
		t.Errorf("the log is %s", &log)
	}
}
