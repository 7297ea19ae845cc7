// Package usage has what usherctl's commands share about their use: groups, limits, and messages about a wrong flag.
package usage

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Group is a command that only holds others. By itself it prints its help, and ends as wrong usage.
func Group(use, short string, commands ...*cobra.Command) *cobra.Command {
	command := &cobra.Command{
		Use: use, Short: short, Args: unknownCommand, SuggestionsMinimumDistance: 2,
		RunE: func(command *cobra.Command, _ []string) error {
			if json, _ := command.Flags().GetBool("json"); !json {
				if err := command.Help(); err != nil {
					return err
				}
			}
			return fmt.Errorf("%s needs a command", command.CommandPath())
		},
	}
	command.AddCommand(commands...)
	return command
}

// unknownCommand refuses arguments of a command that has only subcommands, and suggests the intended one.
func unknownCommand(command *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", arguments[0], command.CommandPath())
	if meant := command.SuggestionsFor(arguments[0]); len(meant) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(meant, " or "))
	}
	return err
}

// ValidLimit returns an error for an impossible number of rows.
func ValidLimit(limit int32) error {
	if limit < 0 {
		return fmt.Errorf("--limit is %d, and cannot be negative; 0 is the default", limit)
	}
	return nil
}

// Wrong returns an error of cobra without the standard library's text about values that it cannot parse.
func Wrong(err error) string {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err.Error()
	}
	_, isNumber := errors.AsType[*strconv.NumError](invalid)
	wants := ""
	switch kind := invalid.GetFlag().Value.Type(); {
	case errors.Is(invalid, strconv.ErrRange):
		return fmt.Sprintf("--%s is %q, and cannot be that large or small", invalid.GetFlag().Name, invalid.GetValue())
	case isNumber && kind == "bool":
		wants = "true or false"
	case isNumber:
		wants = "a number"
	case kind == "duration" && strings.HasPrefix(invalid.Unwrap().Error(), "time: "):
		wants = "a duration, such as 90s or 10m"
	default:
		return err.Error()
	}
	return fmt.Sprintf("--%s is %s, and not %q", invalid.GetFlag().Name, wants, invalid.GetValue())
}
