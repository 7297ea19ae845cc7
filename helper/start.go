// Package helper composes usherd, usher's root daemon: it owns this Mac's registrations, their journal, their delivery
// to Jamf Pro, and its status. docs/architecture.md describes how the parts work together.
//
// [Start] is the whole program but its flags, which cmd/usherd has.
package helper

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"usher.internal/internal/config"
	"usher.internal/internal/layout"
	"usher.internal/internal/logfile"
	"usher.internal/internal/persist"
)

// exitConfiguration is the exit code for a configuration that was given by hand and cannot be used: EX_CONFIG of
// sysexits(3).
const exitConfiguration = 78

// Start runs usherd until ctx ends, and returns its exit code. A configFile replaces the platform's own configuration;
// a logFile replaces standard error. Both may be empty.
func Start(ctx context.Context, configFile, logFile string) (exitCode int) {
	level := &config.LogLevel{}
	log, closeLog := logfile.Logger("usherd", logFile != "", level, logfile.Limit, func() (*logfile.File, error) {
		return logfile.Open(logFile, 0) // newsyslog or logrotate rotates it
	})
	defer closeLog()
	return serve(ctx, persist.Program{
		Name:          "usherd",
		ByHand:        configFile != "",
		Open:          func() (*config.Live, error) { return config.Open(configFile, lastGood(configFile)) },
		Run:           run,
		Configuration: config.PlatformPlaces(),
	}, level, log)
}

func serve(ctx context.Context, program persist.Program, level *config.LogLevel, log *slog.Logger) (exitCode int) {
	err := program.Serve(ctx, level, log)
	if err == nil {
		log.Info("usherd ends")
		return 0
	}
	log.Error("usherd ends", "error", err)
	if _, configuration := errors.AsType[*persist.ConfigurationError](err); configuration {
		return exitConfiguration
	}
	return 1
}

// lastGood is where the last good configuration is kept; with a file that was named by hand, which is for development,
// it is not.
func lastGood(configFile string) string {
	if configFile != "" {
		return ""
	}
	return filepath.Join(layout.Here().State, layout.LastGoodConfiguration)
}
