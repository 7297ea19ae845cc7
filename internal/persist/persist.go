// Package persist has a program that cannot do its work now wait inside, and try again, rather than end.
//
// launchd takes no exit code for an answer: a job with KeepAlive is started again every ThrottleInterval, for ever
// [LAUNCHCTL]. Each start costs a check of the program's signature and some lines of a log that nobody reads.
package persist

import (
	"context"
	"log/slog"
	"time"

	"usher.internal/internal/backoff"
	"usher.internal/internal/config"
)

// The pauses between two tries double from the first to the longest. What ran for as long as the longest one begins
// with the first again: it worked.
const (
	FirstPause   = time.Minute
	LongestPause = 15 * time.Minute
)

// Program is usherd or usher-agent as launchd sees it. It asks again for what it is refused (a configuration, a
// directory, a socket, its journal) when the configuration changes, and after a pause.
type Program struct {
	// Name is the program's name in its log.
	Name string
	// ByHand says that it was started with --config, by somebody who looks at it: then it ends with its reason.
	ByHand bool
	// Open opens the configuration.
	Open func() (*config.Live, error)
	// Run serves with it until ctx ends. Before that it returns an error: without one the program would end, and
	// launchd would start it again.
	Run func(ctx context.Context, live *config.Live, log *slog.Logger) error
	// Lasts reports whether trying again cannot change an error of Run. Without it no error lasts.
	Lasts func(error) bool
	// Configuration says when another try may do better.
	Configuration Configuration
}

// Configuration is the files of a configuration: [config.Places].
type Configuration interface {
	Look() config.Look
	WaitForChange(ctx context.Context, before config.Look, pause time.Duration, log *slog.Logger)
}

// ConfigurationError is an error of [Program.Open], with its text.
type ConfigurationError struct{ Err error }

func (e *ConfigurationError) Error() string { return e.Err.Error() }
func (e *ConfigurationError) Unwrap() error { return e.Err }

// Serve runs the program until ctx ends; then it returns nil. It returns an error of which Lasts reports true, and with
// ByHand every error. It logs the others. The level follows the configuration.
func (p Program) Serve(ctx context.Context, level *config.LogLevel, log *slog.Logger) error {
	for pauses := (backoff.Pauses{First: FirstPause, Longest: LongestPause}); ; {
		begun, before := time.Now(), p.Configuration.Look()
		err := p.try(ctx, level, log)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if p.ByHand || p.Lasts != nil && p.Lasts(err) {
			return err
		}
		if time.Since(begun) >= LongestPause {
			pauses.Reset()
		}
		pause := pauses.Next()
		log.Error(p.Name+" cannot serve; it tries again when the configuration changes, or later", "error", err,
			"within", pause)
		p.Configuration.WaitForChange(ctx, before, pause, log)
		if ctx.Err() != nil {
			return nil
		}
	}
}

func (p Program) try(ctx context.Context, level *config.LogLevel, log *slog.Logger) error {
	live, err := p.Open()
	if err != nil {
		return &ConfigurationError{err}
	}
	level.Follow(live)
	return p.Run(ctx, live, log)
}
