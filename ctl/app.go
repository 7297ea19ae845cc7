// Package ctl is usherctl: the tree of its commands. [Main] runs it.
package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"usher.internal/internal/config"
	"usher.internal/internal/link"
	"usher.internal/internal/version"
)

// Main runs usherctl with arguments as a process does: with the streams and signals of this one. It returns the exit
// code; everything is printed by then.
func Main(arguments []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends usherctl whatever it does
	defer stop()
	a := &app{
		stdout: &output{to: os.Stdout}, stderr: os.Stderr,
		terminal:       term.IsTerminal(int(os.Stdout.Fd())),
		width:          widthOf(os.Stdout),
		stderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		configFile:     os.Getenv("USHER_CONFIG"),
	}
	return int(a.run(ctx, arguments))
}

// Commands returns the tree of usherctl's commands, for what documents it.
func Commands() *cobra.Command { return (&app{}).root() }

// answerWithin is how long the helper may take to answer what it does not have to wait for itself.
const answerWithin = 10 * time.Second

// app is one run of usherctl.
type app struct {
	stdout *output
	stderr io.Writer
	// terminal tells whether a person reads stdout.
	terminal bool
	// width is how many characters a line of that terminal has, 0 where lines are not wrapped.
	width int
	// stderrTerminal tells whether a person sees stderr as it is written.
	stderrTerminal bool
	json           bool
	configFile     string
	// fleetFolder tells how to get at the fleet; empty for the default.
	fleetFolder string
	// hostFlags say which Macs are asked; host is the one that is, nil for this one, and oneOfSeveral tells whether
	// nobody is to be asked for a password, and the answer goes into a table.
	hostFlags    hostFlags
	host         *host
	oneOfSeveral bool
	arguments    []string
	// command is the full name of the command that runs, for the JSON envelope.
	command string
}

// run runs usherctl with arguments and returns its exit code; everything is printed by then.
func (a *app) run(ctx context.Context, arguments []string) exitCode {
	return a.runRoot(ctx, a.root(), arguments)
}

// runRoot is run with the commands below root.
func (a *app) runRoot(ctx context.Context, root *cobra.Command, arguments []string) exitCode {
	a.arguments = arguments
	root.SetArgs(textArguments(root, arguments))
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	command, err := root.ExecuteContextC(ctx)
	a.command = command.CommandPath() // also where the arguments were wrong
	a.json = a.json || a.oneOfSeveral || slices.Contains(arguments, "--json")
	if a.stdout.err != nil {
		// A policy must not take an answer for whole that was cut short.
		err = &failure{code: exitDefect, reason: "OUTPUT_FAILED",
			message: "the output could not be written: " + a.stdout.err.Error()}
	}
	if err == nil {
		return exitDone
	}
	failed, ok := errors.AsType[*failure](err)
	if !ok {
		// Only cobra itself returns other errors: wrong flags and arguments.
		failed = &failure{code: exitUsage, reason: "WRONG_USAGE", message: wrongUsage(err),
			hint: "`" + command.CommandPath() + " --help` shows how it is used"}
	}
	a.printFailure(failed)
	return failed.code
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
		PersistentPreRunE: func(command *cobra.Command, _ []string) error {
			a.command = command.CommandPath()
			a.json = a.json || a.oneOfSeveral
			return a.checkHosts(command)
		},
	}
	root.SetVersionTemplate("usherctl {{.Version}}\n")
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "print JSON (docs/json.md); streams print one object per line")
	flags.StringVar(&a.configFile, "config", a.configFile,
		"read this configuration `file` in place of the platform's own (also USHER_CONFIG)")
	a.hostFlags.add(flags)
	root.AddCommand(a.registerCommand(), a.gatherCommand(), a.afar(a.statusCommand()), a.afar(a.doctorCommand()),
		a.registrationsCommand(), a.afar(a.timelineCommand()), a.bundleCommand(), a.outboxCommand(),
		a.explainCommand(), a.extensionAttributeCommand(), a.jamfCommand(), a.cleanCommand(), a.forgetCommand(),
		a.inspectCommand(), a.configCommand(), a.versionCommand(), a.completionCommand(),
		a.installCommand(), a.uninstallCommand(), a.startCommand(), a.stopCommand(), a.restartCommand(),
		a.serviceCommand(),
		a.fleetCommand(), a.dialStdioCommand(), a.sendLogsCommand())
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

func (a *app) loadConfig() (*config.Loaded, error) {
	loaded, err := config.Load(a.configFile)
	if err != nil {
		return nil, configurationInvalid(err)
	}
	return loaded, nil
}

func configurationInvalid(err error) *failure {
	return &failure{code: exitConfiguration, reason: "CONFIGURATION_INVALID", message: err.Error(),
		hint: "fix it, then run `usherctl config validate`"}
}

// helperConfig is what usherctl needs to find the helper. A configuration that is no good keeps nobody from asking a
// helper that has its last good one: that is said, and the helper is looked for where what could be read of it says.
func (a *app) helperConfig() (*config.Loaded, error) {
	loaded, err := config.Salvage(a.configFile)
	if err == nil {
		return loaded, nil
	}
	if _, missing := os.Stat(loaded.HelperSocket()); missing != nil {
		return a.loadConfig()
	}
	switch {
	case a.json: // the helper's own status has it
	case errors.Is(err, fs.ErrPermission): // usherd is root, and may read it
		fmt.Fprintf(a.stderr, "usherctl: you may not read the configuration, so usherd is looked for where it is by "+
			"default: %s\n", plain(err.Error()))
	default:
		fmt.Fprintf(a.stderr, "usherctl: the configuration cannot be used, usherd goes on with its last good one: %s\n",
			plain(strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	return loaded, nil
}

// connect returns a connection to the helper, of this Mac or of another one. Nothing is sent before the first call.
func (a *app) connect(ctx context.Context) (*grpc.ClientConn, error) {
	if a.host != nil {
		return a.connectSSH(ctx, *a.host)
	}
	loaded, err := a.helperConfig()
	if err != nil {
		return nil, err
	}
	connection, err := link.Dial(loaded.HelperSocket(), loaded.Development.HelperUID, quickRedial())
	if err != nil {
		return nil, &failure{code: exitNoHelper, reason: "HELPER_UNREACHABLE", message: err.Error(),
			hint: hintNoHelper()}
	}
	return connection, nil
}

// quickRedial has gRPC dial again soon: a helper that is being restarted is back in a moment.
func quickRedial() grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2,
			MaxDelay: 2 * time.Second},
		MinConnectTimeout: answerWithin,
	})
}

// ask makes calls to the helper that it answers at once.
func (a *app) ask(ctx context.Context, calls func(ctx context.Context, connection *grpc.ClientConn) error) error {
	return a.askWithin(ctx, answerWithin, calls)
}

// askWithin makes calls for which the helper may have to ask others.
func (a *app) askWithin(ctx context.Context, limit time.Duration,
	calls func(ctx context.Context, connection *grpc.ClientConn) error) error {
	connection, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = explained(calls(ctx, connection))
	if failed, ok := errors.AsType[*failure](err); ok && failed.reason == reasonNoAnswer {
		failed.message = fmt.Sprintf("usherd did not answer within %s", limit)
	}
	return err
}
