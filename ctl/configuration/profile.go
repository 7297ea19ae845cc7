package configuration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/files"
	"usher.internal/ctl/profile"
	"usher.internal/internal/config"
)

func (c commands) profileCommand() *cobra.Command {
	var output string
	options := profile.Options{}
	kind := string(profile.Settings)
	command := &cobra.Command{
		Use:   "profile",
		Short: "Write a configuration profile from the configuration, for Jamf Pro or another MDM",
		Long: `Write a configuration profile (.mobileconfig):
  settings          what the configuration has set, as managed preferences of the domain org.usher
  background-items  lets usher's services run without macOS asking the user
  sso-prefix        puts com.jamf.management. on the AppPrefixAllowList of Microsoft's single sign-on extension, for
                    Jamf's own helper; a Mac takes one profile of that extension, so if you have one,
                    put the key into it
A configuration for a profile may have $JSSID as delivery.api.computer_id and $USERNAME as primary_user;
Jamf Pro fills them in. The same --identifier makes the same UUIDs, so a profile replaces the earlier one.
Secrets are not configuration and are never in it.`,
		Example: `  usherctl config profile --identifier com.example.usher --organization "Example Inc." ` +
			`--output usher.mobileconfig
  usherctl config profile --config ./new.yaml
  usherctl config profile --kind background-items --team-id A1B2C3D4E5`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			options.Kind = profile.Kind(kind)
			return c.writeProfile(command.Context(), options, output)
		},
	}
	flags := command.Flags()
	flags.StringVar(&kind, "kind", kind, "what it is for: settings, background-items or sso-prefix")
	flags.StringVar(&options.Identifier, "identifier", config.Domain,
		"the beginning of the profile's identifiers, of your organization's domain")
	flags.StringVar(&options.Organization, "organization", "", "the organization's name, as users see it")
	flags.BoolVar(&options.All, "all", false, "every key, also those that have their default")
	flags.StringVar(&options.TeamID, "team-id", "", "Team ID that usher's package is signed with, for background-items")
	flags.StringVar(&output, "output", "",
		"write into this `file`, which must not be there yet (default, and -: print it)")
	return command
}

func (c commands) writeProfile(ctx context.Context, options profile.Options, output string) error {
	if options.Kind == profile.Settings {
		loaded, err := config.LoadForProfile(c.ConfigFile)
		if err != nil {
			return ask.ConfigurationInvalid(err)
		}
		options.Values = loaded.Values()
		if len(loaded.Files) == 0 && !options.All {
			fmt.Fprintln(c.Err, "usherctl: nothing is configured here, so the profile sets nothing; --config FILE "+
				"names a configuration, --all writes every default")
		}
	}
	switch {
	case options.All && options.Kind != profile.Settings:
		return errors.New("--all goes only with --kind settings")
	case options.TeamID != "" && options.Kind != profile.BackgroundItems:
		return errors.New("--team-id goes only with --kind background-items")
	}
	content, err := profile.Make(options)
	if err != nil {
		return err
	}
	return files.Writer{Printer: c.Printer}.Text(ctx, "profile", string(content), output)
}

func (c commands) schemaCommand() *cobra.Command {
	var output string
	command := &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON schema from which Jamf Pro builds a form for the configuration",
		Long: `Write the JSON schema from which Jamf Pro builds a form for usher's configuration: Computers,
Configuration Profiles, Application & Custom Settings, External Applications, Add, Custom Schema; the
preference domain is org.usher.`,
		Example: "  usherctl config schema --output org.usher.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			schema, err := config.Schema("darwin")
			if err != nil {
				return answer.Defect(err)
			}
			if c.JSON && (output == "" || output == "-") {
				return c.Print(json.RawMessage(schema))
			}
			return files.Writer{Printer: c.Printer}.Text(command.Context(), "schema", string(schema), output)
		},
	}
	command.Flags().StringVar(&output, "output", "",
		"write into this `file`, which must not be there yet (default, and -: print it)")
	return command
}
