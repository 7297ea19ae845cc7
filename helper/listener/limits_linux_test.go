package listener_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"usher.internal/helper/listener"
	usherv1 "usher.internal/proto/usher/v1"
)

// flooded starts many clients that connect from these addresses. They send no more than a greeting, and come again as
// soon as they are sent away.
func (w *world) flooded(strangers int, greeting []byte, locals ...string) {
	w.t.Helper()
	address := w.listens()
	ctx, cancel := context.WithCancel(w.t.Context())
	connected := make(chan struct{})
	var all sync.WaitGroup
	for i := range strangers {
		all.Go(func() {
			for ctx.Err() == nil {
				says(ctx, locals[i%len(locals)], address, greeting, connected)
			}
		})
	}
	w.t.Cleanup(func() { cancel(); all.Wait() })
	for range strangers + strangers/10 {
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

// A stranger needs no certificate to connect. Strangers get every place that nobody needs, and keep nobody out:
// connected clients remain connected, and new ones are let in.
func TestStrangersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	const local = "127.0.0.2" // Linux has all of 127.0.0.0/8
	w := listening(t, two)
	before := w.client(monitor)
	watched := before.watch()
	w.flooded(2*connections, nil, local)
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

// greeting is the first message of a client, a ClientHello.
func greeting(t *testing.T) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	said := make(chan []byte, 1)
	go func() {
		var text bytes.Buffer
		head := make([]byte, 5)
		if _, err := io.ReadFull(theirs, head); err == nil {
			text.Write(head)
			io.CopyN(&text, theirs, int64(head[3])<<8|int64(head[4]))
		}
		said <- text.Bytes()
		theirs.Close()
	}()
	tls.Client(ours, &tls.Config{ServerName: "127.0.0.1", InsecureSkipVerify: true, NextProtos: []string{"h2"}}).
		HandshakeContext(t.Context())
	return <-said
}

// Strangers do not keep a client out, from any address, including the client's own, and at any step of the handshake.
// Connected clients keep their connections and streams. Each client is let in at the first try.
func TestFloodsOfStrangersKeepNoClientOut(t *testing.T) {
	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprintf("127.1.%d.%d", i/100, i%100+1)
	}
	hello := greeting(t)
	for name, test := range map[string]struct {
		// strangers is larger than the number of their places.
		strangers int
		locals    []string
		greeting  []byte
	}{
		"silent, at one address":                {2 * silentPlaces, []string{"127.0.0.2"}, nil},
		"silent, at the client's address":       {2 * silentPlaces, []string{"127.0.0.1"}, nil},
		"silent, at many addresses":             {2 * silentPlaces, many, nil},
		"with a greeting, at one address":       {2 * handshakePlaces, []string{"127.0.0.2"}, hello},
		"with a greeting, at the client's":      {2 * handshakePlaces, []string{"127.0.0.1"}, hello},
		"with a greeting, at many addresses":    {2 * handshakePlaces, many, hello},
		"with half a greeting, at the client's": {2 * silentPlaces, []string{"127.0.0.1"}, hello[:len(hello)/2]},
	} {
		t.Run(name, func(t *testing.T) {
			w := listening(t, two)
			idle := w.client(monitor)
			idle.mustGet()
			watched := w.client(monitor).watch()
			w.flooded(test.strangers, test.greeting, test.locals...)
			for range 3 {
				asked := w.clientFrom("127.0.0.1", w.clients.issue(t, named(desk)))
				// On a busy computer, the flood can take the place of a slow handshake. A client that connects again
				// gets in.
				_, err := asked.GetStatus(asked.context(), &usherv1.GetStatusRequest{}, grpc.WaitForReady(true))
				must(t, err)
				asked.connection.Close()
			}
			idle.mustGet()
			w.status.set(&usherv1.GetStatusResponse{Problems: []string{"A problem."}}, nil)
			if got, err := watched.Recv(); err != nil || len(got.GetStatus().GetProblems()) != 1 {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// This also holds if clients have nearly all of their places.
func TestFloodWhileClientsHaveTheirPlaces(t *testing.T) {
	names := []string{"a.example.org", "b.example.org", "c.example.org", "d.example.org"}
	w := listening(t, func(_ *world, settings *listener.Settings) { settings.AllowedNames = append(names, desk) })
	for i := range connections - 1 {
		w.client(names[i%len(names)]).watch()
	}
	w.flooded(2*silentPlaces, nil, "127.0.0.2")
	for range 3 {
		asked := w.client(desk)
		asked.mustGet()
		asked.connection.Close()
	}
}

// A client that reconnects again and again takes no other client's connection, even if no call is under way on it.
func TestOneClientTakesNoOthersPlace(t *testing.T) {
	t.Parallel()
	w := listening(t, two)
	idle := w.client(desk)
	idle.mustGet()
	config := w.clientTLS(w.clients.issue(t, named(monitor)))
	config.NextProtos = []string{"h2"}
	dialer := tls.Dialer{Config: config}
	for range 2 * connections {
		connection, err := dialer.DialContext(t.Context(), "tcp", w.listens())
		must(t, err)
		defer connection.Close()
	}
	idle.mustGet()
	if times := idle.connections.Load(); times != 1 {
		t.Errorf("the other client had to connect %d times", times)
	}
}
