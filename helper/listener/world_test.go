package listener_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"usher.internal/helper/listener"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestMain(m *testing.M) {
	// With the race detector a handshake takes ten times as long, and the strangers of a test run on the same
	// processors.
	listener.SetPlaces(silentPlaces, handshakePlaces)
	goleak.VerifyTestMain(m)
}

const (
	silentPlaces    = 64
	handshakePlaces = 32
)

const (
	monitor = "monitor.example.org"
	// patience is the limit for waiting.
	patience = 20 * time.Second
)

// world is a running listener, its files, and its log.
type world struct {
	t        *testing.T
	listener *listener.Listener
	status   *computer
	log      *logged
	// servers issued the listener's certificate. clients is the authority in client_ca_file.
	servers, clients *authority
	folder           string
	// end stops it, and returns when it has ended.
	end func()

	mu       sync.Mutex
	settings listener.Settings
}

// newWorld starts a listener on any port, unless change sets another address.
func newWorld(t *testing.T, change func(*world, *listener.Settings)) *world {
	t.Helper()
	w := &world{
		t: t, status: &computer{changed: make(chan struct{})}, log: new(logged), folder: t.TempDir(),
		servers: newAuthority(t, "servers"), clients: newAuthority(t, "clients"),
	}
	w.settings = listener.Settings{
		Address: "127.0.0.1:0", CertificateFile: w.path("server.pem"), KeyFile: w.path("server-key.pem"),
		ClientCAFile: w.path("clients.pem"),
		AllowedNames: []string{monitor}, PersonalData: true,
	}
	w.writeServer(w.servers.issue(t, named("127.0.0.1")))
	w.write("clients.pem", w.clients.pem())
	if change != nil {
		change(w, &w.settings)
	}
	w.listener = listener.New(listener.Config{
		Settings: func() listener.Settings { w.mu.Lock(); defer w.mu.Unlock(); return w.settings },
		Logger:   slog.New(slog.NewTextHandler(w.log, nil)),
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.listener.Run(ctx, w.status) }()
	w.end = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run returned %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not return")
		}
	})
	t.Cleanup(w.end)
	return w
}

// listening returns a world whose listener already listens.
func listening(t *testing.T, change func(*world, *listener.Settings)) *world {
	t.Helper()
	w := newWorld(t, change)
	w.listens()
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.folder, name) }

// write replaces a file at once, like a program that renews certificates.
func (w *world) write(name string, content []byte) {
	w.t.Helper()
	path := w.path(name)
	must(w.t, os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path))
}

func (w *world) writeServer(certificate tls.Certificate) {
	w.t.Helper()
	public, private := encoded(w.t, certificate)
	w.write("server.pem", public)
	w.write("server-key.pem", private)
}

// configure changes the settings and notifies the listener.
func (w *world) configure(change func(*listener.Settings)) {
	w.configureQuietly(change)
	w.listener.SettingsChanged()
}

func (w *world) configureQuietly(change func(*listener.Settings)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.settings)
}

// listens waits until it listens, and returns the address.
func (w *world) listens() string {
	w.t.Helper()
	eventually(w.t, "it listens", func() bool { return w.listener.Address() != nil })
	return w.listener.Address().String()
}

// troubled waits for a trouble that contains all these texts, and returns it.
func (w *world) troubled(says ...string) string {
	w.t.Helper()
	var trouble error
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the trouble is %v", trouble)
		}
	}()
	eventually(w.t, "there is a trouble with "+strings.Join(says, " and "), func() bool {
		trouble = w.listener.Trouble()
		if trouble == nil {
			return false
		}
		for _, one := range says {
			if !strings.Contains(trouble.Error(), one) {
				return false
			}
		}
		return true
	})
	return trouble.Error()
}

func (w *world) untroubled() {
	w.t.Helper()
	eventually(w.t, "there is no trouble", func() bool { return w.listener.Trouble() == nil })
}

// client returns a client with a certificate of the authority clients for these names, on its own connection.
func (w *world) client(names ...string) *client {
	w.t.Helper()
	return w.clientWith(w.clients.issue(w.t, named(names...)))
}

func (w *world) clientWith(certificates ...tls.Certificate) *client {
	w.t.Helper()
	return w.clientFrom("", certificates...)
}

// clientFrom returns a client at a local address.
func (w *world) clientFrom(local string, certificates ...tls.Certificate) *client {
	w.t.Helper()
	dialer := &net.Dialer{}
	if local != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	}
	connections := new(atomic.Int32)
	connection, err := grpc.NewClient("passthrough:///"+w.listens(),
		grpc.WithTransportCredentials(credentials.NewTLS(w.clientTLS(certificates...))),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			connections.Add(1)
			return dialer.DialContext(ctx, "tcp", address)
		}))
	must(w.t, err)
	w.t.Cleanup(func() { connection.Close() })
	return &client{StatusServiceClient: usherv1.NewStatusServiceClient(connection), t: w.t, connection: connection,
		connections: connections}
}

func (w *world) clientTLS(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{
		// Go itself shows no certificate to a server that would refuse it.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(certificates) == 0 {
				return new(tls.Certificate), nil
			}
			return &certificates[0], nil
		},
		RootCAs: w.servers.pool(), ServerName: "127.0.0.1",
	}
}

// client is one connection.
type client struct {
	usherv1.StatusServiceClient
	t          *testing.T
	connection *grpc.ClientConn
	// connections is how often it had to connect.
	connections *atomic.Int32
}

func (c *client) context() context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	c.t.Cleanup(cancel)
	return ctx
}

// get asks for the status.
func (c *client) get() (*usherv1.GetStatusResponse, error) {
	return c.GetStatus(c.context(), &usherv1.GetStatusRequest{})
}

// mustGet fails the test unless there is an answer.
func (c *client) mustGet() *usherv1.GetStatusResponse {
	c.t.Helper()
	status, err := c.get()
	if err != nil {
		c.t.Fatal(err)
	}
	return status
}

// watch opens a stream, and returns it after it has sent the current status.
func (c *client) watch() *stream {
	c.t.Helper()
	opened, err := c.WatchStatus(c.context(), &usherv1.WatchStatusRequest{})
	must(c.t, err)
	if _, err := opened.Recv(); err != nil {
		c.t.Fatal(err)
	}
	return &stream{opened}
}

type stream struct {
	grpc.ServerStreamingClient[usherv1.WatchStatusResponse]
}

// ended waits for the end of a stream, and returns the reason.
func (s *stream) ended() error {
	for {
		if _, err := s.Recv(); err != nil {
			return err
		}
	}
}

// refusal describes the expected error.
type refusal struct {
	code   codes.Code
	reason usherv1.ErrorReason
	// says are parts of the sentence; fix is one of the fixes.
	says []string
	fix  string
}

func notPermitted(code codes.Code, fix string, says ...string) refusal {
	return refusal{code: code, reason: usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED, says: says, fix: fix}
}

func (r refusal) check(t *testing.T, what string, err error) {
	t.Helper()
	if status.Code(err) != r.code || contract.Reason(err) != r.reason ||
		!strings.Contains(contract.Metadata(err)[contract.Fix], r.fix) {
		t.Errorf("%s: %v, %v, fix %q; want %v, %v, fix %q", what, err, contract.Reason(err),
			contract.Metadata(err)[contract.Fix], r.code, r.reason, r.fix)
	}
	for _, part := range r.says {
		if !strings.Contains(status.Convert(err).Message(), part) {
			t.Errorf("%s: %v does not say %q", what, err, part)
		}
	}
}

// computer is a Mac with a status.
type computer struct {
	mu      sync.Mutex
	now     *usherv1.GetStatusResponse
	err     error
	asked   int
	changed chan struct{}
}

func (c *computer) set(now *usherv1.GetStatusResponse, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.err = now, err
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *computer) look() (*usherv1.GetStatusResponse, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.now == nil {
		c.now = &usherv1.GetStatusResponse{Computer: &usherv1.ComputerStatus{Name: "a Mac"}}
	}
	return c.now, c.changed, c.err
}

// timesAsked is how often its status was requested.
func (c *computer) timesAsked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// Status implements [listener.Status].
func (c *computer) Status() (*usherv1.GetStatusResponse, error) {
	now, _, err := c.look()
	return now, err
}

// WatchStatus implements [listener.Status].
func (c *computer) WatchStatus(ctx context.Context, send func(*usherv1.GetStatusResponse) error) error {
	for {
		now, changed, err := c.look()
		if err != nil {
			return err
		}
		if err := send(now); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// says waits for a log line that contains all of these parts.
func (w *world) says(parts ...string) {
	w.t.Helper()
	eventually(w.t, "the log says "+strings.Join(parts, " and "), func() bool {
		for line := range strings.Lines(w.log.String()) {
			found := 0
			for _, part := range parts {
				if strings.Contains(line, part) {
					found++
				}
			}
			if found == len(parts) {
				return true
			}
		}
		return false
	})
}

// eventually waits for a state that sends no event.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(patience)
	for !holds() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-limit:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
