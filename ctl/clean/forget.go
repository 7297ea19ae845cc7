package clean

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/config"
	"usher.internal/internal/english"
	usherv1 "usher.internal/proto/usher/v1"
)

// Forget returns `usherctl forget`.
func Forget(client *ask.Client) *cobra.Command {
	c := commands{client}
	request := &usherv1.ForgetUserRequest{}
	command := &cobra.Command{
		Use:   "forget",
		Short: "Forget a user, for example one who was deleted from this Mac (root and admins)",
		Long: `Make usherd forget a user: their state with its evidence, the history of their registrations, and the
deliveries to Jamf Pro about them. Usher Other Users does not name them any more. Nothing in the user's
session or home is changed: a user who still exists is known again after the next look.`,
		Example: "  " + config.Sudo("forget --user jane"),
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				forgotten, err := usherv1.NewUserServiceClient(connection).ForgetUser(ctx, request)
				if err != nil {
					return err
				}
				if c.JSON {
					return c.Print(forgotten)
				}
				fmt.Fprintf(c.Out, "forgot %s, with %s and %s\n", terminal.Plain(forgotten.GetUser().GetName()),
					english.Count(forgotten.GetRegistrations(), "registration"),
					english.Count(forgotten.GetDeliveries(), "delivery"))
				return nil
			})
		},
	}
	command.Flags().StringVar(&request.User, "user", "", "forget this user `name`, as \"usherctl status\" has it")
	if err := command.MarkFlagRequired("user"); err != nil {
		panic(err) // the flag exists
	}
	return command
}
