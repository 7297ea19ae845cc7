//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"

	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/flood"
)

// playFlood floods a socket until it is ended.
func playFlood(kind, socket string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if _, err := flood.Run(ctx, kind, socket, func() { fmt.Println("the flood has begun") }); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// While one user floods a socket in any way, another user's calls are answered, on a new connection and on an open one.
// `make bench` measures the cost to usherd.
func TestFloodsOfOneUserKeepNobodyWaiting(t *testing.T) {
	s := newStory(t, map[string]any{"log_level": "debug"})
	s.start()
	jane, john := s.user("h-jane"), s.known("h-john")
	flooder := s.actAs("flood")
	before := usherv1.NewStatusServiceClient(s.client(callerOf(t, john)))
	asks := rate.NewLimiter(10, 10) // John's own limit is 20 calls a second
	answered := func(client usherv1.StatusServiceClient) {
		t.Helper()
		ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
		defer cancel()
		s.must(asks.Wait(ctx))
		answer, err := client.GetStatus(ctx, &usherv1.GetStatusRequest{}, grpc.WaitForReady(true))
		s.must(err)
		if len(answer.GetUsers()) != 1 || answer.GetUsers()[0].GetSession() == nil {
			t.Errorf("the status is %v", answer)
		}
	}
	answered(before)
	for _, socket := range []string{s.HelperSocket(), s.AgentSocket()} {
		for _, kind := range flood.Kinds() {
			if socket == s.AgentSocket() && kind != flood.Connects && kind != flood.Garbage {
				continue // before an agent is let in, usherd reads nothing
			}
			floods := s.spawn(callerOf(t, jane), "/", flooder, kind, socket)
			floods.until("the flood has begun")
			for range 5 {
				answered(before)
				fresh, err := link.Dial(s.HelperSocket(), 0,
					grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
						return callerOf(t, john).dial(s.HelperSocket())
					}))
				s.must(err)
				answered(usherv1.NewStatusServiceClient(fresh))
				s.must(fresh.Close())
			}
			s.controlAs(john, 0, "registrations", "list")
			if kind == flood.Connects {
				_, err := s.Helper.WaitLog(s.ctx,
					fmt.Sprintf("msg=\"user connects too often; connections over the limit are closed\" uid=%d "+
						"limit_per_second=20 socket=%s", jane.UID, socket), 0)
				s.must(err)
			}
			floods.kill()
		}
	}
	s.unharmed()
	log := s.Helper.Log()
	if lines := strings.Count(log, "\n"); lines > 300 || len(log) > 100_000 {
		t.Errorf("the log has %d lines, %d bytes", lines, len(log))
	}
	// The limits for the flood have no effect on later calls.
	answered(before)
	s.served(callerOf(t, jane))
}
