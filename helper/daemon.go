package main

import (
	"context"
	"log/slog"
	"time"

	"usher.internal/internal/config"
	"usher.internal/internal/persist"
)

// daemon is usherd as launchd sees it: it does not end by itself. What it is refused (a configuration, a directory, a socket, its
// journal) it asks for again when the configuration changes, and after a pause.
type daemon struct {
	// byHand says that somebody has started it with --config and looks at it: then it ends with its reason.
	byHand bool
	open   func() (*config.Live, error)
	run    func(context.Context, *config.Live, *slog.Logger) error
	look   func() config.Look
	wait   func(ctx context.Context, before config.Look, pause time.Duration, log *slog.Logger)
}

// serve serves until ctx ends.
func (d daemon) serve(ctx context.Context, level *config.LogLevel, log *slog.Logger) (exitCode int) {
	var before config.Look
	err := persist.Until(ctx, func(ctx context.Context) error {
		before = d.look()
		live, err := d.open()
		if exitCode = exitConfiguration; err == nil {
			level.Follow(live)
			exitCode, err = 1, d.run(ctx, live, log)
		}
		if err != nil && d.byHand {
			return persist.Final(err)
		}
		return err
	}, func(ctx context.Context, failed error, pause time.Duration) {
		log.Error("usherd cannot serve; it tries again when the configuration changes, or later", "error", failed, "within", pause)
		d.wait(ctx, before, pause, log)
	})
	if err != nil {
		log.Error("usherd ends", "error", err)
		return exitCode
	}
	log.Info("usherd ends")
	return 0
}
