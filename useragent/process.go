package useragent

import (
	"context"
	"errors"
	"log/slog"

	"usher.internal/internal/config"
	"usher.internal/internal/link"
	"usher.internal/internal/persist"
)

// runProgram runs the agent until ctx ends, or until the helper refuses the agent for a lasting reason. Then it ends
// with exitForGood, or with exitStartAgain if the helper may accept the next process.
func runProgram(ctx context.Context, program persist.Program, level *config.LogLevel, log *slog.Logger) (exitCode int) {
	program.Lasts = func(err error) bool {
		_, refused := errors.AsType[*link.RefusedError](err)
		return refused
	}
	err := program.Serve(ctx, level, log)
	refusal, refused := errors.AsType[*link.RefusedError](err)
	switch {
	case err == nil:
		log.Info("usher-agent ends")
		return 0
	case refused && refusal.Reason == link.SessionExists:
		log.Info("usher-agent ends, for this session has one already", "helper", refusal.Message)
		return exitForGood
	case refused && refusal.Reason == link.ReplacedAgent:
		log.Info("usher-agent ends, for another version has been installed; it is to be started again", "helper",
			refusal.Message)
		return exitStartAgain
	case refused:
		log.Error("usher-agent ends until the next login", "error", err)
		return exitForGood
	}
	log.Error("usher-agent ends", "error", err)
	if _, configuration := errors.AsType[*persist.ConfigurationError](err); configuration {
		return exitConfiguration
	}
	return 1
}
