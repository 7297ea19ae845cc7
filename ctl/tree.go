package ctl

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/bundle"
	"usher.internal/ctl/clean"
	"usher.internal/ctl/configuration"
	"usher.internal/ctl/doctor"
	"usher.internal/ctl/ea"
	"usher.internal/ctl/explain"
	"usher.internal/ctl/fleetcommands"
	"usher.internal/ctl/inspect"
	"usher.internal/ctl/installer"
	"usher.internal/ctl/jamf"
	"usher.internal/ctl/outbox"
	"usher.internal/ctl/register"
	"usher.internal/ctl/registrations"
	"usher.internal/ctl/status"
	"usher.internal/ctl/timelineview"
	"usher.internal/internal/version"
)

// root returns the tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "usherctl",
		Short: "Register this Mac with Microsoft Entra, and show the state of its users",
		Long: `usherctl asks usherd, usher's root daemon, to register users of this Mac with Microsoft Entra
through Company Portal and to report the result to Jamf Pro, and shows their state.`,
		Example: `  # register the user of this Mac, and follow the registration
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
		"read this configuration `file` instead of the platform's own (also USHER_CONFIG)")
	root.SetFlagErrorFunc(afar.FlagError)
	for _, one := range a.groups() {
		root.AddGroup(&cobra.Group{ID: one.title, Title: one.title + ":"})
		for _, command := range one.commands {
			command.GroupID = one.title
			root.AddCommand(command)
		}
	}
	root.SetHelpCommandGroupID(setup)
	checkHelp(root)
	a.completeValues(root)
	return root
}

// commandGroup is a part of the list that usherctl's help shows.
type commandGroup struct {
	title    string
	commands []*cobra.Command
}

// setup is the title of the last group.
const setup = "Setup"

// groups are all commands.
func (a *app) groups() []commandGroup {
	return []commandGroup{
		{"Everyday", []*cobra.Command{
			register.Command(a.Client), register.Gather(a.Client), a.hosts.Reads(status.Command(a.Client)),
			a.hosts.Reads(doctor.Command(a.Client)), registrations.Command(a.Client, a.hosts), clean.Command(a.Client),
			clean.Forget(a.Client),
		}},
		{"Jamf Pro", []*cobra.Command{
			jamf.Command(a.Client), ea.Command(a.Client), outbox.Command(a.Client),
		}},
		{"Logs and support", []*cobra.Command{
			timelineview.Command(a.Client, a.hosts), explain.Command(a.Printer), inspect.Command(a.Printer),
			bundle.Command(a.Client),
		}},
		{"Many Macs", []*cobra.Command{
			fleetcommands.Command(a.Printer), afar.DialStdio(a.Client), afar.SendLogs(a.Client),
		}},
		{setup, []*cobra.Command{
			installer.Install(a.Client), installer.Uninstall(a.Client), installer.Start(a.Client),
			installer.Stop(a.Client), installer.Restart(a.Client), installer.Service(a.Client),
			configuration.Command(a.Client), a.versionCommand(), a.completionCommand(),
		}},
	}
}

// checkHelp makes `help` fail for an unknown command. Cobra's own prints the whole help, and succeeds.
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
