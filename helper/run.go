package helper

import (
	"context"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"usher.internal/helper/store"
	"usher.internal/internal/config"
	"usher.internal/internal/laststatus"
	"usher.internal/internal/link"
	"usher.internal/internal/trust"
	"usher.internal/internal/version"
)

// run is usherd with one configuration until ctx ends.
func run(ctx context.Context, live *config.Live, log *slog.Logger) error {
	u, err := open(live, log)
	if err != nil {
		return err
	}
	defer u.close()
	log.Info("usherd serves", "version", version.String(), "pid", os.Getpid(), "socket", u.started.HelperSocket(),
		"delivery", u.started.Delivery.Mode)
	return u.serve(ctx)
}

// open takes what only one usherd can have, and composes it.
//
// The sockets come first: the process that holds them is the helper of this computer, and a second one ends here before
// it has touched the journal.
func open(live *config.Live, log *slog.Logger) (_ *usherd, err error) {
	u := newUsherd(live, log)
	defer func() {
		if err != nil {
			u.close()
		}
	}()
	if err := trust.Sockets.TakeDirectory(u.started.SocketDirectory, 0o755); err != nil {
		return nil, err
	}
	settings := link.ListenConfig{Mode: 0o666, Logger: log}
	if u.helperSocket, err = link.Listen(u.started.HelperSocket(), settings); err != nil {
		return nil, err
	}
	if u.agentSocket, err = link.Listen(u.started.AgentSocket(), settings); err != nil {
		return nil, err
	}
	if u.journal, err = openJournal(u.started, log); err != nil {
		return nil, err
	}
	live.Begin(log)
	u.compose()
	return u, u.configure()
}

// close gives back what [open] took.
func (u *usherd) close() {
	if u.server != nil {
		u.server.Stop() // where it has not served
	}
	if u.journal != nil {
		if err := u.journal.Close(); err != nil {
			u.log.Error("the journal is not as it should be for the next start", "error", err)
		}
	}
	// Last: a usherd that gets the sockets opens the journal next.
	for _, socket := range []*link.Listener{u.helperSocket, u.agentSocket} {
		if socket != nil {
			socket.Close()
		}
	}
}

// openJournal takes the state directory, and opens the journal in it. A damaged one is set aside, whenever the damage
// shows: a Mac that registers nobody until an admin has looked at a file is worse than one that has forgotten how its
// registrations went, and reads their identities again.
func openJournal(started *config.Loaded, log *slog.Logger) (*store.Store, error) {
	if err := trust.State.TakeDirectory(started.StateDirectory, 0o700); err != nil {
		return nil, err
	}
	return store.OpenOrReplace(started.JournalFile(), func(found []store.Damage) {
		for _, one := range store.Summarize(found) {
			log.Error("journal was damaged: "+one.Text, "fix", one.Fix)
		}
	})
}

// serve runs everything until ctx ends, or one of it cannot go on.
func (u *usherd) serve(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{
		u.machine.Run, u.outbox.Run, u.observer.Run, u.keeper.Run,
		u.watchNetwork, u.watchSleep, u.watchConfiguration, u.watchSecret,
		func(ctx context.Context) error {
			return laststatus.Keep(ctx, u.status, u.started.StateDirectory, u.log)
		},
		func(ctx context.Context) error { return u.toFleet.Run(ctx, u.status) },
		func(ctx context.Context) error { return u.remote.Run(ctx, u.status) },
		func(ctx context.Context) error { return u.server.Serve(ctx, u.helperSocket) },
		func(ctx context.Context) error {
			return link.ServeAgents(ctx, u.agentSocket,
				link.AgentsConfig{Admit: u.sessions.Admit, Serve: u.sessions.Serve, Logger: u.log})
		},
	} {
		group.Go(func() error { return run(ctx) })
	}
	return group.Wait()
}
