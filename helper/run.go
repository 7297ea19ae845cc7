package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"usher.internal/helper/delivery"
	"usher.internal/helper/jamfpro"
	"usher.internal/helper/preflight"
	"usher.internal/helper/registration"
	"usher.internal/helper/server"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/config"
	"usher.internal/internal/link"
	"usher.internal/internal/version"
	"usher.internal/internal/wpj"
)

// run wires the helper together and serves until ctx ends.
//
// The sockets come first: whoever holds them is the helper of this computer, and a second one ends here before it has
// touched the journal.
func run(ctx context.Context, config config.Config, log *slog.Logger) error {
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
	deliverer, err := newDeliverer(config, log)
	if err != nil {
		return err
	}
	outbox := delivery.New(delivery.Config{Store: journal, Deliverer: deliverer, Logger: log})
	machine := registration.New(registration.Config{
		Store:           journal,
		Sessions:        registry,
		Preflight:       newPreflight(config, log),
		Outbox:          outbox,
		Tenant:          func() wpj.TenantID { return config.Tenant.ID },
		SessionTimeout:  config.Registration.SessionTimeout,
		SignInTimeout:   config.Registration.SignInTimeout,
		IdentityTimeout: config.Registration.IdentityTimeout,
		GatherWithJamf:  config.Jamf.GatherAfterPortal,
		Logger:          log,
		Committing:      crash.committing,
		Committed:       crash.committed,
	})
	outbox.OnChange(machine.DeliveryChanged)
	services := server.New(server.Config{
		Registrations: machine,
		History:       machine,
		Sessions:      registry,
		Outbox:        outbox,
		Journal:       journal,
		Tenant:        server.Tenant{ID: config.Tenant.ID, CloudHost: config.Tenant.CloudHost},
		DeliveryMode:  string(config.Delivery.Mode),
		AdminGroup:    config.AdminGroup,
		Version:       version.String(),
		Logger:        log,
	})

	log.Info("usherd serves", "version", version.String(), "pid", os.Getpid(), "socket", config.HelperSocket(), "delivery", config.Delivery.Mode)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return machine.Run(ctx) })
	group.Go(func() error { return outbox.Run(ctx) })
	group.Go(func() error {
		if err := delivery.WatchNetwork(ctx, outbox.NetworkChanged); err != nil {
			log.Warn("changes of the network are not seen; deliveries wait for their back-off", "error", err)
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

func newPreflight(config config.Config, log *slog.Logger) *preflight.Checks {
	return preflight.New(preflight.Config{
		PortalExecutable: config.Portal.Executable,
		JamfPreferences:  config.Preflight.JamfPreferences,
		Endpoints:        config.Preflight.Endpoints,
		Logger:           log,
	})
}

// newDeliverer returns the way to Jamf Pro that the configuration chose.
func newDeliverer(settings config.Config, log *slog.Logger) (delivery.Deliverer, error) {
	if settings.Delivery.Mode == config.DeliverByRecon {
		return delivery.Recon(settings.Jamf.Executable, log), nil
	}
	client, err := jamfpro.New(jamfpro.Config{
		URL:              settings.Delivery.API.URL,
		ClientID:         settings.Delivery.API.ClientID,
		ClientSecretFile: settings.Delivery.API.ClientSecretFile,
		Logger:           log,
	})
	if err != nil {
		return nil, err
	}
	return delivery.API(client, delivery.ConfiguredComputer(settings.Delivery.ComputerUDID)), nil
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
