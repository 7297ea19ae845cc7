// Package ea prints values in the form that Jamf Pro's extension attributes need, and the scripts that call it.
package ea

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/internal/attribute"
	"usher.internal/internal/config"
	"usher.internal/internal/laststatus"
	"usher.internal/internal/layout"
	usherv1 "usher.internal/proto/usher/v1"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

// Command returns `usherctl ea`.
func Command(client *ask.Client) *cobra.Command {
	c := commands{client}
	names := attribute.Keys()
	var user string
	var list bool
	command := &cobra.Command{
		Use:   "ea NAME",
		Short: "Print the value of a Jamf extension attribute",
		Long: `Print a value as Jamf Pro's extension-attribute scripts do, <result>VALUE</result>. It is about the Mac's
primary user; other-users names the others. It is empty if nothing is known. The exit code is always 0, because
Jamf would drop the value otherwise. A problem is printed as the value, and begins with "usher: ".

Names: ` + strings.Join(names, ", "),
		Example: `  usherctl ea state
  usherctl ea --list
  usherctl ea script state`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: names,
		RunE: func(command *cobra.Command, arguments []string) error {
			if list {
				return c.listAttributes()
			}
			if len(arguments) == 0 {
				return errors.New("ea needs the name of an attribute, or --list")
			}
			value := c.value(command.Context(), arguments[0], user)
			if c.JSON {
				return c.Print(map[string]string{"name": arguments[0], "value": value})
			}
			fmt.Fprintf(c.Out, "<result>%s</result>\n", value)
			return nil
		},
	}
	command.Flags().StringVar(&user, "user", "", "only about this user `name`")
	command.Flags().BoolVar(&list, "list", false, "list the names and their meanings")
	command.AddCommand(c.attributeScriptCommand(names))
	return command
}

func (c commands) listAttributes() error {
	type entry struct {
		Name        string             `json:"name"`
		Title       string             `json:"title"`
		DataType    attribute.DataType `json:"data_type"`
		Description string             `json:"description"`
	}
	var entries []entry
	var rows [][]string
	for _, one := range attribute.Table() {
		entries = append(entries, entry{one.Key, one.Name, one.DataType, one.Description})
		rows = append(rows, []string{one.Key, one.Name, one.DataType.InForm(), one.Description})
	}
	if c.JSON {
		return c.Print(entries)
	}
	c.Table([]string{"NAME", "IN JAMF PRO", "DATA TYPE", "MEANING"}, rows)
	return nil
}

func (c commands) attributeScriptCommand(names []string) *cobra.Command {
	return &cobra.Command{
		Use:       "script NAME",
		Short:     "Print the script of an extension attribute, to paste into Jamf Pro",
		Long:      "Print a script for an extension attribute of input type Script. Jamf runs it with every inventory.",
		Example:   "  usherctl ea script state | pbcopy",
		Args:      cobra.ExactArgs(1),
		ValidArgs: names,
		RunE: func(_ *cobra.Command, arguments []string) error {
			wanted, exists := attribute.Find(arguments[0])
			if !exists {
				return fmt.Errorf("there is no attribute %q; there are %s", arguments[0], strings.Join(names, ", "))
			}
			if c.JSON {
				return c.Print(map[string]string{"name": arguments[0], "title": wanted.Name,
					"data_type": string(wanted.DataType), "script": Script(wanted)})
			}
			fmt.Fprint(c.Out, Script(wanted))
			return nil
		},
	}
}

// Script also works on a Mac without usher: an extension attribute runs on every Mac of its scope. Root runs it, so it
// names usherctl at a path that only root can write, not the link in /usr/local/bin.
func Script(of attribute.Attribute) string {
	return fmt.Sprintf(`#!/bin/sh
# Jamf Pro extension attribute "%s", data type %s: %s
usherctl=%s
if [ -x "$usherctl" ]; then exec "$usherctl" ea %s; fi
echo "<result>usher: not installed</result>"
`, of.Name, of.DataType.InForm(), of.Description, layout.MacOS.Control(), of.Key)
}

// value is the value for Jamf, or a sentence that says why there is none.
func (c commands) value(ctx context.Context, key, user string) string {
	wanted, exists := attribute.Find(key)
	if !exists {
		return attribute.Text("usher: no attribute " + key + "; there are " + strings.Join(attribute.Keys(), ", "))
	}
	status, err := c.statusOrLast(ctx)
	if err != nil {
		return attribute.Text("usher: " + err.Error())
	}
	if user == "" {
		return wanted.Value(attribute.Of(status.GetUsers()))
	}
	report, known := attribute.About(status.GetUsers(), user)
	if !known {
		return attribute.Text("usher: knows of no user " + user)
	}
	return wanted.Value(report)
}

// restartsWithin is how long a restart of usherd may take. Jamf waits for an extension attribute, and has many.
const restartsWithin = 2 * time.Second

// statusOrLast returns the status. If usherd does not answer within restartsWithin, it returns the last status that
// usherd has kept for root.
func (c commands) statusOrLast(ctx context.Context) (status *usherv1.GetStatusResponse, err error) {
	err = c.AskWithin(ctx, restartsWithin, func(ctx context.Context, connection *grpc.ClientConn) error {
		status, err = usherv1.NewStatusServiceClient(connection).GetStatus(ctx, &usherv1.GetStatusRequest{},
			grpc.WaitForReady(true))
		return err
	})
	if failed, ok := errors.AsType[*answer.Failure](err); !ok || failed.Code != answer.ExitNoHelper {
		return status, err
	}
	if last, age, lastErr := c.lastStatus(); lastErr == nil {
		fmt.Fprintf(c.Err, "usherctl: usherd does not answer; this is what it said %s ago\n", age.Round(time.Second))
		return last, nil
	} else if errors.Is(lastErr, laststatus.ErrTooOld) {
		fmt.Fprintf(c.Err, "usherctl: %v\n", lastErr)
	}
	// A call that does not wait says why usherd does not answer.
	err = c.AskWithin(ctx, restartsWithin, func(ctx context.Context, connection *grpc.ClientConn) error {
		status, err = usherv1.NewStatusServiceClient(connection).GetStatus(ctx, &usherv1.GetStatusRequest{})
		return err
	})
	return status, err
}

func (c commands) lastStatus() (*usherv1.GetStatusResponse, time.Duration, error) {
	loaded, err := config.Salvage(c.ConfigFile)
	if loaded == nil {
		return nil, 0, err
	}
	return laststatus.Read(loaded.StateDirectory, time.Now())
}
