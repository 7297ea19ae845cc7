package ctl

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"usher.internal/ctl/answer"
	"usher.internal/internal/config"
	usherv1 "usher.internal/proto/usher/v1"
)

func (a *app) outboxCommand() *cobra.Command {
	return group("outbox", "Show and move what is on its way to Jamf Pro (root and admins)", a.listOutboxCommand(),
		a.flushOutboxCommand())
}

func (a *app) listOutboxCommand() *cobra.Command {
	request := &usherv1.ListDeliveriesRequest{}
	command := &cobra.Command{
		Use:     "list",
		Short:   "List deliveries, the newest first",
		Example: "  " + config.Sudo("outbox list --all"),
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := validLimit(request.GetLimit()); err != nil {
				return err
			}
			return a.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				list, err := usherv1.NewDeliveryServiceClient(connection).ListDeliveries(ctx, request)
				if err != nil {
					return err
				}
				if a.JSON {
					return a.Print(list)
				}
				var rows [][]string
				for _, d := range list.GetDeliveries() {
					rows = append(rows, []string{
						strconv.FormatUint(d.GetId(), 10), d.GetUser().GetName(), answer.DeliveryName(d.GetState()),
						strconv.Itoa(int(d.GetAttempts())),
						a.Clock(d.GetNextAttemptTime()), d.GetSummary(), d.GetLastError(),
					})
				}
				a.Table([]string{"ID", "USER", "STATE", "ATTEMPTS", "NEXT ATTEMPT", "REPORT", "LAST ERROR"}, rows)
				return nil
			})
		},
	}
	command.Flags().BoolVar(&request.IncludeEnded, "all", false, "delivered and superseded ones too")
	command.Flags().Int32Var(&request.Limit, "limit", 0, "at most this many (default 50)")
	return command
}

func (a *app) flushOutboxCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "flush",
		Short:   "Deliver what is pending now, and try again what Jamf Pro refused",
		Example: "  " + config.Sudo("outbox flush"),
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return a.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				flushed, err := usherv1.NewDeliveryServiceClient(connection).FlushDeliveries(ctx,
					&usherv1.FlushDeliveriesRequest{})
				if err != nil {
					return err
				}
				if a.JSON {
					return a.Print(flushed)
				}
				fmt.Fprintf(a.Out, "%d due now; `%s` shows how they fare\n", flushed.GetDue(),
					config.Sudo("outbox list"))
				return nil
			})
		},
	}
}
