package doctor

import (
	"context"
	"fmt"
	"math"

	"usher.internal/internal/accounts"
	"usher.internal/internal/oneline"
)

// Result is what a check came to. The names are those of the contract's CheckResult.
type Result string

// The results, the gravest last.
const (
	NotApplicable Result = "NOT_APPLICABLE"
	OK            Result = "OK"
	Warning       Result = "WARNING"
	Failed        Result = "FAILED"
)

// Outcome is one precondition as it was seen.
type Outcome struct {
	// Name is stable, for example company-portal-installed; Title says it in a few words.
	Name, Title string
	Result      Result
	// Evidence is what was seen and Fix what to do, a sentence each; Fix may be empty.
	Evidence, Fix string
	// User is whom it is about; the zero value is the computer.
	User accounts.User

	// notSeen: nothing is known that the table's fix would mend. claimed: a user's agent says so, with a fix of its
	// own.
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

// couldNotLook is a warning, for nothing is known to be wrong.
func couldNotLook(err error) Outcome {
	return Outcome{Result: Warning, notSeen: true,
		Evidence: "Could not look: " + oneline.Of(err.Error(), math.MaxInt) + "."}
}

// one is a look that comes to one outcome.
func one(look func(ctx context.Context) (Outcome, error)) func(ctx context.Context) ([]Outcome, error) {
	return func(ctx context.Context) ([]Outcome, error) {
		found, err := look(ctx)
		return []Outcome{found}, err
	}
}
