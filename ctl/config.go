package ctl

import (
	"fmt"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "Show and validate the configuration, and write profiles of it", a.showConfigCommand(),
		a.validateConfigCommand(), a.profileCommand(), a.schemaCommand())
}

// setting is a configuration value, as --json prints it.
type setting struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Origin      string `json:"origin"`
	Default     string `json:"default"`
	Description string `json:"description"`
}

func (a *app) showConfigCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show each value and where it comes from",
		Long: "Show each value and where it comes from, as usherd would read it now. Secrets are not " +
			"configuration and are never shown.",
		Example: "  usherctl config show",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			loaded, err := a.LoadConfig()
			if err != nil {
				return err
			}
			var all []setting
			var rows [][]string
			for _, value := range loaded.Values() {
				all = append(all, setting{value.Key, value.Value, value.Origin, value.Default, value.Description})
				rows = append(rows, []string{value.Key, value.Value, value.Origin})
			}
			if a.JSON {
				return a.Print(all)
			}
			a.Table([]string{"KEY", "VALUE", "FROM"}, rows)
			return nil
		},
	}
}

func (a *app) validateConfigCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "validate [FILE]",
		Short:   "Check the configuration, or a file before it is put in place",
		Example: "  usherctl config validate ./config.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			file := a.ConfigFile
			if len(arguments) == 1 {
				file = arguments[0]
			}
			if _, err := config.Load(file); err != nil {
				return &answer.Failure{Code: answer.ExitConfiguration, Reason: "CONFIGURATION_INVALID",
					Message: err.Error(),
					Hint:    "docs/configuration.md has every key"}
			}
			if a.JSON {
				return a.Print(map[string]bool{"valid": true})
			}
			fmt.Fprintln(a.Out, "the configuration is valid")
			return nil
		},
	}
}
