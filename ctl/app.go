// Package ctl is usherctl: the tree of its commands. [Main] runs it.
package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/version"
)

// Main runs usherctl with arguments as a process does: with the streams and signals of this one. It returns the exit
// code; everything is printed by then.
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

// Commands returns the tree of usherctl's commands, for what documents it.
func Commands() *cobra.Command { return newApp(&terminal.Terminal{}, "").root() }

// app is one run of usherctl.
type app struct {
	*ask.Client
	// fleetFolder tells how to get at the fleet; empty for the default.
	fleetFolder string
	hosts       *afar.Hosts
}

func newApp(terminal *terminal.Terminal, configFile string) *app {
	client := &ask.Client{Printer: &answer.Printer{Terminal: terminal}, ConfigFile: configFile}
	return &app{Client: client, hosts: &afar.Hosts{Client: client}}
}

// run runs usherctl with arguments and returns its exit code; everything is printed by then.
func (a *app) run(ctx context.Context, arguments []string) answer.ExitCode {
	return a.runRoot(ctx, a.root(), arguments)
}

// runRoot is run with the commands below root.
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
	a.Command = command.CommandPath() // also where the arguments were wrong
	a.JSON = a.JSON || a.hosts.OneOfSeveral() || slices.Contains(arguments, "--json")
	if a.Out.Err != nil {
		// A policy must not take an answer for whole that was cut short.
		err = &answer.Failure{Code: answer.ExitDefect, Reason: "OUTPUT_FAILED",
			Message: "the output could not be written: " + a.Out.Err.Error()}
	}
	if err == nil {
		return answer.ExitDone
	}
	failed, ok := errors.AsType[*answer.Failure](err)
	if !ok {
		// Only cobra itself returns other errors: wrong flags and arguments.
		failed = &answer.Failure{Code: answer.ExitUsage, Reason: "WRONG_USAGE", Message: wrongUsage(err),
			Hint: "`" + command.CommandPath() + " --help` shows how it is used"}
	}
	a.PrintFailure(failed)
	return failed.Code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "usherctl",
		Short: "Bring this Mac through its Microsoft Entra registration, and see how it stands",
		Long: `usherctl asks usherd, usher's root daemon, to register users of this Mac with Microsoft Entra
through Company Portal and to tell Jamf Pro how it went, and shows how that stands.`,
		Example: `  # register the user at this Mac, and follow it
  usherctl register --wait
  # what is wrong, who is registered
  usherctl status
  # what happened in a registration, and why it stopped
  usherctl timeline
  # what an exit code of Company Portal means
  usherctl explain 66`,
		// `usherctl version` asks usherd for its version too.
		Version:           version.String(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRun: func(command *cobra.Command, _ []string) {
			a.Command = command.CommandPath()
			a.JSON = a.JSON || a.hosts.OneOfSeveral()
		},
	}
	root.SetVersionTemplate("usherctl {{.Version}}\n")
	flags := root.PersistentFlags()
	flags.BoolVar(&a.JSON, "json", false, "print JSON (docs/json.md); streams print one object per line")
	flags.StringVar(&a.ConfigFile, "config", a.ConfigFile,
		"read this configuration `file` in place of the platform's own (also USHER_CONFIG)")
	root.SetFlagErrorFunc(afar.FlagError)
	root.AddCommand(a.registerCommand(), a.gatherCommand(),
		a.hosts.Reads(a.statusCommand(), &afar.Table{Heading: severalHeading, Rows: a.severalRows}),
		a.hosts.Reads(a.doctorCommand(), &afar.Table{Heading: doctorHeading, Rows: doctorRows}),
		a.registrationsCommand(), a.hosts.Reads(a.timelineCommand(),
			&afar.Table{Heading: timelineHeading, Rows: a.timelineRows}), a.bundleCommand(), a.outboxCommand(),
		a.explainCommand(), a.extensionAttributeCommand(), a.jamfCommand(), a.cleanCommand(), a.forgetCommand(),
		a.inspectCommand(), a.configCommand(), a.versionCommand(), a.completionCommand(),
		a.installCommand(), a.uninstallCommand(), a.startCommand(), a.stopCommand(), a.restartCommand(),
		a.serviceCommand(),
		a.fleetCommand(), afar.DialStdio(a.Client), afar.SendLogs(a.Client))
	checkHelp(root)
	a.completeValues(root)
	return root
}

// checkHelp has `help` fail for what is no command. Cobra's own prints all of them, and succeeds.
func checkHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, command := range root.Commands() {
		if command.Name() == "help" {
			command.Args = func(_ *cobra.Command, names []string) error {
				_, unknown, err := root.Find(names)
				if err == nil && len(unknown) > 0 {
					err = fmt.Errorf("usherctl has no command %q", strings.Join(names, " "))
				}
				return err
			}
		}
	}
}

// wrongUsage is an error of cobra's, without what the standard library says of values that it cannot read.
func wrongUsage(err error) string {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err.Error()
	}
	_, isNumber := errors.AsType[*strconv.NumError](invalid)
	wants := ""
	switch kind := invalid.GetFlag().Value.Type(); {
	case errors.Is(invalid, strconv.ErrRange):
		return fmt.Sprintf("--%s is %q, and cannot be that large or small", invalid.GetFlag().Name, invalid.GetValue())
	case isNumber && kind == "bool":
		wants = "true or false"
	case isNumber:
		wants = "a number"
	case kind == "duration" && strings.HasPrefix(invalid.Unwrap().Error(), "time: "):
		wants = "a duration, such as 90s or 10m"
	default:
		return err.Error()
	}
	return fmt.Sprintf("--%s is %s, and not %q", invalid.GetFlag().Name, wants, invalid.GetValue())
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	command := &cobra.Command{
		Use: use, Short: short, Args: unknownCommand, SuggestionsMinimumDistance: 2,
		RunE: func(command *cobra.Command, _ []string) error {
			return fmt.Errorf("%s needs a command", command.CommandPath())
		},
	}
	command.AddCommand(commands...)
	return command
}

// unknownCommand refuses arguments of a command that has only further commands, and names the one that was meant.
func unknownCommand(command *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", arguments[0], command.CommandPath())
	if meant := command.SuggestionsFor(arguments[0]); len(meant) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(meant, " or "))
	}
	return err
}
