package gate

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestCallWithoutPeerCredentialsIsRefused(t *testing.T) {
	gate := &Server{limits: newLimits(), log: quiet(), admins: nil}
	_, err := gate.unary(t.Context(), nil,
		&grpc.UnaryServerInfo{FullMethod: usherv1.TenantService_GetTenant_FullMethodName},
		func(context.Context, any) (any, error) { t.Error("the handler ran"); return nil, nil })
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("got %v", err)
	}
}

func TestRefusedCallsAreBoundedAndDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	limits := newLimits()
	gate := &Server{limits: limits, log: slog.New(slog.NewTextHandler(&log, nil))}
	actor := &Actor{peer: &link.Peer{UID: 4711}}
	for range 1000 {
		if done, err := limits.enter(actor); err == nil {
			gate.deny(actor, "/x", admins)
			done()
		}
	}
	if lines := strings.Count(log.String(), "call refused"); lines != refusalsLogged {
		t.Errorf("%d refusals were logged, want %d", lines, refusalsLogged)
	}
	if _, err := limits.enter(actor); contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED {
		t.Errorf("after a thousand calls at once: %v", err)
	}
}

// The directory is asked only about callers that have reached a limit. A caller that needs no right costs no question.
func TestAdminsHaveNoLimit(t *testing.T) {
	limits, asked, admin := newLimits(), 0, true
	actor := &Actor{peer: &link.Peer{UID: 4711}, inAdminGroup: func() (bool, error) {
		asked++
		return admin, nil
	}}
	for i := range 10 * callsAtOnce {
		if _, err := limits.enter(actor); err != nil {
			t.Fatalf("call %d of an admin: %v", i, err)
		}
		if i == callsAtOnce/2 && asked > 0 {
			t.Errorf("the directory was asked %d times below the limit", asked)
		}
	}
	admin = false
	if _, err := limits.enter(actor); contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED {
		t.Errorf("a call of a user who is no longer an admin: %v", err)
	}
}
