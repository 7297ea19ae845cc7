// Package backoff calculates how long to wait before another try: pauses that double, with jitter.
//
// Jitter is for requests of many Macs to one server, since they all fail at the same moment. Requests of a program to
// its own Mac (its journal, its agent, usherd) have none.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses are the pauses of one operation that fails. Set its fields before its first use. A copy of an unused value
// begins with the first pause. It is for one goroutine.
type Pauses struct {
	// First is the bound of the pause after the first failure. The bound doubles with each failure, up to Longest.
	First, Longest time.Duration
	// Jitter is the random share of each pause: with 0.5, a pause is between half of its bound and the bound.
	Jitter float64

	failures int
}

// Next returns the pause after one more failure.
func (p *Pauses) Next() time.Duration {
	p.failures++
	return p.After(p.failures)
}

// Reset makes the next failure the first one.
func (p *Pauses) Reset() { p.failures = 0 }

// Failures is how often [Pauses.Next] was called since the beginning, or the last [Pauses.Reset].
func (p *Pauses) Failures() int { return p.failures }

// Wait waits for [Pauses.Next]. It returns false if ctx ended first.
func (p *Pauses) Wait(ctx context.Context) bool {
	timer := time.NewTimer(p.Next())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// After returns a pause after so many failures in a row, for a caller that counts them itself.
func (p Pauses) After(failures int) time.Duration {
	bound := p.Bound(failures)
	return Between(bound-time.Duration(p.Jitter*float64(bound)), bound)
}

// Bound returns the longest possible pause after so many failures in a row.
func (p Pauses) Bound(failures int) time.Duration {
	bound := p.First
	for n := 1; n < failures && bound < p.Longest; n++ {
		bound *= 2
	}
	return min(bound, p.Longest)
}

// Between returns a random time between two times, both included. All times are equally likely.
func Between(least, most time.Duration) time.Duration { return least + rand.N(most-least+1) }
