package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"usher.internal/internal/config"
	"usher.internal/internal/link"
	"usher.internal/internal/persist"
)

// agentProcess is usher-agent as launchd sees it. It ends by itself when the helper refuses it for a reason that lasts: with exitForGood,
// or with exitStartAgain if the next process may be let in. Whatever else it is refused (a configuration, its home) it asks for again
// when the configuration changes, and after a pause.
type agentProcess struct {
	// byHand says that somebody has started it with --config and looks at it: then it ends with its reason.
	byHand bool
	open   func() (*config.Live, error)
	run    func(context.Context, *config.Live, *slog.Logger) error
	look   func() config.Look
	wait   func(ctx context.Context, before config.Look, pause time.Duration, log *slog.Logger)
}

// serve serves until ctx ends, or until the helper refuses the agent for good.
func (p agentProcess) serve(ctx context.Context, level *config.LogLevel, log *slog.Logger) (exitCode int) {
	var before config.Look
	err := persist.Until(ctx, func(ctx context.Context) error {
		before = p.look()
		live, err := p.open()
		if err == nil {
			level.Follow(live)
			err = p.run(ctx, live, log)
		}
		if _, refused := errors.AsType[*link.RefusedError](err); err != nil && (refused || p.byHand) {
			return persist.Final(err)
		}
		return err
	}, func(ctx context.Context, failed error, pause time.Duration) {
		log.Error("usher-agent cannot serve; it tries again when the configuration changes, or later", "error", failed, "within", pause)
		p.wait(ctx, before, pause, log)
	})
	refusal, refused := errors.AsType[*link.RefusedError](err)
	switch {
	case err == nil:
		log.Info("usher-agent ends")
		return 0
	case refused && refusal.Reason == link.SessionExists:
		log.Info("usher-agent ends, for this session has one already", "helper", refusal.Message)
		return exitForGood
	case refused && refusal.Reason == link.ReplacedAgent:
		log.Info("usher-agent ends, for another version has been installed; it is to be started again", "helper", refusal.Message)
		return exitStartAgain
	case refused:
		log.Error("usher-agent ends until the next login", "error", err)
		return exitForGood
	}
	log.Error("usher-agent ends", "error", err)
	return exitConfiguration
}
