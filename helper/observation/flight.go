package observation

import (
	"context"
	"errors"
	"sync"
)

// errGivenUp is the cause of the end of a look that nobody waits for any more.
var errGivenUp = errors.New("nobody waits for the look any more")

// flights are looks under way, at most one for each user. A user's requests to look again share it, and cannot queue
// work. The zero value is ready for use, also by several goroutines.
type flights[T any] struct {
	mu sync.Mutex
	// underWay is the look at each user, and ended the last look that has ended.
	underWay, ended map[uint32]*flight[T]
}

// flight is one look. Its context ends when no caller waits for it any more.
type flight[T any] struct {
	ctx     context.Context
	end     context.CancelCauseFunc
	waiting int // guarded by the mutex of flights
	done    chan struct{}
	// found and err are set when done is closed.
	found T
	err   error
}

// join looks at a user, or waits for the look that is under way, and reports which. The caller that looks returns when
// the look has ended. It does so even if its context has ended while others wait. A caller whose context has ended gets
// the error of its context. Any other caller can get an error that wraps [errGivenUp], and may join again. With after,
// which is a look that has ended, join accepts a later look that has ended meanwhile.
func (f *flights[T]) join(ctx context.Context, uid uint32, after *flight[T],
	look func(context.Context) (T, error)) (_ T, one *flight[T], own bool, err error) {
	f.mu.Lock()
	if last := f.ended[uid]; after != nil && last != nil && last != after && !errors.Is(last.err, errGivenUp) {
		f.mu.Unlock()
		return last.found, last, false, last.err
	}
	one = f.underWay[uid]
	if own = one == nil; own {
		one = &flight[T]{done: make(chan struct{})}
		one.ctx, one.end = context.WithCancelCause(context.WithoutCancel(ctx))
		if f.underWay == nil {
			f.underWay, f.ended = make(map[uint32]*flight[T]), make(map[uint32]*flight[T])
		}
		f.underWay[uid] = one
	}
	one.waiting++
	f.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { f.leave(one) })
	defer stop()
	if own {
		one.found, one.err = look(one.ctx)
		if cause := context.Cause(one.ctx); one.err != nil && errors.Is(cause, errGivenUp) {
			one.err = cause
		}
		f.mu.Lock()
		delete(f.underWay, uid)
		f.ended[uid] = one
		f.mu.Unlock()
		close(one.done)
		one.end(nil)
	}
	select {
	case <-one.done:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		var none T
		return none, one, own, context.Cause(ctx)
	}
	return one.found, one, own, one.err
}

// leave ends the look if nobody waits for it any more.
func (f *flights[T]) leave(one *flight[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one.waiting--; one.waiting == 0 {
		one.end(errGivenUp)
	}
}
