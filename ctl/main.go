//go:build !manuals

// Program usherctl asks the helper and prints: for admins, for users, and for Jamf Pro's policies and extension
// attributes, which act on its exit codes (docs/exit-codes.md) and its JSON (docs/json.md).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends usherctl whatever it does
	a := &app{
		stdout: &output{to: os.Stdout}, stderr: os.Stderr,
		terminal:       term.IsTerminal(int(os.Stdout.Fd())),
		width:          widthOf(os.Stdout),
		stderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		configFile:     os.Getenv("USHER_CONFIG"),
	}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(int(code))
}
