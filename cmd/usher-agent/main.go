// Program usher-agent is usher's agent in a user's login session: package useragent composes it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"usher.internal/internal/version"
	"usher.internal/useragent"
)

// agentGCPercent lets the heap grow by a quarter before garbage is collected; Go's default is to let it double. An
// agent idles for days while its user works: its memory matters more than its speed (docs/performance.md).
const agentGCPercent = 25

func main() {
	configFile := flag.String("config", "", "read this configuration `file` instead of the platform's own")
	logFile := flag.String("log-file", "",
		"write the log to this `file` instead of standard error, and keep one older one of a megabyte; it may "+
			"begin with ~/")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(),
			"usher-agent is usher's part in a user's session; launchd or systemd starts it at login.\n\nUsage: "+
				"usher-agent [--config FILE] [--log-file FILE]\n\n")
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
	debug.SetGCPercent(agentGCPercent)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	exitCode := useragent.Start(ctx, *configFile, *logFile)
	stop()
	os.Exit(exitCode)
}
