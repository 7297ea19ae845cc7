// Package listener answers from the network with the state of this Mac, to programs that show a certificate. It offers
// only GetStatus and WatchStatus of all of usher. It is off until an address is configured (docs/remote.md).
//
// The right to ask is decided for each call, not at the handshake. A client with a certificate of the configured
// authority, but without an allowed name, gets a reason that a person can act on. A name that is taken off the list
// loses its right on open connections too.
package listener

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"usher.internal/internal/filewatch"
	"usher.internal/internal/notice"
	usherv1 "usher.internal/proto/usher/v1"
)

// The limits of the listener. Requests are empty, and a client that watches needs one connection.
const (
	maximumConnections  = 64
	maximumRequestBytes = 4 << 10
	maximumHeaderBytes  = 8 << 10
	// so that one call too many is refused with a reason, and does not wait for ever
	streamsPerConnection = 2 * callsUnderWay
	handshakeWithin      = 5 * time.Second
	idleWithin           = 10 * time.Minute
	keepaliveInterval    = 5 * time.Minute
	drainWithin          = 2 * time.Second
	// listenAgain is the pause before the listener tries an unusable address again. The address may come with a
	// network.
	listenAgain = 5 * time.Second
)

// Status returns the state of this Mac, as root sees it.
type Status interface {
	Status() (*usherv1.GetStatusResponse, error)
	// WatchStatus sends the current status, and again after each change, until ctx ends or send returns an error.
	WatchStatus(ctx context.Context, send func(*usherv1.GetStatusResponse) error) error
}

// Settings are the parts that can be configured.
type Settings struct {
	// Address is host:port; if it is empty, nothing listens.
	Address                                string
	CertificateFile, KeyFile, ClientCAFile string
	// AllowedNames are subject alternative names. A client's certificate must have one of them.
	AllowedNames []string
	// PersonalData allows the names of people, and what identifies them, to be sent.
	PersonalData bool
}

// Config is what a [Listener] needs.
type Config struct {
	// Settings returns the current configuration. Call [Listener.SettingsChanged] when it changes.
	Settings func() Settings
	Logger   *slog.Logger
}

// Listener is the listener. One goroutine runs [Listener.Run]; the other methods may be called from anywhere.
type Listener struct {
	config    Config
	status    Status
	log       *slog.Logger
	clients   *clients
	materials *materials
	renew     notice.Signal
	changed   notice.Signal

	mu      sync.Mutex
	trouble error
	address net.Addr
	looked  notice.Broadcast // sent when materials or settings may have changed
}

// New returns a listener that does not listen before [Listener.Run].
func New(config Config) *Listener {
	return &Listener{
		config: config, log: config.Logger, clients: newClients(), materials: new(materials),
		renew: notice.NewSignal(), changed: notice.NewSignal(),
	}
}

// SettingsChanged makes [Listener.Run] read the settings again. It does not block.
func (l *Listener) SettingsChanged() {
	l.renew.Set()
}

// Trouble says why the listener does not answer, or why it continues with old certificates because their files have
// become unusable. It is nil if there is no problem.
func (l *Listener) Trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trouble
}

// Troubles returns it as sentences for admins.
func (l *Listener) Troubles() []string {
	if err := l.Trouble(); err != nil {
		return []string{fmt.Sprintf("The listener does not answer as it is configured: %v.", err)}
	}
	return nil
}

// Address is the address on which it listens; nil while it does not listen.
func (l *Listener) Address() net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address
}

// Run listens, if an address is configured, until ctx ends. It returns nil when every call has ended.
func (l *Listener) Run(ctx context.Context, status Status) error {
	l.status = status
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		filewatch.WatchOrRenew(ctx, l.log, l.files, l.renew, func() { l.changed.Set() }, func(err error) {
			l.log.Warn("changes of the listener's certificates are not seen; they take effect when usherd restarts "+
				"or its configuration changes", "error", err)
		})
		return nil
	})
	group.Go(func() error { l.serve(ctx); return nil })
	return group.Wait()
}

func (l *Listener) files() []string {
	now := l.config.Settings()
	return []string{now.CertificateFile, now.KeyFile, now.ClientCAFile}
}

// serve runs one server at a time, on the configured address.
func (l *Listener) serve(ctx context.Context) {
	var running *server
	stop := func() {
		if running != nil {
			running.stop()
			running = nil
		}
	}
	defer func() { stop(); l.note(nil, nil) }()
	again := time.NewTimer(time.Hour)
	again.Stop()
	defer again.Stop()
	var broken error // why the last server ended by itself, until the next one starts
	for {
		settings := l.config.Settings()
		if running != nil && running.address != settings.Address {
			stop()
		}
		var trouble error
		if settings.Address != "" {
			trouble = errors.Join(broken, l.materials.load(settings))
			if running == nil && broken == nil && l.materials.current() != nil {
				var err error
				if running, err = l.start(settings.Address); err != nil {
					trouble = errors.Join(err, trouble)
					again.Reset(listenAgain)
				}
			}
		}
		l.note(trouble, running)
		var ended <-chan error
		if running != nil {
			ended = running.ended
		}
		select {
		case err := <-ended:
			stop()
			broken = fmt.Errorf("the listener ended: %w", err)
			again.Reset(listenAgain)
			continue
		case <-l.changed:
		case <-again.C:
		case <-ctx.Done():
			return
		}
		broken = nil
	}
}

// note records what is wrong, and logs it once. Open streams then check whether they may continue.
func (l *Listener) note(trouble error, running *server) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if trouble != nil && (l.trouble == nil || l.trouble.Error() != trouble.Error()) {
		l.log.Error("the listener cannot be used as it is configured", "error", trouble, "listens", running != nil)
	}
	l.trouble, l.address = trouble, nil
	if running != nil {
		l.address = running.bound
	}
	l.looked.Send()
}

// next returns a channel that is closed when materials or settings may have changed.
func (l *Listener) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.looked.Next()
}

// mayAsk returns the allowed name of a client that has shown this certificate. It returns false if the client may not
// ask.
func (l *Listener) mayAsk(certificate *x509.Certificate) (name string, allowed bool) {
	return allowedName(certificate, l.config.Settings().AllowedNames)
}

// refusedConnection logs why a connection failed. A connection that was closed without a message is not logged.
func (l *Listener) refusedConnection(from net.Addr, err error) {
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, errNoPlace) &&
		l.clients.strangers.Allow() {
		l.log.Warn("listener refused a connection", "peer", from.String(), "error", err)
	}
}

// server is one listening socket with its gRPC server.
type server struct {
	address string
	bound   net.Addr
	// ended receives the reason if the server ends before stop. stop must be called all the same.
	ended <-chan error
	stop  func()
}

func (l *Listener) start(address string) (*server, error) {
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on listener.address: %w", err)
	}
	draining, drain := context.WithCancel(context.Background())
	gate := &gate{
		materials: l.materials, settings: l.config.Settings, clients: l.clients, log: l.log, changed: l.next,
		draining: draining,
	}
	rpc := grpc.NewServer(
		grpc.Creds(newHandshake(l.materials, l.mayAsk, l.refusedConnection)),
		grpc.UnaryInterceptor(gate.unary),
		grpc.StreamInterceptor(gate.stream),
		grpc.UnknownServiceHandler(unknown),
		grpc.MaxRecvMsgSize(maximumRequestBytes),
		grpc.MaxHeaderListSize(maximumHeaderBytes),
		grpc.MaxConcurrentStreams(streamsPerConnection),
		grpc.ConnectionTimeout(handshakeWithin),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleWithin, Time: keepaliveInterval}),
		grpc.WaitForHandlers(true),
	)
	usherv1.RegisterStatusServiceServer(rpc, &service{status: l.status, settings: l.config.Settings, log: l.log})
	ended := make(chan error, 1)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := rpc.Serve(newPlaces(socket)); err != nil {
			ended <- err
		}
	})
	l.log.Info("listener answers", "address", socket.Addr().String())
	return &server{address: address, bound: socket.Addr(), ended: ended, stop: func() {
		drain()
		hard := time.AfterFunc(drainWithin, rpc.Stop)
		defer hard.Stop()
		rpc.GracefulStop()
		serving.Wait()
	}}, nil
}
