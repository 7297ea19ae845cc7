package ctl

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"usher.internal/ctl/complete"
	"usher.internal/ctl/profile"
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

// completeValues makes a shell complete the values of flags: by the names of the flags, for each command that has them.
func (a *app) completeValues(command *cobra.Command) {
	command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		values := map[string]cobra.CompletionFunc{"user": complete.Users(a.Client), "kind": completeKinds}[flag.Name]
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

// completeKinds are the kinds of configuration profile.
func completeKinds(*cobra.Command, []string, string) (kinds []cobra.Completion, _ cobra.ShellCompDirective) {
	for _, kind := range profile.Kinds() {
		kinds = append(kinds, string(kind))
	}
	return kinds, cobra.ShellCompDirectiveNoFileComp
}
