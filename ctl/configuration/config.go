// Package configuration shows and checks the configuration, and writes profiles and the schema for Jamf Pro.
package configuration

import (
	"fmt"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/usage"
	"usher.internal/internal/config"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

// Command returns `usherctl config`.
func Command(client *ask.Client) *cobra.Command {
	c := commands{client}
	return usage.Group("config", "Show and validate the configuration, and write profiles of it", c.showConfigCommand(),
		c.validateConfigCommand(), c.profileCommand(), c.schemaCommand())
}

func (c commands) showConfigCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show each value and where it comes from",
		Long: "Show each value and where it comes from, as usherd would read it now. Secrets are not " +
			"configuration and are never shown.",
		Example: "  usherctl config show",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			loaded, err := c.LoadConfig()
			if err != nil {
				return err
			}
			var rows [][]string
			for _, value := range loaded.Values() {
				rows = append(rows, []string{value.Key, value.Value, value.Origin})
			}
			if c.JSON {
				return c.Print(loaded.Values())
			}
			c.Table([]string{"KEY", "VALUE", "FROM"}, rows)
			return nil
		},
	}
}

func (c commands) validateConfigCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "validate [FILE]",
		Short:   "Check the configuration, or a file before it is put in place",
		Example: "  usherctl config validate ./config.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			file := c.ConfigFile
			if len(arguments) == 1 {
				file = arguments[0]
			}
			if _, err := config.Load(file); err != nil {
				return &answer.Failure{Code: answer.ExitConfiguration, Reason: "CONFIGURATION_INVALID",
					Message: err.Error(),
					Hint:    "docs/configuration.md has every key"}
			}
			if c.JSON {
				return c.Print(map[string]bool{"valid": true})
			}
			fmt.Fprintln(c.Out, "the configuration is valid")
			return nil
		},
	}
}
