package delivery

import (
	"time"

	"usher.internal/internal/backoff"
)

// retries bound the wait after each failed attempt, with full jitter, so that a fleet that lost its server together
// does not come back together.
var retries = backoff.Pauses{First: 2 * time.Second, Longest: 15 * time.Minute}

// journalPauses are the pauses after the journal could not be read or written.
var journalPauses = backoff.Pauses{First: time.Second, Longest: time.Minute}

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

func anyUpTo(most time.Duration) time.Duration { return backoff.Between(0, most) }
