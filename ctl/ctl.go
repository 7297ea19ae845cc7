// Package ctl composes usherctl: its commands and their groups, the global flags, and the end of a run with its exit
// code. [Main] runs it. Each topic of its commands is a package below this one. It receives what it needs: an
// [answer.Printer], or an [ask.Client] to ask usherd.
package ctl

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/ctl/usage"
)

// Main runs usherctl as a process does: with the arguments, and with the streams and signals of this process. It
// returns the exit code, after everything is printed.
func Main(arguments []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends usherctl whatever it does
	defer stop()
	a := newApp(&terminal.Terminal{
		Out: &terminal.Output{To: os.Stdout}, Err: os.Stderr,
		Person: term.IsTerminal(int(os.Stdout.Fd())), PersonReadsErr: term.IsTerminal(int(os.Stderr.Fd())),
		Width: terminal.WidthOf(os.Stdout),
	}, os.Getenv("USHER_CONFIG"))
	return int(a.run(ctx, arguments))
}

// Commands returns the tree of usherctl's commands, to generate documents from it.
func Commands() *cobra.Command { return newApp(&terminal.Terminal{}, "").root() }

// app is one run of usherctl.
type app struct {
	*ask.Client
	hosts *afar.Hosts
}

func newApp(terminal *terminal.Terminal, configFile string) *app {
	client := &ask.Client{Printer: &answer.Printer{Terminal: terminal}, ConfigFile: configFile}
	return &app{Client: client, hosts: &afar.Hosts{Client: client}}
}

// run runs usherctl with arguments. It returns the exit code, after everything is printed.
func (a *app) run(ctx context.Context, arguments []string) answer.ExitCode {
	return a.runRoot(ctx, a.root(), arguments)
}

// runRoot runs root with the arguments.
func (a *app) runRoot(ctx context.Context, root *cobra.Command, arguments []string) answer.ExitCode {
	a.hosts.Run = func(ctx context.Context, target afar.Host, to io.Writer) answer.ExitCode {
		one := newApp(&terminal.Terminal{Out: &terminal.Output{To: to}, Err: io.Discard}, a.ConfigFile)
		one.hosts = afar.OneOf(one.Client, target)
		return one.run(ctx, arguments)
	}
	root.SetArgs(textArguments(root, arguments))
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	command, err := root.ExecuteContextC(ctx)
	a.Command = command.CommandPath() // also if the arguments were wrong
	a.JSON = a.JSON || a.hosts.OneOfSeveral() || slices.Contains(arguments, "--json")
	if a.Out.Err != nil {
		// A policy must not take a truncated answer for a complete one.
		err = &answer.Failure{Code: answer.ExitDefect, Reason: "OUTPUT_FAILED",
			Message: "the output could not be written: " + a.Out.Err.Error()}
	}
	if err == nil {
		return answer.ExitDone
	}
	failed, ok := errors.AsType[*answer.Failure](err)
	if !ok {
		// Only cobra itself returns other errors: wrong flags and arguments.
		failed = &answer.Failure{Code: answer.ExitUsage, Reason: "WRONG_USAGE", Message: usage.Wrong(err),
			Hint: "`" + command.CommandPath() + " --help` shows how it is used"}
	}
	a.PrintFailure(failed)
	return failed.Code
}
