package ctl

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"usher.internal/ctl/explain"
)

// textArguments lets a command's arguments begin with a minus sign: "usherctl explain -25308" asks for an error code,
// and -25308 is not a flag. Such an argument gets a leading blank, so the flag parser takes it for an argument,
// wherever it is. Everything else that begins with a minus sign is a flag, and an error if no flag has this name.
func textArguments(root *cobra.Command, arguments []string) []string {
	command, _, err := root.Find(arguments)
	if err != nil || command.Annotations[explain.ReadsText] == "" {
		return arguments
	}
	prepared := slices.Clone(arguments)
	isBehind, takesValue := false, false
	for i, argument := range prepared {
		switch {
		case argument == "--":
			return prepared
		case takesValue:
			takesValue = false
		case !isBehind:
			isBehind = argument == command.Name()
			takesValue = !isBehind && wantsValue(root.PersistentFlags(), argument)
		case beginsWithNumber(argument):
			prepared[i] = " " + argument
		default:
			takesValue = wantsValue(root.PersistentFlags(), argument)
		}
	}
	return prepared
}

// beginsWithNumber reports whether an argument that begins with a minus sign is text: a number, or a line of a list.
func beginsWithNumber(argument string) bool {
	rest, ok := strings.CutPrefix(argument, "-")
	return ok && rest != "" && ('0' <= rest[0] && rest[0] <= '9' || rest[0] == ' ' || rest[0] == '\t')
}

// wantsValue reports whether an argument is a flag whose value is the next one.
func wantsValue(flags *pflag.FlagSet, argument string) bool {
	name, ok := strings.CutPrefix(argument, "--")
	if !ok || strings.Contains(name, "=") {
		return false
	}
	flag := flags.Lookup(name)
	return flag != nil && flag.NoOptDefVal == ""
}
