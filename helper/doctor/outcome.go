package doctor

import (
	"context"
	"fmt"
	"math"

	"usher.internal/internal/accounts"
	"usher.internal/internal/oneline"
)

// Result is the result of a check. The names are those of the contract's CheckResult.
type Result string

// The results, the worst last.
const (
	NotApplicable Result = "NOT_APPLICABLE"
	OK            Result = "OK"
	Warning       Result = "WARNING"
	Failed        Result = "FAILED"
)

// Outcome is the observed state of one precondition.
type Outcome struct {
	// Name is stable, for example company-portal-installed. Title describes it in a few words.
	Name, Title string
	Result      Result
	// Evidence is the observation, and Fix the advice, a sentence each; Fix may be empty.
	Evidence, Fix string
	// User is the user that it is about; the zero value is the computer.
	User accounts.User

	// notSeen: no problem is known that the table's fix would solve. claimed: a user's agent says so, with its own fix.
	notSeen, claimed bool
}

func ok(format string, arguments ...any) Outcome {
	return Outcome{Result: OK, Evidence: fmt.Sprintf(format, arguments...)}
}

func notApplicable(format string, arguments ...any) Outcome {
	return Outcome{Result: NotApplicable, Evidence: fmt.Sprintf(format, arguments...)}
}

func warning(format string, arguments ...any) Outcome {
	return Outcome{Result: Warning, Evidence: fmt.Sprintf(format, arguments...)}
}

func failed(format string, arguments ...any) Outcome {
	return Outcome{Result: Failed, Evidence: fmt.Sprintf(format, arguments...)}
}

// couldNotLook is a warning, because no problem is known.
func couldNotLook(err error) Outcome {
	return Outcome{Result: Warning, notSeen: true,
		Evidence: "Could not look: " + oneline.Of(err.Error(), math.MaxInt) + "."}
}

// one makes a look with a single outcome.
func one(look func(ctx context.Context) (Outcome, error)) func(ctx context.Context) ([]Outcome, error) {
	return func(ctx context.Context) ([]Outcome, error) {
		found, err := look(ctx)
		return []Outcome{found}, err
	}
}
