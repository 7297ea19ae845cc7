package listener_test

import (
	"context"
	"sync"
	"testing"
	"time"

	usherv1 "usher.internal/proto/usher/v1"
)

// flooded has as many as that connect from one address, say nothing, and come again as soon as they are sent away.
func (w *world) flooded(local string, strangers int) {
	w.t.Helper()
	address := w.listens()
	ctx, cancel := context.WithCancel(w.t.Context())
	connected := make(chan struct{})
	var all sync.WaitGroup
	for range strangers {
		all.Go(func() {
			for ctx.Err() == nil {
				silent(ctx, local, address, connected)
			}
		})
	}
	w.t.Cleanup(func() { cancel(); all.Wait() })
	for range 2 * strangers {
		select {
		case <-connected:
		case <-time.After(patience):
			w.t.Fatal("strangers cannot connect")
		}
	}
	all.Go(func() {
		for {
			select {
			case <-connected:
			case <-ctx.Done():
				return
			}
		}
	})
}

// A stranger needs no certificate to connect. He gets every place that nobody needs, and keeps nobody out: who is connected
// stays so, and who comes is let in.
func TestStrangersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	const local = "127.0.0.2" // Linux has all of 127.0.0.0/8
	w := listening(t, two)
	before := w.client(monitor)
	watched := before.watch()
	w.flooded(local, 2*connections)
	for range 5 {
		asked := w.client(desk)
		asked.mustGet()
		asked.connection.Close()
	}
	before.mustGet()
	w.status.set(&usherv1.GetStatusResponse{Problems: []string{"A problem."}}, nil)
	if got, err := watched.Recv(); err != nil || len(got.GetStatus().GetProblems()) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}
