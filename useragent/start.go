// Package useragent composes usher-agent: one process in each user's login session. It launches Company Portal and
// reads the Workplace Join identity when the helper asks. It keeps no secret, runs as the user, and communicates only
// with the helper.
//
// [Start] is the whole program except for its flags, which cmd/usher-agent has.
package useragent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"usher.internal/internal/config"
	"usher.internal/internal/logfile"
	"usher.internal/internal/persist"
)

// exitUsage is the exit code for wrong arguments.
const exitUsage = 2

// exitConfiguration is the exit code for a configuration file that was named by hand and cannot be used: EX_CONFIG of
// sysexits(3).
const exitConfiguration = 78

// exitForGood is the exit code for a problem that a restart cannot fix. After one exit code launchd does not start the
// agent again, because of KeepAlive's SuccessfulExit=false [LAUNCHCTL].
const exitForGood = 0

// exitStartAgain is the exit code for a problem that a restart fixes: EX_TEMPFAIL of sysexits(3).
const exitStartAgain = 75

// Start runs the agent until ctx ends or the helper refuses it for good, and returns its exit code. A configFile
// replaces the platform's own configuration; a logFile replaces standard error. Both may be empty.
func Start(ctx context.Context, configFile, logFile string) (exitCode int) {
	if os.Getuid() == 0 || os.Geteuid() == 0 {
		// It writes no log into root's home: this is not a user's session.
		fmt.Fprintln(os.Stderr, "usher-agent: refuses to run as root: it is usher's part in the login session of a "+
			"user, where launchd or systemd starts it at login")
		if configFile != "" {
			return exitUsage // a person has called it, and must not believe that it runs
		}
		return exitForGood
	}
	level := &config.LogLevel{}
	log, closeLog := logfile.Logger("usher-agent", logFile != "", level, nil,
		func() (*logfile.File, error) { return openLog(logFile) })
	defer closeLog()
	return runProgram(ctx, persist.Program{
		Name:          "usher-agent",
		ByHand:        configFile != "",
		Open:          func() (*config.Live, error) { return config.Open(configFile, "") },
		Run:           run,
		Configuration: config.PlatformPlaces(),
	}, level, log)
}

// logLimit is the size in bytes at which a new log begins. Nobody rotates logs in a user's home.
const logLimit = 1 << 20

// openLog opens the agent's log. launchd starts the agents of all users by one definition, so the definition can name a
// home only as ~/.
func openLog(path string) (*logfile.File, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("open log: %w", err)
		}
		path = filepath.Join(home, rest)
	}
	file, err := logfile.Open(path, logLimit)
	if err != nil {
		return nil, err
	}
	if err := file.TakeCrashes(); err != nil {
		file.Close()
		return nil, fmt.Errorf("open log: %w", err)
	}
	return file, nil
}
