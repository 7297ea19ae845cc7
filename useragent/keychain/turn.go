package keychain

import (
	"context"
	"fmt"
)

// inTurn has work done with the one token of turn, in a goroutine of its own that hands back the token when it is
// through, and returns what it came to. It returns when ctx ends, whatever work does: what cannot be cut short goes on
// alone and keeps the turn, so that there is never more than one such goroutine. Whom says who did not answer then.
func inTurn[T any](ctx context.Context, turn chan struct{}, whom string, work func() (T, error)) (T, error) {
	var none T
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return none, unanswered(ctx, whom)
	}
	type answer struct {
		result T
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-turn }()
		result, err := work()
		answers <- answer{result, err}
	}()
	select {
	case a := <-answers:
		return a.result, a.err
	case <-ctx.Done():
		return none, unanswered(ctx, whom)
	}
}

func unanswered(ctx context.Context, whom string) error {
	return fmt.Errorf("%w: %s did not answer: %w", ErrUnavailable, whom, context.Cause(ctx))
}
