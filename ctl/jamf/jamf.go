// Package jamf sets Jamf Pro up for usher: extension attributes, and the secret of the API client. It takes the secret
// from a terminal, standard input or a file, never as an argument.
package jamf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/files"
	"usher.internal/ctl/terminal"
	"usher.internal/ctl/usage"
	"usher.internal/internal/attribute"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

const (
	// jamfProWithin is how long the helper may take when it has to ask Jamf Pro. The helper's own limit is shorter.
	jamfProWithin = 2 * time.Minute
	// longestSecret is longer than the helper accepts, so the helper says what is wrong.
	longestSecret = 8 << 10
)

// jamfFailures are usherctl's exits for calls that fail because of Jamf Pro or of usher's settings for it, by the
// call's status and reason. Every other failure is the same as with any command.
var jamfFailures = []struct {
	status codes.Code
	reason usherv1.ErrorReason
	code   answer.ExitCode
	name   string
}{
	{codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, answer.ExitConfiguration,
		"CONFIGURATION_INVALID"},
	{codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED, answer.ExitDeliveryRefused,
		"JAMF_PRO_REFUSED"},
	{codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED, answer.ExitBusy, "JAMF_PRO_UNREACHABLE"},
}

// Command returns `usherctl jamf`.
func Command(client *ask.Client) *cobra.Command {
	c := commands{client}
	credentials := usage.Group("credentials",
		"Keep, check and remove the secret of usher's API client in Jamf Pro (root and admins)",
		c.setCredentialsCommand(), c.checkCredentialsCommand(), c.removeCredentialsCommand())
	jamf := usage.Group("jamf", "Set Jamf Pro up for usher", c.provisionCommand(), credentials)
	// If a word of the command is missing or mistyped, the secret can be in its place.
	jamf.Args, credentials.Args = noSecret, noSecret
	jamf.SetFlagErrorFunc(noSecretFlag)
	return jamf
}

func (c commands) provisionCommand() *cobra.Command {
	request := &usherv1.ProvisionExtensionAttributesRequest{}
	command := &cobra.Command{
		Use:   "provision",
		Short: "Create usher's extension attributes that Jamf Pro does not have (root and admins)",
		Long: `Create usher's extension attributes that Jamf Pro does not have, as text fields, through its API; what
exists is left as it is. Then show the role that usher's API client needs, and which of its privileges it has.

An older usher created dates as strings, which smart groups cannot compare. --migrate changes the data type of
existing ones that have another. Before that, look through the smart groups that use them: their criteria
change with the data type.`,
		Example: "  " + config.Sudo("jamf provision --dry-run") + "\n  " + config.Sudo("jamf provision --migrate"),
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.askJamfPro(command.Context(),
				func(ctx context.Context, client usherv1.JamfProServiceClient) error {
					provisioned, err := client.ProvisionExtensionAttributes(ctx, request)
					if err != nil {
						return err
					}
					if c.JSON {
						return errors.Join(c.Print(provisioned), unusable(provisioned))
					}
					c.printProvisioned(provisioned, request.GetDryRun())
					checked, err := client.CheckClientSecret(ctx, &usherv1.CheckClientSecretRequest{})
					if err != nil {
						return err
					}
					fmt.Fprintf(c.Out, "\nThe role of the API client at %s:\n", terminal.Plain(checked.GetServer()))
					c.printPrivileges(checked)
					return errors.Join(unusable(provisioned), lacking(checked))
				})
		},
	}
	command.Flags().BoolVar(&request.DryRun, "dry-run", false, "show what would be done, and do nothing")
	command.Flags().BoolVar(&request.Migrate, "migrate", false,
		"change the data type of existing ones that have another")
	return command
}

func (c commands) printProvisioned(provisioned *usherv1.ProvisionExtensionAttributesResponse, dryRun bool) {
	var rows [][]string
	for _, one := range provisioned.GetAttributes() {
		state := "missing"
		switch {
		case one.GetMigrated() && dryRun:
			state = "would become a " + attribute.DataType(one.GetDataType()).InForm()
		case one.GetMigrated():
			state = "became a " + attribute.DataType(one.GetDataType()).InForm()
		case one.GetExists() && one.GetOtherDataType() != "" && one.GetProblem() == "":
			state = fmt.Sprintf("exists as a %s; --migrate makes it a %s",
				attribute.DataType(one.GetOtherDataType()).InForm(),
				attribute.DataType(one.GetDataType()).InForm())
		case one.GetExists():
			state = "exists"
		case one.GetCreated() && dryRun:
			state = "would be created"
		case one.GetCreated():
			state = "created"
		}
		rows = append(rows, []string{one.GetName(), state, one.GetProblem()})
	}
	c.Table([]string{"NAME", "STATE", "PROBLEM"}, rows)
}

// unusable returns a failure when there are extension attributes that usher cannot write to.
func unusable(provisioned *usherv1.ProvisionExtensionAttributesResponse) error {
	var names []string
	for _, one := range provisioned.GetAttributes() {
		if one.GetProblem() != "" {
			names = append(names, one.GetName())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &answer.Failure{Code: answer.ExitDeliveryRefused, Reason: "EXTENSION_ATTRIBUTES_UNUSABLE",
		Message: "usher cannot use " + strings.Join(names, ", "),
		Hint:    "fix what the problem of each names, then run it again"}
}

func (c commands) setCredentialsCommand() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "set",
		Short: "Store the secret of the API client, from standard input or a file",
		Long: `Make usherd store the secret of the API client in delivery.api.client_secret_file, which only root may
read. On a terminal usherctl asks for it without showing it; otherwise it reads it from standard input or from
a file. The secret is never an argument.`,
		Example: "  " + config.Sudo("jamf credentials set") + "\n  " +
			config.Sudo("jamf credentials set --file /private/tmp/secret"),
		Args: noSecret,
		RunE: func(command *cobra.Command, _ []string) error {
			secret, err := c.readSecret(file)
			if err != nil {
				return err
			}
			return c.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				set, err := usherv1.NewJamfProServiceClient(connection).SetClientSecret(ctx,
					&usherv1.SetClientSecretRequest{ClientSecret: secret})
				if err != nil {
					return jamfFailure(err)
				}
				if c.JSON {
					return c.Print(set)
				}
				fmt.Fprintf(c.Out, "kept in %s; `%s` tries it\n", terminal.Plain(set.GetPath()),
					config.Sudo("jamf credentials check"))
				return nil
			})
		},
	}
	command.Flags().StringVar(&file, "file", "", "read the secret from this `file`")
	return command
}

func (c commands) checkCredentialsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Get a token with the secret, and show which privileges the API client has",
		Example: "  " + config.Sudo("jamf credentials check"),
		Args:    noSecret,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.askJamfPro(command.Context(),
				func(ctx context.Context, client usherv1.JamfProServiceClient) error {
					checked, err := client.CheckClientSecret(ctx, &usherv1.CheckClientSecretRequest{})
					if err != nil {
						return err
					}
					if c.JSON {
						return errors.Join(c.Print(checked), lacking(checked))
					}
					fmt.Fprintln(c.Out, "The secret is good.")
					c.Field("Server", checked.GetServer())
					c.Field("Version", checked.GetServerVersion())
					c.printPrivileges(checked)
					return lacking(checked)
				})
		},
	}
}

func (c commands) printPrivileges(checked *usherv1.CheckClientSecretResponse) {
	said := map[bool]string{true: "yes", false: "no"}
	var rows [][]string
	for _, one := range checked.GetPrivileges() {
		granted := "not tried"
		if one.Granted != nil {
			granted = said[one.GetGranted()]
		}
		rows = append(rows, []string{one.GetPrivilege(), said[one.GetRequired()], granted, one.GetPurpose()})
	}
	c.Table([]string{"PRIVILEGE", "REQUIRED", "GRANTED", "TO"}, rows)
	for _, one := range checked.GetPrivileges() {
		if one.GetProblem() != "" {
			fmt.Fprintf(c.Err, "usherctl: %s could not be tried: %s\n", one.GetPrivilege(), one.GetProblem())
		}
	}
}

// lacking returns a failure when a required privilege is not granted, or could not be tried.
func lacking(checked *usherv1.CheckClientSecretResponse) error {
	var names, untried []string
	for _, one := range checked.GetPrivileges() {
		if one.GetRequired() && one.GetProblem() != "" {
			untried = append(untried, one.GetPrivilege())
		}
		if one.GetRequired() && one.Granted != nil && !one.GetGranted() {
			names = append(names, one.GetPrivilege())
		}
	}
	switch {
	case checked.GetVersionProblem() != "":
		return &answer.Failure{Code: answer.ExitDeliveryRefused, Reason: "JAMF_PRO_REFUSED",
			Message: checked.GetVersionProblem()}
	case len(names) == 0 && len(untried) == 0:
		return nil
	case len(names) == 0:
		return &answer.Failure{Code: answer.ExitBusy, Reason: "PRIVILEGES_NOT_CHECKED",
			Message: "whether the API client has " + strings.Join(untried, ", ") + " is not known",
			Hint:    "see why above, and check again"}
	}
	return &answer.Failure{Code: answer.ExitDeliveryRefused, Reason: "PRIVILEGES_MISSING",
		Message: "the API client lacks " + strings.Join(names, ", "),
		Hint:    "give them to its role in Jamf Pro (Settings, API Roles and Clients)"}
}

func (c commands) removeCredentialsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove",
		Short:   "Remove the secret from this computer",
		Example: "  " + config.Sudo("jamf credentials remove"),
		Args:    noSecret,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				response, err := usherv1.NewJamfProServiceClient(connection).RemoveClientSecret(ctx,
					&usherv1.RemoveClientSecretRequest{})
				if err != nil {
					return jamfFailure(err)
				}
				if c.JSON {
					return c.Print(response)
				}
				fmt.Fprintln(c.Out, map[bool]string{
					true:  "removed; Jamf Pro still takes it until it is rotated there",
					false: "there was none"}[response.GetRemoved()])
				return nil
			})
		},
	}
}

// noSecret refuses arguments and repeats none of them: one could be the secret, and a policy's log keeps what is
// printed.
func noSecret(command *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return nil
	}
	wrong := "takes no arguments"
	if command.HasSubCommands() {
		if meant := command.SuggestionsFor(arguments[0]); arguments[0] != "" && len(meant) > 0 {
			return fmt.Errorf("%s has no such command; did you mean %s?", command.CommandPath(),
				strings.Join(meant, " or "))
		}
		wrong = "has no such command"
	}
	return &answer.Failure{
		Code: answer.ExitUsage, Reason: "WRONG_USAGE",
		Message: command.CommandPath() + " " + wrong +
			"; a secret is never an argument, since everybody on this computer can see those, and the shell keeps them",
		Hint: "if that was the secret, rotate it in Jamf Pro; then `" + config.Sudo("jamf credentials set") +
			"` takes it from standard input or with --file",
	}
}

// noSecretFlag does the same for arguments that look like short flags.
func noSecretFlag(command *cobra.Command, err error) error {
	if strings.Contains(err.Error(), "shorthand") {
		return noSecret(command, []string{""})
	}
	return command.Root().FlagErrorFunc()(command, err)
}

// readSecret returns the secret from the file, from standard input, or as a person types it.
func (c commands) readSecret(file string) (string, error) {
	input := io.Reader(os.Stdin)
	switch {
	case file != "":
		opened, err := files.Open(file)
		if err != nil {
			// The error does not repeat the path: it could be the secret, given by mistake.
			if pathError, ok := errors.AsType[*fs.PathError](err); ok {
				err = pathError.Err
			}
			return "", &answer.Failure{Code: answer.ExitUsage, Reason: "WRONG_USAGE",
				Message: fmt.Sprintf("open the file of --file: %v", err),
				Hint:    "give the path of a file that holds the secret and nothing else"}
		}
		defer opened.Close()
		input = opened
	case term.IsTerminal(int(os.Stdin.Fd())):
		return c.promptSecret()
	}
	content, err := io.ReadAll(io.LimitReader(input, longestSecret))
	if err != nil {
		return "", &answer.Failure{Code: answer.ExitUsage, Reason: "WRONG_USAGE",
			Message: fmt.Sprintf("read the secret: %v", err)}
	}
	if !utf8.Valid(content) {
		return "", &answer.Failure{Code: answer.ExitUsage, Reason: "WRONG_USAGE", Message: "the secret is not text",
			Hint: "give the secret that Jamf Pro showed when it was made, and nothing else"}
	}
	return string(content), nil
}

// promptSecret asks for the secret without showing what is typed. The terminal is in raw mode, so Ctrl-C arrives as a
// character and cannot leave the terminal without echo.
func (c commands) promptSecret() (string, error) {
	descriptor := int(os.Stdin.Fd())
	before, err := term.MakeRaw(descriptor)
	if err != nil {
		return "", answer.Defect(fmt.Errorf("ask for the secret: %w", err))
	}
	defer term.Restore(descriptor, before)
	return typedSecret(os.Stdin, c.Err)
}

// typedSecret asks on a terminal in raw mode.
func typedSecret(keys io.Reader, screen io.Writer) (string, error) {
	secret, err := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys, screen}, "").ReadPassword("Client secret (not shown): ")
	if err != nil {
		return "", &answer.Failure{Code: answer.ExitInterrupted, Reason: "INTERRUPTED",
			Message: "interrupted; nothing was changed"}
	}
	return secret, nil
}

// askJamfPro makes calls for which the helper asks Jamf Pro.
func (c commands) askJamfPro(ctx context.Context,
	calls func(context.Context, usherv1.JamfProServiceClient) error) error {
	return c.AskWithin(ctx, jamfProWithin, func(ctx context.Context, connection *grpc.ClientConn) error {
		return jamfFailure(calls(ctx, usherv1.NewJamfProServiceClient(connection)))
	})
}

// jamfFailure returns err as its failure in [jamfFailures], or unchanged.
func jamfFailure(err error) error {
	for _, one := range jamfFailures {
		if status.Code(err) == one.status && contract.Reason(err) == one.reason {
			return &answer.Failure{Code: one.code, Reason: one.name, Message: status.Convert(err).Message(),
				Hint: contract.Metadata(err)[contract.Fix]}
		}
	}
	return err
}
