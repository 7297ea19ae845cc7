package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"usher.internal/internal/wpj"
)

// explanation is an exit code, as --json prints it.
type explanation struct {
	Code int    `json:"code"`
	Name string `json:"name"`
	// Program is whose exit code it is.
	Program      string `json:"program"`
	Admin        string `json:"admin"`
	User         string `json:"user"`
	RetryCanHelp bool   `json:"retry_can_help"`
}

// explanations returns all exit codes: Company Portal's, which usherctl hands on, and usherctl's own.
func explanations() (all []explanation) {
	for _, info := range wpj.ExitCodes() {
		all = append(all, explanation{int(info.Code), info.Name, "Company Portal", info.Admin, info.User, info.RetryCanHelp})
	}
	for _, own := range exitCodes {
		if own.code != exitPortalDefaultError {
			all = append(all, explanation{int(own.code), own.name, "usherctl", own.meaning + "; what a policy does: " + own.policy, "", own.retry})
		}
	}
	return all
}

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain [CODE]",
		Short:   "Explain the exit codes of Company Portal and of usherctl",
		Example: "  usherctl explain 66",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return a.explainAll()
			}
			number, err := strconv.Atoi(arguments[0])
			if err != nil {
				return fmt.Errorf("exit code %q is not a number", arguments[0])
			}
			found := slices.DeleteFunc(explanations(), func(one explanation) bool { return one.Code != number })
			if len(found) == 0 {
				return &failure{code: exitNotFound, reason: "EXIT_CODE_NOT_KNOWN",
					message: fmt.Sprintf("%d is not an exit code that Company Portal or usherctl is known to have", number), hint: "`usherctl explain` lists them"}
			}
			if a.json {
				return a.printValue(found)
			}
			for _, one := range found {
				fmt.Fprintf(a.stdout, "%d %s (%s)\n", one.Code, one.Name, one.Program)
				field(a.stdout, "admin", one.Admin)
				field(a.stdout, "user", one.User)
				field(a.stdout, "trying again", map[bool]string{true: "can help", false: "cannot help by itself"}[one.RetryCanHelp])
			}
			return nil
		},
	}
}

func (a *app) explainAll() error {
	all := explanations()
	if a.json {
		return a.printValue(all)
	}
	var rows [][]string
	for _, one := range all {
		rows = append(rows, []string{strconv.Itoa(one.Code), one.Program, one.Name, one.Admin})
	}
	a.table([]string{"CODE", "OF", "NAME", "MEANING"}, rows)
	return nil
}
