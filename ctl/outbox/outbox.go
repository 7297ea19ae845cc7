// Package outbox shows the deliveries to Jamf Pro, and can send them at once.
package outbox

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/usage"
	"usher.internal/internal/config"
	usherv1 "usher.internal/proto/usher/v1"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

// Command returns `usherctl outbox`.
func Command(client *ask.Client) *cobra.Command {
	c := commands{client}
	return usage.Group("outbox", "List and send the deliveries to Jamf Pro (root and admins)",
		c.listOutboxCommand(),
		c.flushOutboxCommand())
}

func (c commands) listOutboxCommand() *cobra.Command {
	request := &usherv1.ListDeliveriesRequest{}
	command := &cobra.Command{
		Use:     "list",
		Short:   "List deliveries, the newest first",
		Example: "  " + config.Sudo("outbox list --all"),
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := usage.ValidLimit(request.GetLimit()); err != nil {
				return err
			}
			return c.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				list, err := usherv1.NewDeliveryServiceClient(connection).ListDeliveries(ctx, request)
				if err != nil {
					return err
				}
				if c.JSON {
					return c.Print(list)
				}
				var rows [][]string
				for _, d := range list.GetDeliveries() {
					rows = append(rows, []string{
						strconv.FormatUint(d.GetId(), 10), d.GetUser().GetName(), answer.DeliveryName(d.GetState()),
						strconv.Itoa(int(d.GetAttempts())),
						c.Clock(d.GetNextAttemptTime()), d.GetSummary(), d.GetLastError(),
					})
				}
				c.Table([]string{"ID", "USER", "STATE", "ATTEMPTS", "NEXT ATTEMPT", "REPORT", "LAST ERROR"}, rows)
				return nil
			})
		},
	}
	command.Flags().BoolVar(&request.IncludeEnded, "all", false, "delivered and superseded ones too")
	command.Flags().Int32Var(&request.Limit, "limit", 0, "at most this many (default 50)")
	return command
}

func (c commands) flushOutboxCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "flush",
		Short:   "Send pending and refused deliveries now",
		Example: "  " + config.Sudo("outbox flush"),
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				flushed, err := usherv1.NewDeliveryServiceClient(connection).FlushDeliveries(ctx,
					&usherv1.FlushDeliveriesRequest{})
				if err != nil {
					return err
				}
				if c.JSON {
					return c.Print(flushed)
				}
				fmt.Fprintf(c.Out, "%d due now; `%s` shows how they fare\n", flushed.GetDue(),
					config.Sudo("outbox list"))
				return nil
			})
		},
	}
}
