// Package complete completes what a person types in a shell, from what usherd shows to the caller. It asks no other
// Mac, because that can need a password.
package complete

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

// Users are the users that usherd knows and shows to the caller. If usherd does not answer, they are the accounts of
// this computer.
func Users(client *ask.Client) cobra.CompletionFunc {
	return func(command *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if afar.Given(command) {
			return nil, cobra.ShellCompDirectiveNoFileComp // another Mac is not asked: that can need a password
		}
		var users []cobra.Completion
		err := client.AskQuietly(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
			status, err := usherv1.NewStatusServiceClient(connection).GetStatus(ctx, &usherv1.GetStatusRequest{})
			for _, one := range status.GetUsers() {
				users = append(users, value(one.GetUser().GetName(),
					answer.IdentityName(one.GetIdentity().GetState())))
			}
			return err
		})
		if err != nil || len(users) == 0 {
			users = accounts.Names()
		}
		return users, cobra.ShellCompDirectiveNoFileComp
	}
}

// Registrations completes the first argument with the registrations that the caller may see and that wanted accepts,
// the newest first.
func Registrations(client *ask.Client, wanted func(*usherv1.Registration) bool) cobra.CompletionFunc {
	return func(command *cobra.Command, arguments []string, typed string) (ids []cobra.Completion,
		_ cobra.ShellCompDirective) {
		const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		if len(arguments) > 0 || afar.Given(command) {
			return nil, directive
		}
		// Nobody sees its error, and the shell then completes nothing.
		_ = client.AskQuietly(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
			list, err := usherv1.NewRegistrationServiceClient(connection).ListRegistrations(ctx,
				&usherv1.ListRegistrationsRequest{})
			for _, one := range list.GetRegistrations() {
				id := answer.ShortID(one.GetId())
				if len(typed) > len(id) {
					id = one.GetId()
				}
				if wanted(one) {
					ids = append(ids, value(id,
						fmt.Sprintf("%s, %s", one.GetUser().GetName(), answer.LastState(one))))
				}
			}
			return err
		})
		return ids, directive
	}
}

// Any accepts each registration.
func Any(*usherv1.Registration) bool { return true }

// UnderWay accepts registrations that have not ended.
func UnderWay(r *usherv1.Registration) bool { return !answer.Ended(r.GetState()) }

// value is a value and the text that a shell shows beside it. The value ends at a tab, so the text must not contain
// another line.
func value(value, description string) cobra.Completion {
	return cobra.CompletionWithDesc(strings.ReplaceAll(terminal.Plain(value), "\t", " "), terminal.Plain(description))
}
