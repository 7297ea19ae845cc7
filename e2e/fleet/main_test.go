// Package fleet_test runs fleets on real servers, one and three of the stock nats-server, with the real packages of
// usherd and usherctl. Only the reports of the Macs are made up.
package fleet_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"usher.internal/ctl/fleetview"
	"usher.internal/helper/delivery"
	"usher.internal/helper/reporter"
	"usher.internal/helper/store"
	"usher.internal/internal/fleet"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/natsserver"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most of the time the tests wait for servers.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// within is the time limit for each step that a test waits for.
const within = time.Minute

// world is one fleet.
type world struct {
	*testing.T
	*natsserver.Fleet
	ctx context.Context
}

// newWorld starts a fleet of one or three servers.
func newWorld(t *testing.T, servers int) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	made, err := natsserver.New(t.TempDir(), servers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Stop)
	if err := made.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return &world{t, made, ctx}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		for _, server := range w.Servers {
			if server.PID() == 0 {
				w.Logf("%s does not run: %s", server.Host, server.Log())
			}
		}
		w.Fatal(err)
	}
}

// eventually waits until a condition is true that sends no event here.
func (w *world) eventually(what string, so func() bool) {
	w.Helper()
	deadline := time.Now().Add(within)
	for !so() {
		if time.Now().After(deadline) {
			w.Fatalf("after %s still not: %s", within, what)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-w.ctx.Done():
			w.Fatal(w.ctx.Err())
		}
	}
}

// admin connects as an admin.
func (w *world) admin() *fleetview.Client {
	w.Helper()
	client, err := w.Admin(w.ctx)
	w.must(err)
	w.Cleanup(client.Close)
	return client
}

// mac is a Mac's part in the fleet.
type mac struct {
	*reporter.Reporter
	name     string
	access   fleet.Access
	outbox   *delivery.Outbox
	journal  *store.Store
	personal atomic.Bool
	state    atomic.Int32
	stop     func()
	settings atomic.Pointer[reporter.Settings]
	log      *lines
}

// Status implements [reporter.Status].
func (m *mac) Status() (*usherv1.GetStatusResponse, error) {
	return &usherv1.GetStatusResponse{
		Helper:   &usherv1.HelperStatus{Version: "1.2.3", DeliveryMode: "recon"},
		Computer: &usherv1.ComputerStatus{Name: "Computer of " + m.name, OperatingSystem: "macOS 15.1"},
		Outbox:   &usherv1.OutboxStatus{},
		Users: []*usherv1.UserStatus{{
			User: &usherv1.User{Name: "jane", Uid: 501},
			Identity: &usherv1.Identity{State: usherv1.IdentityState(m.state.Load()),
				UserPrincipalName: "jane@example.org", DeviceId: "the-device-id"},
		}},
	}, nil
}

// change puts a change into the outbox.
func (m *mac) change(number int) error {
	return m.journal.Update(func(tx *store.Tx) error {
		_, err := m.outbox.Enqueue(tx, delivery.Report{
			UID: 501, UserName: "jane", Detail: fmt.Sprint(number), At: time.Now(),
			Identity: &wpj.Identity{State: wpj.StateRegistered},
		})
		return err
	})
}

func (m *mac) unpublished() int {
	_, waiting, _, err := m.outbox.Unpublished(0)
	if err != nil {
		return -1
	}
	return waiting
}

func (m *mac) connected() bool { return m.State().GetServer() != "" }

// newMac makes a Mac of that name with its own credentials; it is idle until start.
func (w *world) newMac(name string) *mac {
	w.Helper()
	how, err := w.Mac(name, time.Hour)
	w.must(err)
	return w.macWith(name, how)
}

func (w *world) macWith(name string, how fleet.Access) *mac {
	w.Helper()
	m := &mac{name: name, access: how, log: &lines{}}
	m.personal.Store(true)
	m.state.Store(int32(usherv1.IdentityState_IDENTITY_STATE_REGISTERED))
	m.settings.Store(&reporter.Settings{Access: how, PersonalData: true, MacName: name})
	var err error
	m.journal, err = store.Open(filepath.Join(w.TempDir(), "journal.db"))
	w.must(err)
	w.Cleanup(func() { m.journal.Close() })
	m.outbox = delivery.New(delivery.Config{Store: m.journal, Publishes: func() bool { return true }})
	return m
}

// start has the Mac join the fleet until the end of the test, or until stop.
func (w *world) start(m *mac) *mac {
	m.Reporter = reporter.New(reporter.Config{
		Outbox: m.outbox, Settings: func() reporter.Settings { return *m.settings.Load() },
		Logger: slog.New(slog.NewTextHandler(m.log, nil)),
	})
	ctx, cancel := context.WithCancel(w.ctx)
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx, m) })
	m.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.Cleanup(m.stop)
	return m
}

// macs starts that many Macs, and returns when all are connected and known.
func (w *world) macs(count int) []*mac {
	w.Helper()
	var all []*mac
	for i := range count {
		all = append(all, w.start(w.newMac(fmt.Sprintf("MAC-%03d", i))))
	}
	for _, one := range all {
		w.eventually(one.name+" is known to the fleet", func() bool {
			return strings.Contains(one.log.String(), "connected") && one.State().GetLastError() == "" &&
				one.connected()
		})
	}
	admin, err := w.Admin(w.ctx)
	w.must(err)
	defer admin.Close()
	w.eventually("every Mac is known", func() bool {
		kept := 0 // in the bucket, which holds the last known state of a Mac that does not answer
		report, err := admin.Ask(w.ctx,
			fleetview.Question{Timeout: 5 * time.Second, Progress: func(_, known int) { kept = known }})
		w.must(err)
		return len(report.Macs) == count && kept == count && len(report.Warnings) == 0
	})
	return all
}

// raw connects with NATS's own client and any credentials, like a stranger.
func (w *world) raw(how fleet.Access, name string, errs chan error) *nats.Conn {
	w.Helper()
	conn, err := w.tryRaw(how, name, errs)
	w.must(err)
	return conn
}

// tryRaw is raw for a server that may refuse.
func (w *world) tryRaw(how fleet.Access, name string, errs chan error) (*nats.Conn, error) {
	options, err := how.Options("stranger", name)
	if err != nil {
		return nil, err
	}
	options = append(options, nats.NoReconnect(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			select {
			case errs <- err:
			default:
			}
		}))
	closed := make(chan struct{})
	options = append(options, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	conn, err := nats.Connect(strings.Join(how.Servers, ","), options...)
	if err != nil {
		return nil, err
	}
	w.Cleanup(func() { conn.Close(); <-closed })
	return conn, nil
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// byName returns a Mac from a report.
func byName(report *fleetview.Report, name string) *fleetview.Standing {
	for i := range report.Macs {
		if report.Macs[i].Mac == name {
			return &report.Macs[i]
		}
	}
	return nil
}
