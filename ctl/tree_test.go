package ctl

import (
	"testing"

	"github.com/spf13/cobra"

	"usher.internal/ctl/terminal"
)

// The help of usherctl lists each command in a group, and has no list of others.
func TestEveryCommandIsInAGroup(t *testing.T) {
	root := newApp(&terminal.Terminal{}, "").root()
	root.InitDefaultHelpCmd()
	for _, command := range root.Commands() {
		if command.GroupID == "" {
			t.Errorf("%s is in no group", command.CommandPath())
		}
	}
	if !root.AllChildCommandsHaveGroup() {
		t.Error("the help lists commands in no group")
	}
	var titles []string
	for _, group := range root.Groups() {
		titles = append(titles, group.Title)
		if !hasCommand(root, group.ID) {
			t.Errorf("%s has no command", group.Title)
		}
	}
	if len(titles) != 5 {
		t.Errorf("the groups are %q", titles)
	}
}

func hasCommand(root *cobra.Command, group string) bool {
	for _, command := range root.Commands() {
		if command.GroupID == group && command.IsAvailableCommand() {
			return true
		}
	}
	return false
}
