package server

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

	"usher.internal/helper/delivery"
	"usher.internal/internal/accounts"
	"usher.internal/internal/config"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
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

// Config is what a [Server] serves.
type Config struct {
	Registrations Registrations
	History       History
	Observations  Observations
	Sessions      Sessions
	Outbox        Outbox
	Presence      Presence
	Accounts      Accounts
	Forgetter     Forgetter
	JamfPro       JamfPro
	Doctor        Doctor
	Clean         Cleaner
	Journal       Journal
	SupportLogs   SupportLogs
	// Settings returns what is configured now.
	Settings func() Settings
	// SettingsChanged returns a channel that is closed when they are others; nil where they do not change.
	SettingsChanged func() <-chan struct{}
	// Fleet is how the connection to the fleet stands, nil where none is configured; Troubles are sentences for admins
	// about what answers from afar. Both may be nil.
	Fleet    func() *usherv1.FleetStatus
	Troubles func() []string
	Version  string
	// Computer and OperatingSystem are for people.
	Computer, OperatingSystem string
	Logger                    *slog.Logger
}

// Settings are what of a [Server] can be configured.
type Settings struct {
	// Values are the configuration as support archives show it, without secrets.
	Values       func() []config.Value
	Tenant       Tenant
	DeliveryMode string
	// AdminGroup is the group whose members may do what root may.
	AdminGroup string
	// PrimaryUser is the user who is to be the primary one; empty has one chosen.
	PrimaryUser string
	// Problem is why the configuration's files are not in force, nil when they are. Pending are keys that count at the
	// next start.
	Problem *config.Problem
	Pending []string
}

// Server is the helper's gRPC server.
type Server struct {
	grpc   *grpc.Server
	health *health.Server
	status *statusService
	drain  context.CancelFunc
	// askNoMore ends the questions to the directory that no call waits for.
	askNoMore context.CancelFunc
}

// New returns a server with every service of the helper's on it: usher's own, health, and reflection.
//
// Health says that this process can serve and nothing about Jamf Pro, so that no supervisor restarts a healthy helper
// because a server far away is down [SPIRE#730].
func New(config Config) *Server {
	if config.SettingsChanged == nil {
		config.SettingsChanged = func() <-chan struct{} { return nil }
	}
	asking, askNoMore := context.WithCancel(context.Background())
	gate := &gate{
		helperUID: uint32(os.Getuid()),
		admins: newAdminGroup(asking, func() string { return config.Settings().AdminGroup }, accounts.IsMember,
			config.Logger),
		limits: newLimits(),
		log:    config.Logger,
	}
	server := grpc.NewServer(
		grpc.Creds(link.ServerCredentials()),
		grpc.UnaryInterceptor(gate.unary),
		grpc.StreamInterceptor(gate.stream),
		grpc.MaxRecvMsgSize(maximumRequestBytes),
		grpc.MaxHeaderListSize(maximumHeaderBytes),
		grpc.MaxConcurrentStreams(streamsPerConnection),
		grpc.ConnectionTimeout(handshakeWithin),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleWithin}),
		grpc.WaitForHandlers(true),
		// Workers keep their stacks; a goroutine for each call would grow its own anew, a tenth of what a call costs
		// (docs/performance.md).
		grpc.NumStreamWorkers(streamWorkers),
	)
	draining, drain := context.WithCancel(context.Background())
	registrations := &registrationService{registrations: config.Registrations, foremost: config.Sessions,
		draining: draining}
	status := &statusService{
		sessions: config.Sessions, history: config.History, observations: config.Observations, journal: config.Journal,
		outbox:   config.Outbox,
		computer: &usherv1.ComputerStatus{Name: config.Computer, OperatingSystem: config.OperatingSystem},
		draining: draining,
		settings: config.Settings, settingsChanged: config.SettingsChanged, version: config.Version,
		startedAt: time.Now(),
		fleet:     config.Fleet, troubles: config.Troubles, presence: config.Presence, accounts: config.Accounts,
	}
	doctor := newDoctorService(config.Doctor, draining)
	usherv1.RegisterRegistrationServiceServer(server, registrations)
	usherv1.RegisterStatusServiceServer(server, status)
	usherv1.RegisterUserServiceServer(server,
		&userService{forgetter: config.Forgetter, status: status, log: config.Logger})
	usherv1.RegisterTenantServiceServer(server, &tenantService{
		settings: config.Settings, settingsChanged: config.SettingsChanged, draining: draining,
	})
	usherv1.RegisterDeliveryServiceServer(server, &deliveryService{outbox: config.Outbox, settings: config.Settings})
	usherv1.RegisterJamfProServiceServer(server,
		newJamfProService(config.JamfPro, delivery.Definitions(), config.Logger))
	usherv1.RegisterCleanServiceServer(server, &cleanService{cleaner: config.Clean, foremost: config.Sessions})
	usherv1.RegisterDoctorServiceServer(server, doctor)
	usherv1.RegisterSupportServiceServer(server, &supportService{
		logs: config.SupportLogs, registrations: registrations, status: status, doctor: doctor, cleaner: config.Clean,
		settings: config.Settings, draining: draining,
	})
	healthServer := health.NewServer()
	healthv1.RegisterHealthServer(server, healthServer)
	reflection.RegisterV1(server)
	return &Server{grpc: server, health: healthServer, status: status, drain: drain, askNoMore: askNoMore}
}

// Status returns the whole status as root sees it, for what answers from afar. It is not to be changed.
func (s *Server) Status() (*usherv1.GetStatusResponse, error) {
	return s.status.status(&Actor{root: true})
}

// WatchStatus sends the whole status as it stands and again after each change, until ctx ends, the server shuts down,
// or send returns an error; it returns that.
func (s *Server) WatchStatus(ctx context.Context, send func(*usherv1.GetStatusResponse) error) error {
	return s.status.watch(ctx, &Actor{root: true}, send)
}

// Serve serves until ctx ends, then drains: new calls are refused, watches end with SHUTTING_DOWN, and calls under way
// may finish for five seconds. It closes the listener and returns when every handler has returned.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.health.Shutdown()
		s.drain()
		hard := time.AfterFunc(drainWithin, s.grpc.Stop)
		defer hard.Stop()
		s.grpc.GracefulStop()
	})
	defer s.askNoMore()
	err := s.grpc.Serve(listener)
	if !stop() {
		<-stopped
	}
	s.drain()
	s.grpc.Stop() // of no use but after an error
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil // ctx had ended before serving began
	}
	return err
}
