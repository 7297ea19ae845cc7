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

// What one connection may hold. Requests to the helper are small: the largest carries a user name.
const (
	maximumRequestBytes  = 64 << 10
	maximumHeaderBytes   = 16 << 10
	streamsPerConnection = 64
	streamWorkers        = 4
	handshakeWithin      = 5 * time.Second
	idleWithin           = 10 * time.Minute
	drainWithin          = 5 * time.Second
)

// Config is what a [Server] is made of.
type Config struct {
	// AdminGroup returns the group whose members may do what root may.
	AdminGroup func() string
	// Translate returns the gRPC status of an error of a handler, nil for one that it does not know.
	Translate func(error) error
	Logger    *slog.Logger
}

// Server is usherd's gRPC server on helper.sock. Services are registered before [Server.Serve] is called.
type Server struct {
	*grpc.Server
	health    *health.Server
	helperUID uint32
	admins    *adminGroup
	limits    *limits
	translate func(error) error
	log       *slog.Logger
	// draining ends when the server shuts down, and every stream with it.
	draining context.Context
	drain    context.CancelFunc
	// askNoMore ends the questions to the directory that no call waits for.
	askNoMore context.CancelFunc
}

// New returns a server with the health and reflection services on it.
//
// Health says that this process can serve and nothing about Jamf Pro, so that no supervisor restarts a healthy helper
// because a server far away is down (as in https://github.com/spiffe/spire/issues/730).
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
		// Workers keep their stacks; a goroutine for each call would grow its own again, a tenth of what a call costs
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
	s.Server.Stop() // of no use but after an error
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil // ctx had ended before serving began
	}
	return err
}
