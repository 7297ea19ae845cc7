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
//
// The sockets come first: the process that holds them is the helper of this computer, and a second one ends here before
// it has touched the journal.
func run(ctx context.Context, live *config.Live, log *slog.Logger) error {
	started := live.Current() // its paths remain, whatever the files say later
	helperSocket, agentSocket, err := listen(started, log)
	if err != nil {
		return err
	}
	defer helperSocket.Close()
	defer agentSocket.Close()
	journal, err := openJournal(started, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := journal.Close(); err != nil {
			log.Error("the journal is not as it should be for the next start", "error", err)
		}
	}()
	live.Begin(log)
	u, err := compose(live, journal, log)
	if err != nil {
		return err
	}
	log.Info("usherd serves", "version", version.String(), "pid", os.Getpid(), "socket", started.HelperSocket(),
		"delivery", started.Delivery.Mode)
	return u.serve(ctx, helperSocket, agentSocket, started.StateDirectory)
}

// listen takes the directory of the sockets, and both of them.
func listen(started *config.Loaded, log *slog.Logger) (helperSocket, agentSocket *link.Listener, err error) {
	if err := trust.Sockets.TakeDirectory(started.SocketDirectory, 0o755); err != nil {
		return nil, nil, err
	}
	settings := link.ListenConfig{Mode: 0o666, Logger: log}
	if helperSocket, err = link.Listen(started.HelperSocket(), settings); err != nil {
		return nil, nil, err
	}
	if agentSocket, err = link.Listen(started.AgentSocket(), settings); err != nil {
		helperSocket.Close()
		return nil, nil, err
	}
	return helperSocket, agentSocket, nil
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
func (u *usherd) serve(ctx context.Context, helperSocket, agentSocket *link.Listener, stateDirectory string) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{
		u.machine.Run, u.outbox.Run, u.observer.Run, u.keeper.Run,
		u.watchNetwork, u.watchSleep, u.watchConfiguration, u.watchSecret,
		func(ctx context.Context) error { return laststatus.Keep(ctx, u.status, stateDirectory, u.log) },
		func(ctx context.Context) error { return u.toFleet.Run(ctx, u.status) },
		func(ctx context.Context) error { return u.remote.Run(ctx, u.status) },
		func(ctx context.Context) error { return u.server.Serve(ctx, helperSocket) },
		func(ctx context.Context) error {
			return link.ServeAgents(ctx, agentSocket,
				link.AgentsConfig{Admit: u.sessions.Admit, Serve: u.sessions.Serve, Logger: u.log})
		},
	} {
		group.Go(func() error { return run(ctx) })
	}
	return group.Wait()
}
