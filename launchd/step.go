package launchd

import (
	"context"
	"errors"
	"fmt"
)

// Result is what came of a step.
type Result string

// The results of a step.
const (
	Done      Result = "done"
	Unchanged Result = "unchanged"
	// Would is that a dry run has left it undone.
	Would Result = "would"
	// Later is that it cannot be done now and need not be: it comes about at the next login.
	Later  Result = "later"
	Failed Result = "failed"
)

// Outcome is one step that was looked at, and done if need be.
type Outcome struct {
	// Step says what, for example "write /usr/local/usher/usherd"; Detail why, or what went wrong.
	Step   string `json:"step"`
	Result Result `json:"result"`
	Detail string `json:"detail,omitempty"`
}

// step is one thing that has to be so.
type step struct {
	what string
	// needed tells why the step has to be done; empty when it is so already.
	needed func(context.Context) (why string, err error)
	// do does it, and may tell more about it. An error that wraps [ErrNoDomain] does not stop the steps after it.
	do func(context.Context) (detail string, err error)
	// goesOn says that the steps after it are done also when it fails: of taking things away as much is done as can be.
	goesOn bool
}

// take goes through the steps and reports each. It stops at the first one that fails, unless that one says otherwise.
func (i *Installer) take(ctx context.Context, steps []step) error {
	var failed []error
	for _, one := range steps {
		outcome, err := i.look(ctx, one)
		i.Report(outcome)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", one.what, err))
			if !one.goesOn || ctx.Err() != nil {
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
