package useragent

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"usher.internal/internal/applog"
	"usher.internal/internal/command"
	"usher.internal/internal/config"
	"usher.internal/internal/layout"
	"usher.internal/internal/link"
	"usher.internal/internal/version"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/identity"
	"usher.internal/useragent/keychain"
	"usher.internal/useragent/leftovers"
	"usher.internal/useragent/portal"
)

// agent is the composed usher-agent. Its fields do not change.
type agent struct {
	live *config.Live
	// started is the configuration at the start. The paths of the sockets do not change later, even if the files do.
	started config.Config
	log     *slog.Logger
	home    *os.Root
	// jamfState is the file in which macOS keeps the preferences of Jamf's agent.
	jamfState string
	portal    *portal.Runner
	login     *keychain.Keychain
	tenant    *tenantWatch
	server    *server
}

// run serves the helper until ctx ends (nil) or the helper refuses the agent for good. A Company Portal that runs then
// continues; the next agent finds it.
func run(ctx context.Context, live *config.Live, log *slog.Logger) error {
	live.Begin(log)
	a, err := compose(live, log)
	if err != nil {
		return err
	}
	defer a.home.Close()
	defer a.portal.Close()
	// These calls must end before the link waits for its calls: a call that follows a portal would last as long as the
	// portal.
	stop := context.AfterFunc(ctx, a.portal.Close)
	defer stop()
	log.Info("usher-agent serves", "version", version.String(), "pid", os.Getpid(), "socket", a.started.AgentSocket())
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching.Go(func() { a.tenant.run(ctx) })
	watching.Go(func() { a.watchConfiguration(ctx) })
	return serve(ctx, a.started.AgentSocket(), a.started.Development.HelperUID, a.server)
}

// compose composes the agent for a user's home.
func compose(live *config.Live, log *slog.Logger) (*agent, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	a := &agent{
		live: live, started: live.Current().Config, log: log, login: keychain.Open(),
		jamfState: filepath.Join(home, "Library", "Preferences", "com.jamf.management.jamfAAD.plist"),
	}
	if a.home, err = os.OpenRoot(home); err != nil {
		return nil, err
	}
	a.portal = portal.New(portal.Config{
		Executable:     a.started.Portal.Executable,
		StateDirectory: layout.Here().AgentStateOf(home, os.Getenv("XDG_STATE_HOME")),
		LogDirectory:   filepath.Join(home, applog.CompanyPortalFolder),
		Activate:       activatePortal(func() bool { return live.Current().Portal.Activate }),
		Logger:         log,
	})
	a.tenant = newTenantWatch(a.started.HelperSocket(), a.started.Development.HelperUID, log)
	a.server = newServer(serverConfig{
		Portal:    a.portal,
		settings:  a.settings(a.started),
		Connected: a.tenant.connected,
		Keychain:  a.login,
		Leftovers: leftovers.New(a.login, a.home),
		JamfState: a.jamfState,
		Version:   version.String(),
		Logger:    log,
	})
	return a, nil
}

// watchConfiguration gives each new configuration to the server and the portal, until ctx ends.
func (a *agent) watchConfiguration(ctx context.Context) {
	changed := func() {
		now := a.live.Current().Config
		a.portal.Use(now.Portal.Executable)
		a.server.use(a.settings(now))
	}
	if err := a.live.Watch(ctx, changed); err != nil {
		a.log.Warn("changes of the configuration are not seen; they take effect when usher-agent restarts", "error",
			err)
	}
}

// settings returns the server's settings from a configuration.
func (a *agent) settings(now config.Config) settings {
	return settings{
		Sources: a.sources(now),
		Gather:  command.GatherAADInfo.At(now.Jamf.ConditionalAccessExecutable),
		AppSSO:  command.AppSSO.At(now.PlatformSSO.Executable),
	}
}

// sources are the places where the agent looks for the wanted identity, from the configuration.
func (a *agent) sources(now config.Config) []identitySource {
	var chosen []identitySource
	for _, name := range now.Identity.Sources {
		switch name {
		case config.LoginKeychain:
			chosen = append(chosen, identity.LoginKeychain(a.login, a.tenant.wanted))
		case config.PlatformSSO:
			chosen = append(chosen, identity.PlatformSSO(command.AppSSO.At(now.PlatformSSO.Executable)))
		case config.SecureEnclave:
			chosen = append(chosen, identity.SecureEnclave(
				command.GetPSSOStatus.At(now.Jamf.ConditionalAccessExecutable)))
		case config.JamfAgent:
			chosen = append(chosen, identity.JamfAgent(a.jamfState))
		}
	}
	return chosen
}

// serve serves the helper over the reversed link, and redials it whenever it breaks.
func serve(ctx context.Context, socket string, helperUID uint32, server *server) error {
	return link.ServeReversed(ctx, link.AgentConfig{
		Path:      socket,
		ServerUID: helperUID,
		Register: func(to *grpc.Server) {
			usherv1.RegisterUserAgentServiceServer(to, server)
			healthv1.RegisterHealthServer(to, health.NewServer())
		},
		ServerOptions: []grpc.ServerOption{
			grpc.UnaryInterceptor(server.unaryErrors), grpc.StreamInterceptor(server.streamErrors),
		},
		Logger:    server.Logger,
		Connected: server.Connected,
	})
}
