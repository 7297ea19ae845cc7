// Program usher-agent is usher's agent: one process in each user's login session, which launches Company Portal and reads
// the Workplace Join identity when the helper asks. It keeps no secret, runs as the user, and talks to nobody but the
// helper. See DESIGN.md section 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"usher.internal/internal/config"
	"usher.internal/internal/link"
	"usher.internal/internal/version"
)

// exitForGood is the exit code for what a restart cannot heal: EX_CONFIG of sysexits(3).
const exitForGood = 78

// exitStartAgain is the exit code for what a restart heals: EX_TEMPFAIL of sysexits(3).
const exitStartAgain = 75

// agentGCPercent lets the heap grow by a quarter, and not to the double, before garbage is collected.
const agentGCPercent = 25

func main() {
	configFile := flag.String("config", "", "read this configuration `file` in place of the platform's own")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usher-agent is usher's part in a user's session; launchd or systemd starts it at login.\n\nUsage: usher-agent [--config FILE]\n\n")
		flag.PrintDefaults()
		fmt.Fprintf(flag.CommandLine.Output(), "\nExample: usher-agent --config /etc/usher/config.yaml\n")
	}
	flag.Parse()
	if *showVersion {
		fmt.Println("usher-agent", version.String())
		return
	}
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "usher-agent: takes no arguments, got %q\n", flag.Args())
		os.Exit(2)
	}
	os.Exit(start(*configFile))
}

func start(configFile string) (exitCode int) {
	if os.Getuid() == 0 || os.Geteuid() == 0 {
		fmt.Fprintln(os.Stderr, "usher-agent: refuses to run as root: it is for a user's login session, where launchd or systemd starts it")
		return exitForGood
	}
	loaded, err := config.Load(configFile)
	if err != nil {
		fmt.Fprintf(os.Stderr, "usher-agent: %v\n", err)
		return exitForGood
	}
	// An agent idles for days in the session of somebody who works there: its memory matters more than its speed
	// (docs/performance.md).
	debug.SetGCPercent(agentGCPercent)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: loaded.LogLevel}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var refusal *link.RefusedError
	switch err := run(ctx, loaded.Config, log); {
	case err == nil:
		log.Info("usher-agent ends")
		return 0
	case errors.As(err, &refusal) && refusal.Reason == link.SessionExists:
		log.Info("usher-agent ends, for this session has one already", "helper", refusal.Message)
		return 0
	case errors.As(err, &refusal) && refusal.Reason == link.ReplacedAgent:
		log.Info("usher-agent ends, for another version has been installed; it is to be started again", "helper", refusal.Message)
		return exitStartAgain
	default:
		log.Error("usher-agent ends", "error", err)
		return exitForGood
	}
}
