package foreign

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrTooSlow is wrapped when a read did not end in time.
var ErrTooSlow = errors.New("it did not answer in time")

// turns holds a token for every path that [ReadWithin] has read. The holder of the token reads.
var turns sync.Map // of string to chan struct{}

// ReadWithin is [Read] for a file that may be on a server, or in a user's file system, that does not answer. It returns
// within that time or when ctx ends. The error wraps [ErrTooSlow] or the cause of ctx.
//
// Nothing can interrupt the kernel's wait. A hanging read is left behind; it is the one goroutine that nobody waits
// for. No other read of that path begins before it has ended, so at most one per path hangs, and paths are few.
func ReadWithin(ctx context.Context, path string, limit int64, within time.Duration) ([]byte, error) {
	return readWithin(ctx, path, within, func() ([]byte, error) { return Read(path, limit) })
}

func readWithin(ctx context.Context, path string, within time.Duration, read func() ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("%w: it took longer than %s", ErrTooSlow, within))
	defer cancel()
	token, _ := turns.LoadOrStore(path, make(chan struct{}, 1))
	turn := token.(chan struct{})
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w, and an earlier read of it has not ended", path, context.Cause(ctx))
	}
	type result struct {
		content []byte
		err     error
	}
	done := make(chan result, 1)
	go func() {
		content, err := read()
		<-turn
		done <- result{content, err}
	}()
	select {
	case got := <-done:
		return got.content, got.err
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", path, context.Cause(ctx))
	}
}
