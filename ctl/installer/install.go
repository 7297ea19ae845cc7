// Package installer installs and removes usher on this computer, starts and stops its services, and shows them. Package
// launchd does the work; this package asks for it, and prints each step.
package installer

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/accounts"
	"usher.internal/internal/command"
	"usher.internal/internal/config"
	"usher.internal/internal/layout"
	"usher.internal/internal/link"
	"usher.internal/launchd"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

// servesWithin is how long usherd may take from its start to its first answer.
const servesWithin = 20 * time.Second

// installation is what install, uninstall, start, stop and restart were asked for.
type installation struct {
	from                              string
	dryRun, restart, purge, outliving bool
}

// Install returns `usherctl install`.
func Install(client *ask.Client) *cobra.Command {
	c := commands{client}
	var asked installation
	command := &cobra.Command{
		Use:   "install",
		Short: "Install usher on this computer, or bring it to this version; needs root",
		Long: `Install usher on this computer, or bring it to this version: the three programs beside this usherctl, and
the services of launchd or systemd, for the computer and for everybody who is logged in. Parts that are up to
date are skipped, so it can be run again at any time, also to finish an interrupted installation.
Registrations that are under way continue, and so does a Company Portal in front of a user.`,
		Example: `  sudo ./usherctl install
  sudo ./usherctl install --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.change(command, asked,
				func(ctx context.Context, i *launchd.Installer) error { return i.Install(ctx) })
		},
	}
	flags := command.Flags()
	dryRunFlag(command, &asked)
	flags.StringVar(&asked.from, "from", "",
		"install the programs of this `directory` (default: that of this usherctl)")
	flags.BoolVar(&asked.restart, "restart", false,
		"restart the services even if nothing has changed, for packages that have installed the programs")
	return command
}

// Uninstall returns `usherctl uninstall`.
func Uninstall(client *ask.Client) *cobra.Command {
	c := commands{client}
	var asked installation
	command := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove usher from this computer; needs root",
		Long: `Stop usher and remove its programs and services. Registrations, configuration, credentials and logs
remain for a later installation, unless --purge is given. Managed preferences belong to the configuration
profile, and are removed with it.`,
		Example: "  " + config.Sudo("uninstall") + "\n" +
			"  " + config.Sudo("uninstall --purge --dry-run"),
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return c.uninstall(command, asked) },
	}
	dryRunFlag(command, &asked)
	command.Flags().BoolVar(&asked.purge, "purge", false,
		"remove state, configuration, credentials, sockets, logs and receipts too")
	return command
}

// Start returns `usherctl start`.
func Start(client *ask.Client) *cobra.Command {
	c := commands{client}
	return c.lifecycleCommand("start", "Start usherd, and usher-agent for everybody who is logged in; needs root",
		func(ctx context.Context, i *launchd.Installer) error { return i.Start(ctx) })
}

// Stop returns `usherctl stop`.
func Stop(client *ask.Client) *cobra.Command {
	c := commands{client}
	return c.lifecycleCommand("stop",
		"Stop usherd and every usher-agent, until the next start of the computer; needs root",
		func(ctx context.Context, i *launchd.Installer) error { return i.Stop(ctx) })
}

// Restart returns `usherctl restart`.
func Restart(client *ask.Client) *cobra.Command {
	c := commands{client}
	return c.lifecycleCommand("restart", "Give usherd and every usher-agent a new process; needs root",
		func(ctx context.Context, i *launchd.Installer) error { return i.RestartServices(ctx) })
}

func (c commands) lifecycleCommand(verb, short string,
	operation func(context.Context, *launchd.Installer) error) *cobra.Command {
	var asked installation
	command := &cobra.Command{
		Use: verb, Short: short,
		Long:    short + ".\nRegistrations that are under way are kept, and continue when usherd runs.",
		Example: "  " + config.Sudo(verb),
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return c.change(command, asked, operation) },
	}
	dryRunFlag(command, &asked)
	return command
}

// dryRunFlag adds the flags that all of these commands have. --outliving is not for people: usherctl calls itself with
// it.
func dryRunFlag(command *cobra.Command, asked *installation) {
	flags := command.Flags()
	flags.BoolVar(&asked.dryRun, "dry-run", false, "show each step, and do nothing")
	flags.BoolVar(&asked.outliving, "outliving", false, "")
	if err := flags.MarkHidden("outliving"); err != nil {
		panic(err) // the flag exists
	}
}

// change does an operation, and reports each of its steps.
func (c commands) change(command *cobra.Command, asked installation,
	operation func(context.Context, *launchd.Installer) error) error {
	installer, err := c.installer(asked)
	if err != nil {
		return err
	}
	if !asked.outliving && !asked.dryRun && launchd.Inside(installer.Layout) {
		return c.outlive(command, installer.Layout)
	}
	steps := c.printSteps(installer)
	err = operation(command.Context(), installer)
	return c.endOfSteps(*steps, err)
}

func (c commands) uninstall(command *cobra.Command, asked installation) error {
	var purge *launchd.Purge
	if asked.purge {
		purge = c.purge()
	}
	err := c.change(command, asked,
		func(ctx context.Context, i *launchd.Installer) error { return i.Uninstall(ctx, purge) })
	if err != nil || c.JSON {
		return err
	}
	layout, err := c.layout()
	if err != nil {
		return err
	}
	for _, note := range uninstallNotes(layout, asked.purge) {
		fmt.Fprintln(c.Out, note)
	}
	return nil
}

// uninstallNotes say what is still there, and how it is removed.
func uninstallNotes(here layout.Layout, purged bool) (notes []string) {
	if here.Packaged {
		notes = append(notes, "The programs belong to the package: `apt-get purge usher` removes them.")
	}
	if managed := config.PlatformPlaces().Managed; managed != "" {
		if _, err := os.Stat(managed); err == nil {
			notes = append(notes, managed+" is a configuration profile's: remove the profile in Jamf Pro.")
		}
	}
	if !purged {
		notes = append(notes, "State, configuration, credentials and logs were left; --purge removes them too.")
	}
	return notes
}

// purge names what usher keeps according to the configuration, as far as the configuration can be read.
func (c commands) purge() *launchd.Purge {
	purge := &launchd.Purge{Homes: accounts.Homes(), Receipts: command.PackageUtility}
	if loaded, err := config.Load(c.ConfigFile); err == nil {
		purge.State, purge.Sockets = loaded.StateDirectory, loaded.SocketDirectory
		// Keys of certificates may belong to this computer, and serve others too.
		purge.Secrets = []string{loaded.Delivery.API.ClientSecretFile, loaded.Fleet.CredentialsFile,
			loaded.Fleet.NKeyFile}
	} else {
		fmt.Fprintf(c.Err, "usherctl: the configuration cannot be read, so only the default places are "+
			"looked at: %s\n", terminal.Plain(err.Error()))
	}
	return purge
}

// layout is where usher is on this computer: where a package or usherctl has put it.
func (c commands) layout() (layout.Layout, error) {
	here, err := layout.Of(runtime.GOOS)
	if err != nil {
		return here, &answer.Failure{Code: answer.ExitNotSupported, Reason: "NOT_SUPPORTED",
			Message: err.Error()}
	}
	if _, err := os.Stat(layout.Debian.HelperDefinition); err == nil && !here.Mac() {
		return layout.Debian, nil
	}
	return here, nil
}

func (c commands) installer(asked installation) (*launchd.Installer, error) {
	layout, err := c.layout()
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, &answer.Failure{Code: answer.ExitNotPermitted, Reason: "NEEDS_ROOT",
			Message: c.Command + " needs root",
			Hint:    "run it with sudo"}
	}
	settings, err := c.installerConfig(layout)
	if err != nil {
		return nil, err
	}
	settings.DryRun, settings.Restart = asked.dryRun, asked.restart
	if settings.Source, err = sourceOf(asked.from); err != nil {
		return nil, err
	}
	return launchd.New(settings), nil
}

// installerConfig is how usherctl inspects and changes this computer's services.
func (c commands) installerConfig(layout layout.Layout) (launchd.Config, error) {
	definitions, err := launchd.SystemDefinitions(layout)
	if err != nil {
		return launchd.Config{}, &answer.Failure{Code: answer.ExitNotSupported, Reason: "NOT_SUPPORTED",
			Message: err.Error()}
	}
	manager := launchd.Launchctl(command.Launchctl, layout)
	if !layout.Mac() {
		manager = launchd.Systemctl(command.Systemctl, primaryGroup)
	}
	return launchd.Config{
		Layout: layout, Manager: manager, Definitions: definitions,
		Sessions: accounts.GUISessions,
		Serves:   c.serves,
		Report:   func(launchd.Outcome) {},
	}, nil
}

// sourceOf returns the directory that programs are installed from.
func sourceOf(from string) (string, error) {
	if from != "" {
		return filepath.Abs(from)
	}
	program, err := os.Executable()
	if err != nil {
		return "", answer.Defect(fmt.Errorf("find this program: %w", err))
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return "", answer.Defect(fmt.Errorf("find this program: %w", err))
	}
	return filepath.Dir(program), nil
}

func primaryGroup(uid uint32) (uint32, error) {
	account, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return 0, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	return uint32(gid), err
}

// serves returns when usherd answers on its socket. gRPC redials by itself.
func (c commands) serves(ctx context.Context) error {
	// usherd itself reports what is wrong with the configuration.
	loaded, _ := config.Salvage(c.ConfigFile)
	ctx, cancel := context.WithTimeout(ctx, servesWithin)
	defer cancel()
	connection, err := link.Dial(loaded.HelperSocket(), loaded.Development.HelperUID, ask.QuickRedial())
	if err != nil {
		return err
	}
	defer connection.Close()
	health, err := healthv1.NewHealthClient(connection).Check(ctx, &healthv1.HealthCheckRequest{},
		grpc.WaitForReady(true))
	if err != nil {
		return fmt.Errorf("usherd did not answer on %s within %s: %w", loaded.HelperSocket(), servesWithin, err)
	}
	if health.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		return fmt.Errorf("usherd is %s", health.GetStatus())
	}
	return nil
}

// outlive runs the same operation in a process that does not end with usherd.
func (c commands) outlive(command *cobra.Command, layout layout.Layout) error {
	program, err := os.Executable()
	if err != nil {
		return answer.Defect(err)
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return answer.Defect(err)
	}
	fmt.Fprintln(c.Err, "this is a job of usher's own service, which will restart: a process outside of "+
		"it continues the work")
	where, code, err := launchd.Outlive(command.Context(), layout, program, append(os.Args[1:], "--outliving")...)
	if err == nil && code != 0 {
		return &answer.Failure{Code: answer.ExitCode(code), Reason: "INSTALL_FAILED",
			Message: "it did not succeed",
			Hint:    where + " has each step"}
	}
	if err != nil {
		return &answer.Failure{Code: answer.ExitDefect, Reason: "INSTALL_FAILED", Message: err.Error()}
	}
	if c.JSON {
		return c.Print(map[string]string{"log": where})
	}
	fmt.Fprintf(c.Out, "done; %s has each step\n", where)
	return nil
}
