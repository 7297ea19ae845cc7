package ctl

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/answer"
	"usher.internal/ctl/profile"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "Print the completion script of a shell",
		Example:   "  # in a folder of $fpath\n  usherctl completion zsh > _usherctl",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(command *cobra.Command, arguments []string) error {
			switch root := command.Root(); arguments[0] {
			case "bash":
				return root.GenBashCompletionV2(a.Out, true)
			case "zsh":
				return root.GenZshCompletion(a.Out)
			default:
				return root.GenFishCompletion(a.Out, true)
			}
		},
	}
}

// completeValues has a shell complete the values of flags, by the flags' names and below each command that has them.
func (a *app) completeValues(command *cobra.Command) {
	command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		values := map[string]cobra.CompletionFunc{"user": a.completeUsers, "kind": completeKinds}[flag.Name]
		if values == nil {
			return
		}
		if err := command.RegisterFlagCompletionFunc(flag.Name, values); err != nil {
			panic(err) // each command and its flags are made once
		}
	})
	for _, one := range command.Commands() {
		a.completeValues(one)
	}
}

// completeUsers are the users that usherd knows and shows to the caller; where usherd does not answer, the accounts of
// this computer.
func (a *app) completeUsers(command *cobra.Command, _ []string, _ string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	if afar.Given(command) {
		return nil, cobra.ShellCompDirectiveNoFileComp // another Mac is not asked: that can need a password
	}
	var users []cobra.Completion
	err := a.AskQuietly(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
		status, err := usherv1.NewStatusServiceClient(connection).GetStatus(ctx, &usherv1.GetStatusRequest{})
		for _, one := range status.GetUsers() {
			users = append(users, completion(one.GetUser().GetName(),
				answer.IdentityName(one.GetIdentity().GetState())))
		}
		return err
	})
	if err != nil || len(users) == 0 {
		users = accounts.Names()
	}
	return users, cobra.ShellCompDirectiveNoFileComp
}

// completeKinds are the kinds of configuration profile.
func completeKinds(*cobra.Command, []string, string) (kinds []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, kind := range profile.Kinds() {
		kinds = append(kinds, string(kind))
	}
	return kinds, cobra.ShellCompDirectiveNoFileComp
}

// completeRegistrations completes the first argument with the registrations that the caller may see, the newest first,
// of those that wanted accepts.
func (a *app) completeRegistrations(wanted func(*usherv1.Registration) bool) cobra.CompletionFunc {
	return func(command *cobra.Command, arguments []string, typed string) (ids []cobra.Completion,
		_ cobra.ShellCompDirective) {
		const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		if len(arguments) > 0 || afar.Given(command) {
			return nil, directive
		}
		// Nobody sees an error of it, and a shell completes nothing then.
		_ = a.AskQuietly(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
			list, err := usherv1.NewRegistrationServiceClient(connection).ListRegistrations(ctx,
				&usherv1.ListRegistrationsRequest{})
			for _, one := range list.GetRegistrations() {
				id := answer.ShortID(one.GetId())
				if len(typed) > len(id) {
					id = one.GetId()
				}
				if wanted(one) {
					ids = append(ids, completion(id,
						fmt.Sprintf("%s, %s", one.GetUser().GetName(), answer.LastState(one))))
				}
			}
			return err
		})
		return ids, directive
	}
}

func anyRegistration(*usherv1.Registration) bool { return true }

func isUnderWay(r *usherv1.Registration) bool { return !ended(r.GetState()) }

// completion is a value with what a shell shows beside it. The value ends at a tab, and the line is the whole of it.
func completion(value, description string) cobra.Completion {
	return cobra.CompletionWithDesc(strings.ReplaceAll(terminal.Plain(value), "\t", " "), terminal.Plain(description))
}
