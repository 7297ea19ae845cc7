package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// shared lets examinations share looks. A look under way is joined, and its answer is kept for a while.
type shared struct {
	mu    sync.Mutex
	looks map[string]*look
}

// look is under way until done is closed. Then answer and err are set, and nobody changes them.
type look struct {
	began  time.Time
	done   chan struct{}
	answer any
	err    error

	// mu of [shared] guards the fields below. waiting is the number of callers that wait; cancel ends the look when it
	// reaches 0.
	waiting int
	cancel  context.CancelFunc
}

// do returns the answer of the look of that name that is under way, or that began at notBefore or later. If there is
// none, it looks. The look ends when all callers that wait for it have given up, and do returns once it has ended.
func (s *shared) do(ctx context.Context, name string, notBefore time.Time, ask func(context.Context) (any, error)) (any,
	error) {
	one := s.join(ctx, name, notBefore, ask)
	select {
	case <-one.done:
		s.leave(name, one)
		return one.answer, one.err
	case <-ctx.Done():
	}
	if s.leave(name, one) {
		<-one.done // nobody else waits for the look that began here
	}
	return nil, fmt.Errorf("wait for %s: %w", name, context.Cause(ctx))
}

// join adds the caller to those that wait for the look, under way or done, and returns it.
func (s *shared) join(ctx context.Context, name string, notBefore time.Time,
	ask func(context.Context) (any, error)) *look {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.looks[name]; one != nil && (!one.ended() || !one.began.Before(notBefore)) {
		one.waiting++
		return one
	}
	for other, one := range s.looks {
		if one.ended() && time.Since(one.began) > longestKept {
			delete(s.looks, other)
		}
	}
	looking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	one := &look{began: time.Now(), done: make(chan struct{}), waiting: 1, cancel: cancel}
	if s.looks == nil {
		s.looks = make(map[string]*look)
	}
	s.looks[name] = one
	go func() { // the callers that wait own it: the last one to leave ends it
		defer close(one.done)
		one.answer, one.err = ask(looking)
	}()
	return one
}

// leave reports whether this ended the look. A look that ended so is not kept.
func (s *shared) leave(name string, one *look) (givenUp bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.waiting--; one.waiting > 0 {
		return false
	}
	one.cancel()
	if one.ended() {
		return false
	}
	if s.looks[name] == one {
		delete(s.looks, name)
	}
	return true
}

func (l *look) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}
