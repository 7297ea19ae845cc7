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

// Finding is one precondition as it was seen.
type Finding struct {
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

func ok(format string, arguments ...any) Finding {
	return Finding{Result: OK, Evidence: fmt.Sprintf(format, arguments...)}
}

func notApplicable(format string, arguments ...any) Finding {
	return Finding{Result: NotApplicable, Evidence: fmt.Sprintf(format, arguments...)}
}

func warning(format string, arguments ...any) Finding {
	return Finding{Result: Warning, Evidence: fmt.Sprintf(format, arguments...)}
}

func failed(format string, arguments ...any) Finding {
	return Finding{Result: Failed, Evidence: fmt.Sprintf(format, arguments...)}
}

// couldNotLook is a warning, for nothing is known to be wrong.
func couldNotLook(err error) Finding {
	return Finding{Result: Warning, notSeen: true,
		Evidence: "Could not look: " + oneline.Of(err.Error(), math.MaxInt) + "."}
}

// one is a look that comes to one finding.
func one(look func(ctx context.Context) (Finding, error)) func(ctx context.Context) ([]Finding, error) {
	return func(ctx context.Context) ([]Finding, error) {
		found, err := look(ctx)
		return []Finding{found}, err
	}
}
