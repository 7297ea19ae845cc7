// Program usherd is usher's helper: the root daemon that owns this Mac's registrations, their journal, their delivery
// to Jamf Pro, and its status. See docs/architecture.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"

	"usher.internal/internal/config"
	"usher.internal/internal/logfile"
	"usher.internal/internal/persist"
	"usher.internal/internal/version"
)

// exitConfiguration is the exit code for a configuration that was given by hand and cannot be used: EX_CONFIG of
// sysexits(3).
const exitConfiguration = 78

// softMemory is how much memory, in bytes, garbage collection tries to stay below: with one session usherd needs a
// quarter of it, and an agent that floods it with what is garbage at once shall not make it large.
const softMemory = 32 << 20

func main() {
	configFile := flag.String("config", "", "read this configuration `file` in place of the platform's own")
	logFile := flag.String("log-file", "",
		"write the log to this `file` in place of standard error, and begin it anew when it is moved away")
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
	os.Exit(start(*configFile, *logFile))
}

func start(configFile, logFile string) (exitCode int) {
	debug.SetMemoryLimit(softMemory)
	level := &config.LogLevel{}
	log, closeLog := openLog(logFile, level)
	defer closeLog()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
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

// openLog opens the log before anything can be refused, so that each refusal is in it. Where the file cannot be had,
// standard error is: a helper without a log is better than none.
func openLog(path string, level slog.Leveler) (log *slog.Logger, closeLog func()) {
	of := func(output io.Writer) *slog.Logger {
		return slog.New(logfile.Limit(slog.NewTextHandler(output, &slog.HandlerOptions{Level: level})))
	}
	if path == "" {
		return of(os.Stderr), func() {}
	}
	file, err := logfile.Open(path, 0) // newsyslog or logrotate rotates it
	if err != nil {
		log = of(os.Stderr)
		log.Error("the log file cannot be used; the log is on standard error until usherd starts again", "error", err)
		return log, func() {}
	}
	return of(file), func() { file.Close() }
}

// lastGood is where the last good configuration is kept; with a file that was named by hand, which is for development,
// it is not.
func lastGood(configFile string) string {
	if configFile != "" {
		return ""
	}
	return filepath.Join(config.PlatformDefaults(runtime.GOOS).StateDirectory, "configuration.last-good.json")
}
