package delivery

import (
	"math/rand/v2"
	"time"
)

// Backoff says how long to wait before the next attempt. The zero value means the defaults.
type Backoff struct {
	// Base bounds the wait after the first attempt, 2 s by default; it doubles with each.
	Base time.Duration
	// Cap is what the wait never exceeds, 15 min by default.
	Cap time.Duration
	// Random returns a duration of 0 up to and including most; nil means evenly spread ones.
	Random func(most time.Duration) time.Duration
}

const (
	// maximumAfter bounds what a [RetryError] may ask for.
	maximumAfter = time.Hour
	// refusedPause is until a refused delivery is tried again: somebody may have changed something in Jamf Pro.
	// refusedJitter comes on top, and spreads the Macs of a fleet that were refused together.
	refusedPause  = 24 * time.Hour
	refusedJitter = 4 * time.Hour
	// networkJitter spreads the attempts after a network change: a whole office comes back at once.
	networkJitter = 5 * time.Second
	// networkPause is the least time between two network changes that are heeded, for a network that comes and goes.
	networkPause = 30 * time.Second
)

func (b Backoff) withDefaults() Backoff {
	if b.Base <= 0 {
		b.Base = 2 * time.Second
	}
	if b.Cap <= 0 {
		b.Cap = 15 * time.Minute
	}
	if b.Random == nil {
		b.Random = func(most time.Duration) time.Duration { return rand.N(most + 1) }
	}
	return b
}

// wait returns a time anywhere between zero and the bound for so many failed attempts ("full jitter"), so that a fleet
// that lost its server together does not come back together.
func (b Backoff) wait(attempts int) time.Duration { return b.Random(b.bound(attempts)) }

// bound is what the wait after so many failed attempts never exceeds.
func (b Backoff) bound(attempts int) time.Duration {
	// Beyond 2^20 bases the cap is reached with any sensible base, and shifting further would overflow.
	if doublings := attempts - 1; doublings < 20 {
		return min(b.Base<<max(doublings, 0), b.Cap)
	}
	return b.Cap
}
