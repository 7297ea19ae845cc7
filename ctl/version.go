package ctl

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"usher.internal/ctl/terminal"
	"usher.internal/internal/version"
	usherv1 "usher.internal/proto/usher/v1"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of usherctl and of the usherd that runs",
		Example: "  usherctl version",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			helper := ""
			err := a.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				status, err := usherv1.NewStatusServiceClient(connection).GetStatus(ctx, &usherv1.GetStatusRequest{})
				helper = status.GetHelper().GetVersion()
				return err
			})
			if a.JSON {
				return a.Print(map[string]string{"usherctl": version.String(), "usherd": helper})
			}
			fmt.Fprintf(a.Out, "usherctl %s\n", version.String())
			if err != nil {
				// usherctl's own version is the answer. It needs no helper.
				helper = "not reached: " + terminal.Plain(err.Error())
			}
			fmt.Fprintf(a.Out, "usherd   %s\n", helper)
			return nil
		},
	}
}
