package installer

import (
	"errors"
	"fmt"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/terminal"
	"usher.internal/launchd"
)

// printSteps prints each step when it is done, and returns the list that gathers them.
func (c commands) printSteps(installer *launchd.Installer) *[]launchd.Outcome {
	var steps []launchd.Outcome
	if c.Person && !c.JSON {
		// Stopping a service can take half a minute; the result replaces the line.
		installer.Begin = func(what string) { fmt.Fprintf(c.Out, "…          %s", terminal.Plain(what)) }
	}
	installer.Report = func(outcome launchd.Outcome) {
		steps = append(steps, outcome)
		if c.JSON {
			return
		}
		if installer.Begin != nil {
			fmt.Fprint(c.Out, "\r\x1b[K")
		}
		line := fmt.Sprintf("%-10s %s", outcome.Result, outcome.Step)
		if outcome.Detail != "" {
			line += ": " + outcome.Detail
		}
		fmt.Fprintln(c.Out, terminal.Plain(line))
	}
	return &steps
}

// endOfSteps ends a command whose steps were printed.
func (c commands) endOfSteps(steps []launchd.Outcome, err error) error {
	if c.JSON {
		if printErr := c.Print(map[string]any{"steps": steps}); printErr != nil {
			return printErr
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, launchd.ErrNotInstalled):
		return &answer.Failure{Code: answer.ExitNoHelper, Reason: "NOT_INSTALLED", Message: err.Error(),
			Hint: "sudo ./usherctl install, where usher was unpacked"}
	case errors.Is(err, launchd.ErrNoPrograms):
		return &answer.Failure{Code: answer.ExitNotFound, Reason: "PROGRAMS_NOT_FOUND", Message: err.Error(),
			Hint: "--from names the directory that usher was unpacked to"}
	}
	return &answer.Failure{Code: answer.ExitDefect, Reason: "INSTALL_FAILED", Message: err.Error(),
		Hint: "fix it and run the same command again: it skips the steps that are done"}
}
