package fleetcommands

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/fleetview"
	"usher.internal/ctl/terminal"
	"usher.internal/ctl/usage"
	"usher.internal/internal/fleet"
)

func (c *commands) fleetWatchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Show each change of a Mac as it happens, until Ctrl-C",
		Example: `  usherctl fleet watch
  usherctl fleet watch --json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.askFleet(command.Context(), func(client *fleetview.Client) error {
				if !c.JSON {
					fmt.Fprintln(c.Err, "waiting for changes; Ctrl-C ends it")
				}
				return client.Watch(command.Context(), func(change *fleetview.Change) error {
					if c.JSON {
						if err := c.Print(change); err != nil {
							return err
						}
					} else {
						fmt.Fprintf(c.Out, "%s  %s\n", c.Moment(change.When()),
							terminal.Plain(strings.Join(describeChange(change), "  ")))
					}
					return c.Out.Err
				}, func(what string) { fmt.Fprintln(c.Err, "usherctl: "+terminal.Plain(what)) })
			})
		},
	}
}

func (c *commands) fleetMacCommand() *cobra.Command {
	var limit int32
	timeout := 3 * time.Second
	command := &cobra.Command{
		Use:   "mac ID",
		Short: "Show the state of one Mac, and its history",
		Example: `  usherctl fleet mac 0A1B2C3D-0000-4000-8000-00000000BEEF
  usherctl fleet mac 0A1B2C3D-0000-4000-8000-00000000BEEF --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			if err := usage.ValidLimit(limit); err != nil {
				return err
			}
			if err := validWait(timeout); err != nil {
				return err
			}
			if !fleet.IsMac(arguments[0]) {
				return fmt.Errorf("%q cannot be the name of a Mac: it may have letters, digits, - and _", arguments[0])
			}
			ctx := command.Context()
			return c.askFleet(ctx, func(client *fleetview.Client) error {
				bar := c.Progress("asking " + arguments[0])
				report, err := client.Ask(ctx,
					fleetview.Question{Timeout: timeout, Mac: arguments[0], Progress: bar.Show})
				bar.End()
				if err != nil {
					return err
				}
				history := []*fleetview.Change{}
				err = client.Changes(ctx, arguments[0], func(change *fleetview.Change) error {
					history = append(history, change)
					return nil
				})
				if err != nil {
					return err
				}
				if len(report.Macs) == 0 && len(history) == 0 {
					return &answer.Failure{Code: answer.ExitNotFound, Reason: "MAC_NOT_FOUND",
						Message: "the fleet knows no Mac " + arguments[0],
						Hint: "`usherctl fleet status` lists those that it knows; a name is the hardware " +
							"UUID, in capitals"}
				}
				slices.Reverse(history)
				if limit > 0 && len(history) > int(limit) {
					history = history[:limit]
				}
				return c.showMac(report, history)
			})
		},
	}
	command.Flags().Int32Var(&limit, "limit", 50, "at most this many changes, the newest first; 0 is all")
	command.Flags().DurationVar(&timeout, "timeout", timeout, "wait this long for its answer")
	return command
}

func (c *commands) showMac(report *fleetview.Report, history []*fleetview.Change) error {
	var standing *fleetview.Standing
	if len(report.Macs) > 0 {
		standing = &report.Macs[0]
	}
	if c.JSON {
		return c.Print(map[string]any{"mac": standing, "warnings": append([]string{}, report.Warnings...),
			"history": history})
	}
	for _, warning := range report.Warnings {
		fmt.Fprintf(c.Err, "usherctl: %s\n", terminal.Plain(warning))
	}
	if standing != nil {
		c.printStanding(c.Out, standing)
		fmt.Fprintln(c.Out)
	}
	var rows [][]string
	for _, change := range history {
		rows = append(rows, append([]string{c.Moment(change.When())}, describeChange(change)[1:]...))
	}
	c.Table([]string{"WHEN", "USER", "STATE", "WHAT"}, rows)
	return nil
}

func (c *commands) printStanding(w io.Writer, one *fleetview.Standing) {
	c.Field("mac", one.Mac)
	c.Field("computer", strings.Trim(one.Computer+", "+one.OperatingSystem, ", "))
	c.Field("answer", string(one.Answer))
	c.Field("state", one.State)
	c.Field("seen", fmt.Sprintf("%s (%s)", c.Moment(one.Seen), terminal.Ago(one.Seen, time.Now())))
	c.Field("user", one.User)
	c.Field("registration", one.Registration)
	c.Field("usherd", one.Version)
	for _, note := range one.Notes {
		c.Field("note", note)
	}
	for _, problem := range one.Problems {
		c.Field("problem", problem)
	}
}

// describeChange returns a change as columns: the Mac, the user, the state, and what happened.
func describeChange(change *fleetview.Change) []string {
	mac := change.Mac
	if change.Computer != "" {
		mac += " (" + change.Computer + ")"
	}
	user := change.User
	switch {
	case user != "":
	case change.UID == 0:
		user = "-"
	default:
		user = fmt.Sprintf("uid %d", change.UID)
	}
	var what []string
	if change.Registration != "" {
		what = append(what, "registration "+change.Registration)
	}
	if change.PortalExitCode != nil {
		what = append(what, fmt.Sprintf("Company Portal ended with %d", *change.PortalExitCode))
	}
	if change.DeviceIDAfter != "" {
		what = append(what, fmt.Sprintf("device id %s became %s", change.DeviceIDBefore, change.DeviceIDAfter))
	}
	if change.UID == 0 && change.Note == "" {
		what = append(what, "usherd is there")
	}
	if change.Note != "" {
		what = append(what, change.Note)
	}
	return []string{mac, user, change.State, terminal.Dash(strings.Join(what, "; "))}
}
