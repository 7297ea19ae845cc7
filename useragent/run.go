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

	"usher.internal/internal/command"
	"usher.internal/internal/config"
	"usher.internal/internal/layout"
	"usher.internal/internal/link"
	"usher.internal/internal/version"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/identity"
	"usher.internal/useragent/keychain"
	"usher.internal/useragent/leftovers"
	"usher.internal/useragent/portal"
)

// run wires the agent together and serves the helper until ctx ends (nil) or the helper refuses the agent for good.
// What it leaves behind is a Company Portal that runs, for the next agent to find.
func run(ctx context.Context, live *config.Live, log *slog.Logger) error {
	live.Begin(log)
	started := live.Current().Config
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	runner := portal.New(portal.Config{
		Executable:     started.Portal.Executable,
		StateDirectory: layout.Here().AgentStateOf(home, os.Getenv("XDG_STATE_HOME")),
		LogDirectory:   filepath.Join(home, "Library", "Logs", "Company Portal"),
		Activate:       activatePortal(func() bool { return live.Current().Portal.Activate }),
		Logger:         log,
	})
	defer runner.Close()
	// Before the link waits for its calls to end: those that follow a portal would go on as long as that does.
	stop := context.AfterFunc(ctx, runner.Close)
	defer stop()
	folder, err := os.OpenRoot(home)
	if err != nil {
		return err
	}
	defer folder.Close()
	login := keychain.Open()
	jamfState := filepath.Join(home, "Library", "Preferences", "com.jamf.management.jamfAAD.plist")
	tenant := newTenantWatch(started.HelperSocket(), started.Development.HelperUID, log)
	agent := newServer(serverConfig{
		Portal:    runner,
		settings:  settingsOf(started, login, tenant.wanted, jamfState),
		Connected: tenant.connected,
		Keychain:  login,
		Leftovers: leftovers.New(login, folder),
		JamfState: jamfState,
		Version:   version.String(),
		Logger:    log,
	})
	log.Info("usher-agent serves", "version", version.String(), "pid", os.Getpid(), "socket", started.AgentSocket())
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching.Go(func() { tenant.run(ctx) })
	watching.Go(func() {
		changed := func() {
			now := live.Current().Config
			runner.Use(now.Portal.Executable)
			agent.use(settingsOf(now, login, tenant.wanted, jamfState))
		}
		if err := live.Watch(ctx, changed); err != nil {
			log.Warn("changes of the configuration are not seen; they count when usher-agent starts next", "error", err)
		}
	})
	return serve(ctx, started.AgentSocket(), started.Development.HelperUID, agent)
}

// settingsOf is what the server is to do by a configuration.
func settingsOf(now config.Config, login *keychain.Keychain, wanted func() wpj.Conditions, jamfState string) settings {
	return settings{
		Sources: sources(now, login, wanted, jamfState),
		Gather:  command.GatherAADInfo.At(now.Jamf.ConditionalAccessExecutable),
		AppSSO:  command.AppSSO.At(now.PlatformSSO.Executable),
	}
}

// sources are the places that the configuration has looked at, for the identity that is wanted.
func sources(settings config.Config, login *keychain.Keychain, wanted func() wpj.Conditions,
	jamfState string) []identitySource {
	var chosen []identitySource
	for _, name := range settings.Identity.Sources {
		switch name {
		case config.LoginKeychain:
			chosen = append(chosen, identity.LoginKeychain(login, wanted))
		case config.PlatformSSO:
			chosen = append(chosen, identity.PlatformSSO(command.AppSSO.At(settings.PlatformSSO.Executable)))
		case config.SecureEnclave:
			chosen = append(chosen, identity.SecureEnclave(
				command.GetPSSOStatus.At(settings.Jamf.ConditionalAccessExecutable)))
		case config.JamfAgent:
			chosen = append(chosen, identity.JamfAgent(jamfState))
		}
	}
	return chosen
}

// serve serves the helper over the reversed link, which it dials again and again.
func serve(ctx context.Context, socket string, helperUID uint32, agent *server) error {
	return link.ServeReversed(ctx, link.AgentConfig{
		Path:      socket,
		ServerUID: helperUID,
		Register: func(server *grpc.Server) {
			usherv1.RegisterUserAgentServiceServer(server, agent)
			healthv1.RegisterHealthServer(server, health.NewServer())
		},
		ServerOptions: []grpc.ServerOption{
			grpc.UnaryInterceptor(agent.unaryErrors), grpc.StreamInterceptor(agent.streamErrors),
		},
		Logger:    agent.Logger,
		Connected: agent.Connected,
	})
}
