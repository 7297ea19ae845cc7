package launchd

import (
	"context"
	"errors"
	"fmt"
)

// Result is the result of a step.
type Result string

// The results of a step.
const (
	Done      Result = "done"
	Unchanged Result = "unchanged"
	// Would means that a dry run has left it undone.
	Would Result = "would"
	// Later means that it cannot be done now and need not be: it happens at the next login.
	Later  Result = "later"
	Failed Result = "failed"
)

// Outcome is one step that was checked, and done if necessary.
type Outcome struct {
	// Step names it, for example "write /usr/local/usher/usherd". Detail says why, or what went wrong.
	Step   string `json:"step"`
	Result Result `json:"result"`
	Detail string `json:"detail,omitempty"`
}

// step is one condition that the installer establishes.
type step struct {
	what string
	// needed returns why the step has to be done; empty if it is already done.
	needed func(context.Context) (why string, err error)
	// do does it, and may return a detail. An error that wraps [ErrNoDomain] does not stop the later steps.
	do func(context.Context) (detail string, err error)
	// continues says that the later steps are done even if this one fails. Removing does as much as it can.
	continues bool
}

// take does the steps and reports each. It stops at the first one that fails, unless continues is set.
func (i *Installer) take(ctx context.Context, steps []step) error {
	var failed []error
	for _, one := range steps {
		outcome, err := i.look(ctx, one)
		i.Report(outcome)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", one.what, err))
			if !one.continues || ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(failed...)
}

func (i *Installer) look(ctx context.Context, one step) (Outcome, error) {
	outcome := Outcome{Step: one.what}
	if err := ctx.Err(); err != nil {
		outcome.Result, outcome.Detail = Failed, "interrupted; run it again to finish"
		return outcome, context.Cause(ctx)
	}
	why, err := one.needed(ctx)
	switch {
	case err != nil:
	case why == "":
		outcome.Result = Unchanged
		return outcome, nil
	case i.DryRun:
		outcome.Result, outcome.Detail = Would, why
		return outcome, nil
	default:
		if i.Begin != nil {
			i.Begin(one.what)
		}
		outcome.Result = Done
		outcome.Detail, err = one.do(ctx)
	}
	switch {
	case errors.Is(err, ErrNoDomain):
		outcome.Result, outcome.Detail = Later, "the agent starts at the user's next login: "+err.Error()
		return outcome, nil
	case err != nil:
		outcome.Result, outcome.Detail = Failed, err.Error()
		return outcome, err
	}
	return outcome, nil
}
