// Package persist makes a program that cannot do its work now wait and try again, instead of ending.
//
// launchd ignores exit codes: it restarts a job with KeepAlive every ThrottleInterval, for ever [LAUNCHCTL]. Each start
// costs a check of the program's signature and some log lines that nobody reads.
package persist

import (
	"context"
	"log/slog"
	"time"

	"usher.internal/internal/backoff"
	"usher.internal/internal/config"
)

// The pauses between two tries double from the first to the longest. After a run of at least the longest pause they
// begin with the first again, because the program worked.
const (
	FirstPause   = time.Minute
	LongestPause = 15 * time.Minute
)

// Program is usherd or usher-agent as launchd sees it. If it is refused something (a configuration, a directory, a
// socket, its journal), it tries again when the configuration changes, and after a pause.
type Program struct {
	// Name is the program's name in its log.
	Name string
	// ByHand says that somebody started it with --config and looks at it. It then ends with its reason.
	ByHand bool
	// Open opens the configuration.
	Open func() (*config.Live, error)
	// Run serves with the configuration until ctx ends. An earlier return is an error; without this package the program
	// would end, and launchd would start it again.
	Run func(ctx context.Context, live *config.Live, log *slog.Logger) error
	// Lasts reports whether another try cannot change an error of Run. If it is nil, another try can change every
	// error.
	Lasts func(error) bool
	// Configuration says when another try may succeed.
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

// Serve runs the program until ctx ends; then it returns nil. It returns an error for which Lasts reports true, and
// with ByHand every error. It logs the others. The log level follows the configuration.
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
		log.Error(p.Name+" cannot serve; it tries again when the configuration changes, or after a pause", "error", err,
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
