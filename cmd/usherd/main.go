// Program usherd is usher's root daemon: package helper composes it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"usher.internal/helper"
	"usher.internal/internal/version"
)

// softMemory is how much memory, in bytes, garbage collection tries to stay below. With one session usherd needs a
// quarter of it. An agent that floods usherd with garbage must not make it large.
const softMemory = 32 << 20

func main() {
	configFile := flag.String("config", "", "read this configuration `file` instead of the platform's own")
	logFile := flag.String("log-file", "",
		"write the log to this `file` instead of standard error, and open it again when it is moved away")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(),
			"usherd is usher's root daemon; launchd or systemd starts it.\n\nUsage: usherd [--config FILE] "+
				"[--log-file FILE]\n\n")
		flag.PrintDefaults()
		fmt.Fprintf(flag.CommandLine.Output(), "\nExample: usherd --config /etc/usher/config.yaml\n")
	}
	flag.Parse()
	if *showVersion {
		fmt.Println("usherd", version.String())
		return
	}
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "usherd: takes no arguments, got %q\n", flag.Args())
		os.Exit(2)
	}
	debug.SetMemoryLimit(softMemory)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	exitCode := helper.Start(ctx, *configFile, *logFile)
	stop()
	os.Exit(exitCode)
}
