package backoff_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/internal/backoff"
)

func TestPausesDoubleUpToTheLongest(t *testing.T) {
	pauses := backoff.Pauses{First: time.Second, Longest: 5 * time.Second}
	for range 2 {
		var got []time.Duration
		for range 5 {
			got = append(got, pauses.Next())
		}
		want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}
		if !slices.Equal(got, want) || pauses.Failures() != len(want) {
			t.Errorf("%v after %d failures, want %v", got, pauses.Failures(), want)
		}
		pauses.Reset()
	}
	for failures, want := range map[int]time.Duration{-1: time.Second, 0: time.Second, 1: time.Second,
		3: 4 * time.Second, math.MaxInt: 5 * time.Second} {
		if got := pauses.Bound(failures); got != want {
			t.Errorf("%s after %d failures, want %s", got, failures, want)
		}
	}
}

// Each pause is within its span, and pauses reach both ends of it.
func TestJitter(t *testing.T) {
	for _, jitter := range []float64{0.5, 0.75, 1} {
		pauses := backoff.Pauses{First: time.Second, Longest: time.Minute, Jitter: jitter}
		bound := 8 * time.Second
		least := bound - time.Duration(jitter*float64(bound))
		shortest, longest := bound, least
		for range 2000 {
			pause := pauses.After(4)
			shortest, longest = min(shortest, pause), max(longest, pause)
		}
		slack := (bound - least) / 20
		if shortest < least || shortest > least+slack || longest > bound || longest < bound-slack {
			t.Errorf("jitter %g: from %s to %s, want %s to %s", jitter, shortest, longest, least, bound)
		}
	}
}

func TestBetweenHasBothEnds(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 1000 {
		seen[backoff.Between(3, 5)] = true
	}
	if len(seen) != 3 || !seen[3] || !seen[5] {
		t.Errorf("drawn: %v", seen)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pauses := backoff.Pauses{First: time.Second, Longest: time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		begun := time.Now()
		if !pauses.Wait(ctx) || time.Since(begun) != time.Second {
			t.Errorf("waited %s", time.Since(begun))
		}
		if pauses.Wait(ctx) || time.Since(begun) != 2500*time.Millisecond {
			t.Errorf("waited %s, and the context has ended", time.Since(begun))
		}
	})
}
