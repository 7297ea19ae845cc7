package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"usher.internal/helper/clean"
	"usher.internal/helper/delivery"
	"usher.internal/helper/doctor"
	"usher.internal/helper/jamfpro"
	"usher.internal/helper/observation"
	"usher.internal/helper/registration"
	"usher.internal/helper/server"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/helper/support"
	"usher.internal/helper/thismac"
	"usher.internal/internal/config"
	"usher.internal/internal/link"
	"usher.internal/internal/version"
	"usher.internal/internal/wpj"
)

// run wires the helper together and serves until ctx ends.
//
// The sockets come first: whoever holds them is the helper of this computer, and a second one ends here before it has
// touched the journal.
func run(ctx context.Context, config *config.Loaded, log *slog.Logger) error {
	if err := makeDirectory(config.SocketDirectory, 0o755); err != nil {
		return err
	}
	helperSocket, err := link.Listen(config.HelperSocket(), link.ListenConfig{Mode: 0o666, Logger: log})
	if err != nil {
		return err
	}
	defer helperSocket.Close()
	agentSocket, err := link.Listen(config.AgentSocket(), link.ListenConfig{Mode: 0o666, Logger: log})
	if err != nil {
		return err
	}
	defer agentSocket.Close()

	if err := makeDirectory(config.StateDirectory, 0o700); err != nil {
		return err
	}
	journal, err := openJournal(config.JournalFile(), log)
	if err != nil {
		return err
	}
	defer journal.Close()

	registry := sessions.New(sessions.Config{AgentExecutable: config.Agent.Executable, Logger: log})
	jamfPro, err := newJamfPro(config.Config, log)
	if err != nil {
		return err
	}
	outbox := delivery.New(delivery.Config{Store: journal, Deliverer: newDeliverer(config.Config, jamfPro, log), Logger: log})
	places := thismac.Places{PortalExecutable: config.Portal.Executable, JamfPreferences: config.Preflight.JamfPreferences}
	observer := observation.New(observation.Config{
		Store:             journal,
		Tenant:            func() wpj.TenantID { return config.Tenant.ID },
		ThisMac:           func(context.Context) []wpj.Evidence { return places.Evidence() },
		ProofOfPossession: config.Identity.ProofOfPossession,
		Logger:            log,
	})
	checks := newChecks(config, registry, jamfPro, journal, log)
	machine := registration.New(registration.Config{
		Store:           journal,
		Sessions:        registry,
		Preflight:       checks,
		Outbox:          outbox,
		Identities:      observer,
		SessionTimeout:  config.Registration.SessionTimeout,
		SignInTimeout:   config.Registration.SignInTimeout,
		IdentityTimeout: config.Registration.IdentityTimeout,
		GatherWithJamf:  config.Jamf.GatherAfterPortal,
		Logger:          log,
		Committing:      crash.committing,
		Committed:       crash.committed,
	})
	watcher := observation.NewWatcher(observation.WatcherConfig{
		Observer:  observer,
		Sessions:  registry,
		Outbox:    outbox,
		Active:    machine.Active,
		JamfPro:   viewOf(jamfPro, config.Config),
		Automatic: config.Identity.LookAutomatically,
		Interval:  config.Identity.LookInterval,
		Heartbeat: config.Identity.Heartbeat,
		Logger:    log,
	})
	outbox.OnChange(func(tx *store.Tx, d delivery.Delivery) error {
		watcher.DeliveryChanged(tx, d)
		return machine.DeliveryChanged(tx, d)
	})
	services := server.New(server.Config{
		Registrations: machine,
		History:       machine,
		Observations:  watched{observer, watcher},
		Sessions:      registry,
		Outbox:        outbox,
		Journal:       journal,
		Doctor:        checks,
		JamfPro:       jamfpro.NewSetup(jamfProConfig(config.Config, log), jamfPro),
		Clean:         clean.New(clean.Config{Store: journal, Sessions: registry, Look: observer.Read, Active: machine.Active, Logger: log}),
		SupportLogs: support.New(support.Config{
			JamfLog: support.JamfLog, OwnFiles: support.OwnFiles, People: func() []string { return support.PeopleIn(support.Homes...) },
		}),
		Configuration: config.Values(),
		Tenant:        server.Tenant{ID: config.Tenant.ID, CloudHost: config.Tenant.CloudHost},
		DeliveryMode:  string(config.Delivery.Mode),
		AdminGroup:    config.AdminGroup,
		Version:       version.String(),
		Computer:      thismac.Name(), OperatingSystem: thismac.OperatingSystem(),
		Logger: log,
	})

	log.Info("usherd serves", "version", version.String(), "pid", os.Getpid(), "socket", config.HelperSocket(), "delivery", config.Delivery.Mode)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return machine.Run(ctx) })
	group.Go(func() error { return outbox.Run(ctx) })
	group.Go(func() error { return watcher.Run(ctx) })
	group.Go(func() error {
		changed := func() { outbox.NetworkChanged(); watcher.NetworkChanged() }
		if err := delivery.WatchNetwork(ctx, changed); err != nil {
			log.Warn("changes of the network are not seen; deliveries wait for their back-off, and users are not looked at after wake", "error", err)
		}
		return nil
	})
	group.Go(func() error { return services.Serve(ctx, helperSocket) })
	group.Go(func() error {
		return link.ServeAgents(ctx, agentSocket, link.AgentsConfig{Admit: registry.Admit, Serve: registry.Serve, Logger: log})
	})
	return group.Wait()
}

// openJournal opens the journal. A damaged one is set aside: a Mac that registers nobody until an admin has looked at a file
// is worse than one that has forgotten how its registrations went, and reads their identities anew.
func openJournal(path string, log *slog.Logger) (*store.Store, error) {
	journal, err := store.Open(path)
	if !errors.Is(err, store.ErrDamaged) {
		return journal, err
	}
	aside, asideError := store.SetAside(path)
	if asideError != nil {
		return nil, errors.Join(err, asideError)
	}
	log.Error("journal was damaged and is begun anew; what was under way is forgotten, `usherctl gather` delivers who is registered",
		"error", err, "set_aside_as", aside)
	return store.Open(path)
}

// newChecks returns what is examined before a registration, and when somebody asks.
func newChecks(loaded *config.Loaded, registry *sessions.Registry, jamfPro *jamfpro.Client, journal *store.Store, log *slog.Logger) *doctor.Checks {
	settings := doctor.Config{
		PortalExecutable:     loaded.Portal.Executable,
		PortalMinimumVersion: loaded.Portal.MinimumVersion,
		AgentExecutable:      loaded.Agent.Executable,
		Sessions:             registry,
		JamfExecutable:       loaded.Jamf.Executable,
		JamfPreferences:      loaded.Preflight.JamfPreferences,
		Endpoints:            loaded.Preflight.Endpoints,
		StateDirectory:       loaded.StateDirectory,
		ManagedConfiguration: loaded.Places.Managed,
		LocalConfiguration:   loaded.Places.Local,
		Journal:              journal.WriteError,
		Logger:               log,
	}
	if jamfPro != nil { // not an interface with a nil pointer in it
		settings.JamfPro = jamfPro
	}
	return doctor.New(settings)
}

// newJamfPro returns the client of Jamf Pro's API, nil where the configuration chose another way.
func newJamfPro(settings config.Config, log *slog.Logger) (*jamfpro.Client, error) {
	if settings.Delivery.Mode != config.DeliverByAPI {
		return nil, nil
	}
	return jamfpro.New(jamfProConfig(settings, log))
}

func jamfProConfig(settings config.Config, log *slog.Logger) jamfpro.Config {
	return jamfpro.Config{
		URL:              settings.Delivery.API.URL,
		ClientID:         settings.Delivery.API.ClientID,
		ClientSecretFile: settings.Delivery.API.ClientSecretFile,
		Logger:           log,
	}
}

// newDeliverer returns the way to Jamf Pro that the configuration chose.
func newDeliverer(settings config.Config, client *jamfpro.Client, log *slog.Logger) delivery.Deliverer {
	if client == nil {
		return delivery.Recon(settings.Jamf.Executable, log)
	}
	return delivery.API(client, delivery.ConfiguredComputer(settings.Delivery.ComputerUDID))
}

// viewOf asks Jamf Pro how it sees this Mac; it is nil where Jamf Pro cannot be asked.
func viewOf(client *jamfpro.Client, settings config.Config) func(context.Context) wpj.Evidence {
	if client == nil {
		return nil
	}
	computer := delivery.ConfiguredComputer(settings.Delivery.ComputerUDID)
	return func(ctx context.Context) wpj.Evidence {
		selector, err := computer(ctx)
		if err != nil {
			return wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleFailed, Detail: err.Error(), ObservedAt: time.Now()}
		}
		return client.ComplianceEvidence(ctx, selector)
	}
}

// watched is what the status service asks: what is known, and to look now.
type watched struct {
	*observation.Observer
	*observation.Watcher
}

// makeDirectory makes a directory, and its parents, that only our own user can write to.
func makeDirectory(path string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if err := os.Mkdir(path, mode); err != nil && !os.IsExist(err) {
		return fmt.Errorf("make directory: %w", err)
	}
	return os.Chmod(path, mode)
}
