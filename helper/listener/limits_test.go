package listener_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"usher.internal/helper/listener"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

const (
	desk = "desk.example.org"
	// As in docs/fleet-reference.md.
	callsAtOnce, callsPerSecond, callsUnderWay = 20, 5, 16
	// connections is the maximum number of connections of the listener.
	connections = 64
)

func two(_ *world, settings *listener.Settings) { settings.AllowedNames = []string{monitor, desk} }

func limited(says ...string) refusal {
	return refusal{code: codes.ResourceExhausted, reason: usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED, says: says}
}

// The rate is limited for a name, in any spelling, over all of its connections. Another name has its own limit.
func TestRateOfOneClient(t *testing.T) {
	t.Parallel()
	w := listening(t, two)
	clients := []*client{w.client(monitor), w.client("MONITOR.example.org"), w.client(monitor, desk)}
	started := time.Now()
	answered := 0
	var err error
	for i := 0; err == nil && i < 100*callsAtOnce; i++ {
		if _, err = clients[i%len(clients)].get(); err == nil {
			answered++
		}
	}
	most := callsAtOnce + int(time.Since(started).Seconds()*callsPerSecond) + 1
	if answered < callsAtOnce || answered > most {
		t.Errorf("%d calls were answered, not %d to %d", answered, callsAtOnce, most)
	}
	want := limited(monitor, "more often than 5 times a second")
	want.fix = "WatchStatus"
	want.check(t, "one call too many", err)
	w.says("listener refused a call", monitor, "more often")
	w.client(desk).mustGet()
	// It may ask again after a while.
	eventually(t, "it may ask again", func() bool { _, err := clients[0].get(); return err == nil })
}

// Clients that are not on the list share one limit, and cost nobody else a call.
func TestRateOfStrangers(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	strangers := []*client{w.client("a.example.org"), w.client("b.example.org")}
	refused := map[usherv1.ErrorReason]int{}
	for i := 0; refused[usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED] == 0 && i < 100*callsAtOnce; i++ {
		_, err := strangers[i%2].get()
		refused[contract.Reason(err)]++
		if contract.Metadata(err)[contract.Fix] != "add its name to listener.allowed_names" {
			t.Errorf("%v without what helps", err)
		}
	}
	if len(refused) != 2 {
		t.Errorf("refused were %v", refused)
	}
	w.client(monitor).mustGet()
}

func TestCallsUnderWayOfOneClient(t *testing.T) {
	t.Parallel()
	w := listening(t, two)
	asked, again := w.client(monitor), w.client(monitor)
	ctx, breakOff := context.WithCancel(t.Context())
	for i := range callsUnderWay {
		by := asked
		if i%2 == 1 {
			by = again
		}
		opened, err := by.WatchStatus(ctx, &usherv1.WatchStatusRequest{})
		must(t, err)
		if _, err := opened.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	for _, by := range []*client{asked, again, w.client(monitor)} {
		_, err := by.get()
		limited(monitor, "16 calls under way").check(t, "one more", err)
	}
	w.client(desk).mustGet()
	breakOff()
	eventually(t, "the streams are gone", func() bool { _, err := asked.get(); return err == nil })
	if log := w.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("a client that breaks off is an error: %s", log)
	}
}

// One call more than may be under way is refused, also on one connection, and does not wait for ever.
func TestCallsUnderWayOnOneConnection(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	asked := w.client(monitor)
	for range callsUnderWay {
		asked.watch()
	}
	_, err := asked.get()
	limited("16 calls under way").check(t, "one more", err)
}

// silent connects, sends nothing, and returns when it is sent away.
func silent(ctx context.Context, local, address string, connected chan<- struct{}) {
	says(ctx, local, address, nil, connected)
}

// says connects, sends only that, and returns when it is sent away.
func says(ctx context.Context, local, address string, greeting []byte, connected chan<- struct{}) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { connection.Close() })()
	defer connection.Close()
	if _, err := connection.Write(greeting); err != nil {
		return
	}
	select {
	case connected <- struct{}{}:
	case <-ctx.Done():
	}
	io.Copy(io.Discard, connection)
}

// All strangers may come from a client's address, as behind a router. Then silent connections give way to those that
// speak.
func TestSilentConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	address := w.listens()
	dialer := new(net.Dialer)
	started := time.Now()
	for range 3 * connections {
		connection, err := dialer.DialContext(t.Context(), "tcp", address)
		must(t, err)
		defer connection.Close()
	}
	w.client(monitor).mustGet()
	if took := time.Since(started); took > 4*time.Second {
		t.Errorf("let in after %v, when strangers had no time left for their handshake", took)
	}
}

// Clients of the authority that may not ask, or do not, keep their connections only while there is room.
func TestStrangersWithCertificatesGiveWay(t *testing.T) {
	t.Parallel()
	w := listening(t, two)
	known := w.client(monitor)
	known.mustGet()
	config := w.clientTLS(w.clients.issue(t, named("stranger.example.org")))
	config.NextProtos = []string{"h2"}
	dialer := tls.Dialer{Config: config}
	for range connections + 10 {
		connection, err := dialer.DialContext(t.Context(), "tcp", w.listens())
		must(t, err)
		defer connection.Close()
	}
	w.client(desk).mustGet()
	known.mustGet()
}

// Clients that abandon their connections give way to others.
func TestConnectionsThatWereLeftBehindGiveWay(t *testing.T) {
	t.Parallel()
	names := []string{"a.example.org", "b.example.org", "c.example.org", "d.example.org"}
	w := listening(t, func(_ *world, settings *listener.Settings) { settings.AllowedNames = append(names, desk) })
	watched := w.client(desk).watch()
	for i := range connections + len(names) {
		w.client(names[i%len(names)]).mustGet()
	}
	w.status.set(&usherv1.GetStatusResponse{}, nil)
	if _, err := watched.Recv(); err != nil {
		t.Errorf("the one that was used: %v", err)
	}
}

func TestHandshakeHasATimeLimit(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	silent(ctx, "127.0.0.1", w.listens(), make(chan struct{}, 1))
	if ctx.Err() != nil {
		t.Errorf("a silent connection is still open after %v", patience)
	}
	w.says("listener refused a connection", "timeout")
}
