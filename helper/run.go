package helper

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"usher.internal/helper/clean"
	"usher.internal/helper/delivery"
	"usher.internal/helper/forgetting"
	"usher.internal/helper/gate"
	"usher.internal/helper/handlers"
	"usher.internal/helper/listener"
	"usher.internal/helper/observation"
	"usher.internal/helper/primary"
	"usher.internal/helper/registration"
	"usher.internal/helper/reporter"
	"usher.internal/helper/sessions"
	"usher.internal/helper/status"
	"usher.internal/helper/store"
	"usher.internal/helper/support"
	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
	"usher.internal/internal/applog"
	"usher.internal/internal/attribute"
	"usher.internal/internal/config"
	"usher.internal/internal/excerpt"
	"usher.internal/internal/filewatch"
	"usher.internal/internal/laststatus"
	"usher.internal/internal/layout"
	"usher.internal/internal/link"
	"usher.internal/internal/notice"
	"usher.internal/internal/trust"
	"usher.internal/internal/version"
)

// sleptAtLeast is for how long this Mac must have slept for its users to be looked at again.
const sleptAtLeast = time.Minute

// run wires the helper together and serves until ctx ends.
//
// The sockets come first: whoever holds them is the helper of this computer, and a second one ends here before it has
// touched the journal.
func run(ctx context.Context, live *config.Live, log *slog.Logger) error {
	started := live.Current() // its paths stay, whatever the files say later
	if err := trust.Sockets.TakeDirectory(started.SocketDirectory, 0o755); err != nil {
		return err
	}
	helperSocket, err := link.Listen(started.HelperSocket(), link.ListenConfig{Mode: 0o666, Logger: log})
	if err != nil {
		return err
	}
	defer helperSocket.Close()
	agentSocket, err := link.Listen(started.AgentSocket(), link.ListenConfig{Mode: 0o666, Logger: log})
	if err != nil {
		return err
	}
	defer agentSocket.Close()

	if err := trust.State.TakeDirectory(started.StateDirectory, 0o700); err != nil {
		return err
	}
	journal, err := openJournal(started.JournalFile(), log)
	if err != nil {
		return err
	}
	defer func() {
		if err := journal.Close(); err != nil {
			log.Error("the journal is not as it should be for the next start", "error", err)
		}
	}()
	live.Begin(log)

	registry := sessions.New(sessions.Config{AgentExecutable: func() string { return live.Current().Agent.Executable },
		Logger: log})
	parts, err := newParts(live, registry, journal, log)
	if err != nil {
		return err
	}
	outbox := delivery.New(delivery.Config{
		Store: journal, Deliverer: parts, Circumstances: func() string { return circumstances(live.Current()) },
		Publishes: func() bool { return len(live.Current().Fleet.Servers) > 0 }, Logger: log,
	})
	parts.reconsider = func(within time.Duration) {
		if err := outbox.Reconsider(within); err != nil {
			log.Error("what Jamf Pro has refused is not tried again now", "error", err)
		}
	}
	observer := observation.New(observation.Config{
		Store:            journal,
		Sessions:         registry,
		Outbox:           outbox,
		Active:           registration.Active,
		Settings:         func() observation.Settings { return observationSettings(live.Current()) },
		ThisMac:          parts.thisMac,
		Directory:        parts.directory,
		JamfPro:          parts.view,
		Online:           thismac.Online,
		RenamedKeychains: parts.keychains.Renamed,
		Logger:           log,
	})
	machine := registration.New(registration.Config{
		Store:      journal,
		Sessions:   registry,
		Preflight:  parts,
		Outbox:     outbox,
		Identities: observer,

		MicrosoftPlatformSSO: parts.microsoftPlatformSSO,
		GatherWithJamf:       parts.gatherWithJamf,
		Settings:             func() registration.Settings { return registrationSettings(live.Current()) },
		Logger:               log,
		Committing:           crash.committing,
		Committed:            crash.committed,
	})
	outbox.OnChange(func(tx *store.Tx, d delivery.Delivery) error {
		observer.DeliveryChanged(tx, d)
		return machine.DeliveryChanged(tx, d)
	})
	toFleet := reporter.New(reporter.Config{
		Outbox: outbox, Settings: func() reporter.Settings { return fleetSettings(live.Current()) },
		Name: parts.macName, Logger: log,
	})
	remote := listener.New(listener.Config{
		Settings: func() listener.Settings { return listenerSettings(live.Current()) }, Logger: log})
	cleaner := clean.New(clean.Config{Store: journal, Sessions: registry, Look: observer.ReadAndKeep,
		Active: registration.Active, Logger: log})
	presence, people := primary.NewPresence(journal, accounts.AtConsole), new(primary.Accounts)
	var users *primary.Keeper
	state := status.New(status.Config{
		Sessions:      registry,
		History:       machine,
		Observations:  observer,
		Journal:       journal,
		Outbox:        outbox,
		Presence:      presence,
		Accounts:      people,
		Configuration: live,
		Fleet:         toFleet.State,
		Troubles:      func() []string { return troubles(toFleet, remote) },
		Version:       version.String(),
		Computer:      thismac.Name(), OperatingSystem: thismac.OperatingSystem(),
	})
	services := gate.New(gate.Config{
		AdminGroup: func() string { return live.Current().AdminGroup }, Translate: handlers.Translate, Logger: log,
	})
	handlers.Register(services, handlers.Config{
		Registrations: machine,
		Sessions:      registry,
		Observations:  observer,
		Status:        state,
		Outbox:        outbox,
		Doctor:        parts,
		JamfPro:       parts,
		Clean:         cleaner,
		Forgetter: forgetting.New(forgetting.Config{
			Store: journal, Registrations: machine, Deliveries: outbox,
			More:      []func(*store.Tx, accounts.User) error{observer.Forget, cleaner.Forget, primary.Forget},
			Forgotten: func() { users.Send() },
		}),
		SupportLogs: support.New(support.Config{
			JamfLog: applog.JamfLogFile, OwnFiles: layout.MacOS.LogDirectory,
			People: func() []string { return excerpt.PeopleIn(support.Homes...) },
		}),
		Configuration: live,
		Logger:        log,
	})

	parts.report = func() (attribute.Report, error) {
		now, err := state.Status()
		return attribute.Of(now.GetUsers()), err
	}
	users = primary.NewKeeper(primary.Config{
		Store: journal, Presence: presence, Accounts: people, Sessions: registry, Outbox: outbox, Observer: observer,
		Report:     parts.report,
		Automatic:  func() bool { return live.Current().Identity.LookAutomatically },
		Configured: live.Changed, Logger: log,
	})
	parts.delivered, parts.refused = users.Delivered, users.Refused

	log.Info("usherd serves", "version", version.String(), "pid", os.Getpid(), "socket", started.HelperSocket(),
		"delivery", started.Delivery.Mode)
	networkChanged, otherSecret := notice.NewSignal(), notice.NewSignal()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return machine.Run(ctx) })
	group.Go(func() error { return outbox.Run(ctx) })
	group.Go(func() error { return observer.Run(ctx) })
	group.Go(func() error { return users.Run(ctx) })
	group.Go(func() error {
		changed := func() {
			outbox.NetworkChanged()
			toFleet.NetworkChanged()
			networkChanged.Set()
		}
		if err := delivery.WatchNetwork(ctx, changed); err != nil {
			log.Warn("changes of the network are not seen; deliveries wait for their back-off", "error", err)
		}
		return nil
	})
	group.Go(func() error {
		// What waits for its back-off has stood still too.
		woke := func(slept time.Duration) { observer.Woke(slept); outbox.NetworkChanged(); toFleet.NetworkChanged() }
		if err := thismac.WatchWake(ctx, networkChanged, sleptAtLeast, woke); err != nil {
			log.Warn("sleep is not seen; users are not looked at after wake", "error", err)
		}
		return nil
	})
	group.Go(func() error {
		changed := func() {
			if err := parts.renew(); err != nil {
				log.Error("the configuration has changed, and its way to Jamf Pro cannot be used; the one before stays",
					"error", err)
			}
			observer.SettingsChanged()
			outbox.NetworkChanged() // what waits may have another way now
			parts.reconsider(ofTheFleet)
			otherSecret.Set()
			toFleet.SettingsChanged()
			remote.SettingsChanged()
		}
		if err := live.Watch(ctx, changed); err != nil {
			log.Warn("changes of the configuration are not seen; they count when usherd starts next", "error", err)
		}
		return nil
	})
	group.Go(func() error {
		secret := func() string { return live.Current().Delivery.API.ClientSecretFile }
		before := lookAt(secret())
		changed := func() {
			if now := lookAt(secret()); now != before {
				before = now
				parts.reconsider(ofThisMac)
			}
		}
		if err := filewatch.Watch(ctx, log, func() []string { return []string{secret()} }, otherSecret, changed); err !=
			nil {
			log.Warn("a new client secret is not seen; what Jamf Pro has refused is tried again once a day", "error",
				err)
		}
		return nil
	})
	group.Go(func() error { return laststatus.Keep(ctx, state, started.StateDirectory, log) })
	group.Go(func() error { return toFleet.Run(ctx, state) })
	group.Go(func() error { return remote.Run(ctx, state) })
	group.Go(func() error { return services.Serve(ctx, helperSocket) })
	group.Go(func() error {
		return link.ServeAgents(ctx, agentSocket,
			link.AgentsConfig{Admit: registry.Admit, Serve: registry.Serve, Logger: log})
	})
	return group.Wait()
}

// circumstances are a digest of what a delivery depends on, on this Mac.
func circumstances(now *config.Loaded) string {
	settings := fmt.Sprintf("%+v %s", now.Delivery, lookAt(now.Delivery.API.ClientSecretFile))
	return fmt.Sprintf("%x", sha256.Sum256([]byte(settings)))
}

// lookAt returns what is seen of a file from outside: another text if it is another file, or was written to.
func lookAt(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return path + ": " + err.Error()
	}
	return fmt.Sprintf("%s: %d bytes of %s, %+v", path, info.Size(), info.ModTime(), info.Sys())
}

func registrationSettings(now *config.Loaded) registration.Settings {
	return registration.Settings{
		SessionTimeout:  now.Registration.SessionTimeout,
		SignInTimeout:   now.Registration.SignInTimeout,
		IdentityTimeout: now.Registration.IdentityTimeout,
	}
}

func observationSettings(now *config.Loaded) observation.Settings {
	return observation.Settings{
		Tenant:            now.Tenant.ID,
		CloudHost:         now.Tenant.CloudHost,
		ProofOfPossession: now.Identity.ProofOfPossession,
		Automatic:         now.Identity.LookAutomatically,
		Interval:          now.Identity.LookInterval,
		Heartbeat:         now.Identity.Heartbeat,
	}
}

// openJournal opens the journal. A damaged one is set aside, whenever the damage shows: a Mac that registers nobody
// until an admin has looked at a file is worse than one that has forgotten how its registrations went, and reads their
// identities again.
func openJournal(path string, log *slog.Logger) (*store.Store, error) {
	return store.OpenOrReplace(path, func(found []store.Damage) {
		for _, one := range store.Summarize(found) {
			log.Error("journal was damaged: "+one.Text, "fix", one.Fix)
		}
	})
}
