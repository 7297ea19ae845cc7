// Package fleetcommands has the commands that ask a fleet of Macs through its NATS servers, and that write what these
// servers need. fleetview asks and reads, fleetsetup writes files, and fleetpage writes the page.
package fleetcommands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/fleetview"
	"usher.internal/ctl/usage"
	"usher.internal/internal/fleet"
)

// commands are the commands of this package, with what they need.
type commands struct {
	*answer.Printer
	// folder has the fleet's address and credentials; empty for the default.
	folder string
}

// defaultFleet is the default for --fleet, in the home of an admin.
const defaultFleet = ".usher-fleet"

// Command returns `usherctl fleet`.
func Command(printer *answer.Printer) *cobra.Command {
	c := &commands{Printer: printer}
	command := usage.Group("fleet", "Ask all Macs for their state, through NATS, and set that up (docs/fleet-setup.md)",
		c.fleetInitCommand(), c.fleetProvisionCommand(), c.fleetCredentialsCommand(), c.fleetRenewCommand(),
		c.fleetRevokeCommand(),
		c.fleetStatusCommand(), c.fleetWatchCommand(), c.fleetMacCommand())
	command.Long =
		`Ask all Macs of a fleet for their state. usherd dials out to NATS servers, answers there, and publishes each
change. The servers are stock nats-servers; "usherctl fleet init" writes their configuration. Nothing can be
done to a Mac this way. docs/fleet-reference.md lists everything that is sent.`
	command.PersistentFlags().StringVar(&c.folder, "fleet", os.Getenv("USHER_FLEET"),
		"the `folder` with fleet.yaml, the access to the fleet (also USHER_FLEET; default ~/"+defaultFleet+
			")")
	return command
}

// fleetAccess returns the folder with the fleet's address and credentials.
func (c *commands) fleetAccess() string {
	if c.folder != "" {
		return c.folder
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return defaultFleet
	}
	return filepath.Join(home, defaultFleet)
}

// askFleet connects to the fleet, and makes calls.
func (c *commands) askFleet(ctx context.Context, calls func(client *fleetview.Client) error) error {
	access, name, err := fleetview.ReadAccess(c.fleetAccess())
	if err != nil {
		return fleetFailure(err)
	}
	if end, err := access.Expires(); err == nil && fleet.ExpiresSoon(end, time.Now()) {
		fmt.Fprintf(c.Err, "usherctl: your credentials for the fleet are valid until %s; `usherctl fleet renew` "+
			"makes others\n", end.UTC().Format(time.DateOnly))
	}
	quiet := c.AfterAWhile("connecting to the fleet…")
	client, err := fleetview.Connect(ctx, access, name)
	quiet()
	if err != nil {
		return fleetFailure(err)
	}
	defer client.Close()
	return fleetFailure(calls(client))
}

// fleetFailure adds the fix to an error of the fleet.
func fleetFailure(err error) error {
	failed, known := errors.AsType[*answer.Failure](err)
	switch {
	case err == nil:
		return nil
	case known:
		return failed
	case errors.Is(err, context.Canceled):
		return &answer.Failure{Code: answer.ExitInterrupted, Reason: "INTERRUPTED", Message: "interrupted"}
	case errors.Is(err, fleetview.ErrNoAccess):
		return &answer.Failure{Code: answer.ExitConfiguration, Reason: "NO_FLEET_ACCESS", Message: err.Error(),
			Hint: "copy the folder admin that `usherctl fleet init` made, and name it with --fleet or USHER_FLEET"}
	case errors.Is(err, fleetview.ErrUnreachable):
		return &answer.Failure{Code: answer.ExitFleetUnreachable, Reason: "FLEET_UNREACHABLE", Message: err.Error(),
			Hint: "see whether the servers run, and whether the credentials are valid (docs/fleet-setup.md)"}
	case errors.Is(err, fleetview.ErrNotPermitted):
		return &answer.Failure{Code: answer.ExitFleetUnreachable, Reason: "FLEET_FAILED", Message: err.Error(),
			Hint: "name the folder that `usherctl fleet init` made with --fleet; the folder of an admin does not do"}
	case errors.Is(err, fleetview.ErrHalf):
		return &answer.Failure{Code: answer.ExitFleetUnreachable, Reason: "FLEET_FAILED", Message: err.Error(),
			Hint: "a new stream would not fill it: --new-bucket makes a new bucket; silent Macs are known " +
				"again when they publish something"}
	case errors.Is(err, fleetview.ErrNoRoom):
		return &answer.Failure{Code: answer.ExitFleetUnreachable, Reason: "FLEET_FAILED", Message: err.Error(),
			Hint: "give less with --storage, or the servers more with max_file_store in nats-server.conf; of a " +
				"cluster, all servers must run"}
	}
	return &answer.Failure{Code: answer.ExitFleetUnreachable, Reason: "FLEET_FAILED", Message: err.Error(),
		Hint: "see docs/fleet-setup.md, Troubleshooting"}
}
