package keychain

import (
	"context"
	"fmt"
)

// inTurn does work with the one token of turn, in a goroutine of its own. The goroutine returns the token when it has
// finished, and inTurn returns its result. It returns when ctx ends, whatever work does. Work that cannot be cut short
// continues and keeps the turn, so there is never more than one such goroutine. whom names in the error who did not
// answer.
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
