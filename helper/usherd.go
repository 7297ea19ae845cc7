package helper

import (
	"log/slog"
	"sync/atomic"

	"usher.internal/helper/clean"
	"usher.internal/helper/delivery"
	"usher.internal/helper/forgetting"
	"usher.internal/helper/gate"
	"usher.internal/helper/handlers"
	"usher.internal/helper/listener"
	"usher.internal/helper/observation"
	"usher.internal/helper/primary"
	"usher.internal/helper/proxy"
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
	"usher.internal/internal/layout"
	"usher.internal/internal/link"
	"usher.internal/internal/notice"
	"usher.internal/internal/version"
)

// usherd is the daemon put together. Its fields do not change once it is composed, but for what is configured.
type usherd struct {
	live *config.Live
	log  *slog.Logger
	// started is the configuration at the start: its paths remain, whatever the files say later.
	started *config.Loaded

	helperSocket, agentSocket *link.Listener
	journal                   *store.Store

	// What keeps state asks live whenever it needs a value.
	sessions *sessions.Registry
	outbox   *delivery.Outbox
	observer *observation.Observer
	machine  *registration.Machine
	keeper   *primary.Keeper
	toFleet  *reporter.Reporter
	remote   *listener.Listener
	status   *status.Reporter
	server   *gate.Server

	proxies *proxy.Finder
	// keychains looks for login keychains that macOS has renamed.
	keychains *thismac.Keychains
	// configured is what keeps no state, made for one configuration. Work in progress keeps the one it started with.
	configured atomic.Pointer[configured]

	networkChanged, otherSecret notice.Signal
}

func newUsherd(live *config.Live, log *slog.Logger) *usherd {
	return &usherd{
		live: live, log: log, started: live.Current(), keychains: new(thismac.Keychains),
		proxies:        proxy.New(func() string { return live.Current().Proxy.URL }),
		networkChanged: notice.NewSignal(), otherSecret: notice.NewSignal(),
	}
}

// compose puts usherd together: first what registers users and reports on them, then the ways from afar, then what
// answers. Nothing runs before [usherd.serve].
func (u *usherd) compose() {
	u.composeRegistrations()
	u.composeAfar()
	u.composeAnswers()
}

// composeRegistrations makes what registers users, and reports how they stand to Jamf Pro.
func (u *usherd) composeRegistrations() {
	u.sessions = sessions.New(sessions.Config{
		AgentExecutable: func() string { return u.live.Current().Agent.Executable }, Logger: u.log,
	})
	u.outbox = delivery.New(delivery.Config{
		Store:         u.journal,
		Deliverer:     u,
		Circumstances: func() string { return circumstances(u.live.Current()) },
		Publishes:     func() bool { return len(u.live.Current().Fleet.Servers) > 0 },
		Logger:        u.log,
	})
	u.observer = observation.New(observation.Config{
		Store:            u.journal,
		Sessions:         u.sessions,
		Outbox:           u.outbox,
		Active:           registration.Active,
		Settings:         func() observation.Settings { return observationSettings(u.live.Current()) },
		ThisMac:          u.thisMac,
		Directory:        u.directory,
		JamfPro:          u.jamfProsView,
		Online:           thismac.Online,
		RenamedKeychains: u.keychains.Renamed,
		Logger:           u.log,
	})
	u.machine = registration.New(registration.Config{
		Store:                u.journal,
		Sessions:             u.sessions,
		Preflight:            u,
		Outbox:               u.outbox,
		Identities:           u.observer,
		MicrosoftPlatformSSO: u.microsoftPlatformSSO,
		GatherWithJamf:       u.gatherWithJamf,
		Settings:             func() registration.Settings { return registrationSettings(u.live.Current()) },
		Logger:               u.log,
		Committing:           crash.committing,
		Committed:            crash.committed,
	})
	u.outbox.OnChange(func(tx *store.Tx, d delivery.Delivery) error {
		u.observer.DeliveryChanged(tx, d)
		return u.machine.DeliveryChanged(tx, d)
	})
}

// composeAfar makes the ways to this Mac from afar.
func (u *usherd) composeAfar() {
	u.toFleet = reporter.New(reporter.Config{
		Outbox: u.outbox, Settings: func() reporter.Settings { return fleetSettings(u.live.Current()) },
		Name: u.macName, Logger: u.log,
	})
	u.remote = listener.New(listener.Config{
		Settings: func() listener.Settings { return listenerSettings(u.live.Current()) }, Logger: u.log,
	})
}

// composeAnswers makes the status, what reports the primary user by it, and the server of helper.sock.
func (u *usherd) composeAnswers() {
	presence, people := primary.NewPresence(u.journal, accounts.AtConsole), new(primary.Accounts)
	u.status = status.New(status.Config{
		Sessions:      u.sessions,
		History:       u.machine,
		Observations:  u.observer,
		Journal:       u.journal,
		Outbox:        u.outbox,
		Presence:      presence,
		Accounts:      people,
		Configuration: u.live,
		Fleet:         u.toFleet.State,
		Troubles:      func() []string { return append(u.toFleet.Troubles(), u.remote.Troubles()...) },
		Version:       version.String(),
		Computer:      thismac.Name(), OperatingSystem: thismac.OperatingSystem(),
	})
	u.keeper = primary.NewKeeper(primary.Config{
		Store: u.journal, Presence: presence, Accounts: people, Sessions: u.sessions, Outbox: u.outbox,
		Observer:   u.observer,
		Report:     u.report,
		Automatic:  func() bool { return u.live.Current().Identity.LookAutomatically },
		Configured: u.live.Changed, Logger: u.log,
	})
	cleaner := clean.New(clean.Config{Store: u.journal, Sessions: u.sessions, Look: u.observer.ReadAndKeep,
		Active: registration.Active, Logger: u.log})
	u.server = gate.New(gate.Config{
		AdminGroup: func() string { return u.live.Current().AdminGroup }, Translate: handlers.Translate, Logger: u.log,
	})
	handlers.Register(u.server, handlers.Config{
		Registrations: u.machine,
		Sessions:      u.sessions,
		Observations:  u.observer,
		Status:        u.status,
		Outbox:        u.outbox,
		Doctor:        u,
		JamfPro:       u,
		Clean:         cleaner,
		Forgetter: forgetting.New(forgetting.Config{
			Store: u.journal, Registrations: u.machine, Deliveries: u.outbox,
			More:      []func(*store.Tx, accounts.User) error{u.observer.Forget, cleaner.Forget, primary.Forget},
			Forgotten: u.keeper.Send,
		}),
		SupportLogs: support.New(support.Config{
			JamfLog: applog.JamfLogFile, OwnFiles: layout.MacOS.LogDirectory,
			People: func() []string { return excerpt.PeopleIn(support.Homes...) },
		}),
		Configuration: u.live,
		Logger:        u.log,
	})
}

// report returns what the values in Jamf Pro follow from now.
func (u *usherd) report() (attribute.Report, error) {
	now, err := u.status.Status()
	return attribute.Of(now.GetUsers()), err
}
