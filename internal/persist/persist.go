// Package persist has a program that cannot do its work now wait inside, and try again, rather than end.
//
// launchd takes no exit code for an answer: a job with KeepAlive is started again every ThrottleInterval, for ever [LAUNCHCTL]. Each
// start costs a check of the program's signature and some lines of a log that nobody reads.
package persist

import (
	"context"
	"errors"
	"time"
)

// The pauses between two tries double from the first to the longest. What ran for as long as the longest one begins with the first
// again: it worked.
const (
	FirstPause   = time.Minute
	LongestPause = 15 * time.Minute
)

// Final has [Until] return err, which trying again cannot change.
func Final(err error) error { return &finalError{err} }

type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// Until calls try until it returns nil, until it returns an error that [Final] has made, which it returns without that, or until ctx
// ends; then it returns nil. After another error it calls wait, which returns when something has changed that try depends on, after the
// pause at the latest, and when ctx ends.
func Until(ctx context.Context, try func(context.Context) error, wait func(ctx context.Context, failed error, pause time.Duration)) error {
	for pause := FirstPause; ; pause = min(2*pause, LongestPause) {
		begun := time.Now()
		err := try(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if final, ok := errors.AsType[*finalError](err); ok {
			return final.err
		}
		if time.Since(begun) >= LongestPause {
			pause = FirstPause
		}
		wait(ctx, err, pause)
		if ctx.Err() != nil {
			return nil
		}
	}
}
