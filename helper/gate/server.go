package gate

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"usher.internal/internal/accounts"
	"usher.internal/internal/link"
)

// Limits for one connection. Requests to the helper are small: the largest one contains a user name.
const (
	maximumRequestBytes  = 64 << 10
	maximumHeaderBytes   = 16 << 10
	streamsPerConnection = 64
	streamWorkers        = 4
	handshakeWithin      = 5 * time.Second
	idleWithin           = 10 * time.Minute
	drainWithin          = 5 * time.Second
)

// Config is the input of a [Server].
type Config struct {
	// AdminGroup returns the group whose members have the same rights as root.
	AdminGroup func() string
	// Translate returns the gRPC status of a handler's error, nil for an unknown one.
	Translate func(error) error
	Logger    *slog.Logger
}

// Server is usherd's gRPC server on helper.sock. Register services before calling [Server.Serve].
type Server struct {
	*grpc.Server
	health    *health.Server
	helperUID uint32
	admins    *adminGroup
	limits    *limits
	translate func(error) error
	log       *slog.Logger
	// draining ends when the server shuts down, and so does every stream.
	draining context.Context
	drain    context.CancelFunc
	// askNoMore ends the questions to the directory that no call waits for.
	askNoMore context.CancelFunc
}

// New returns a server with the health and reflection services.
//
// Health says only that this process can serve, and nothing about Jamf Pro. So no supervisor restarts a healthy helper
// because a remote server is down (as in https://github.com/spiffe/spire/issues/730).
func New(config Config) *Server {
	asking, askNoMore := context.WithCancel(context.Background())
	draining, drain := context.WithCancel(context.Background())
	s := &Server{
		health:    health.NewServer(),
		helperUID: uint32(os.Getuid()),
		admins:    newAdminGroup(asking, config.AdminGroup, accounts.IsMember, config.Logger),
		limits:    newLimits(),
		translate: config.Translate,
		log:       config.Logger,
		draining:  draining, drain: drain,
		askNoMore: askNoMore,
	}
	s.Server = grpc.NewServer(
		grpc.Creds(link.ServerCredentials()),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
		grpc.MaxRecvMsgSize(maximumRequestBytes),
		grpc.MaxHeaderListSize(maximumHeaderBytes),
		grpc.MaxConcurrentStreams(streamsPerConnection),
		grpc.ConnectionTimeout(handshakeWithin),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleWithin}),
		grpc.WaitForHandlers(true),
		// Workers keep their stacks. A goroutine for each call would grow a new one, a tenth of the cost of a call
		// (docs/performance.md).
		grpc.NumStreamWorkers(streamWorkers),
	)
	healthv1.RegisterHealthServer(s, s.health)
	reflection.RegisterV1(s)
	return s
}

// Serve serves until ctx ends, then drains: new calls are refused, watches end with SHUTTING_DOWN, and calls under way
// may finish for five seconds. It closes the listener and returns when every handler has returned.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.health.Shutdown()
		s.drain()
		hard := time.AfterFunc(drainWithin, s.Server.Stop)
		defer hard.Stop()
		s.Server.GracefulStop()
	})
	defer s.askNoMore()
	err := s.Server.Serve(listener)
	if !stop() {
		<-stopped
	}
	s.drain()
	s.Server.Stop() // only needed after an error
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil // ctx had ended before serving began
	}
	return err
}
