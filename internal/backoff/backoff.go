// Package backoff says how long to wait before something is tried again: pauses that double, with jitter.
//
// Jitter is for what many Macs ask of one server, since they all fail at the same moment. What a program asks of its
// own Mac (its journal, its agent, usherd) has none.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses are the pauses of one thing that fails. Its fields are set before it is used; a copy of a value that was not
// used begins with the first pause. It is for one goroutine.
type Pauses struct {
	// First bounds the pause after the first failure. The bound doubles with each failure, up to Longest.
	First, Longest time.Duration
	// Jitter is the share of each pause that is drawn at random: 0.5 makes it between half of its bound and the bound.
	Jitter float64

	failures int
}

// Next returns the pause after one more failure.
func (p *Pauses) Next() time.Duration {
	p.failures++
	return p.After(p.failures)
}

// Reset has the next failure be the first one.
func (p *Pauses) Reset() { p.failures = 0 }

// Failures is how often [Pauses.Next] was called since the beginning, or the last [Pauses.Reset].
func (p *Pauses) Failures() int { return p.failures }

// Wait waits for [Pauses.Next]. It returns false when ctx ended first.
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

// Bound returns the longest pause that there can be after so many failures in a row.
func (p Pauses) Bound(failures int) time.Duration {
	bound := p.First
	for n := 1; n < failures && bound < p.Longest; n++ {
		bound *= 2
	}
	return min(bound, p.Longest)
}

// Between returns a time between two, both included, all equally likely.
func Between(least, most time.Duration) time.Duration { return least + rand.N(most-least+1) }
