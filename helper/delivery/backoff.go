package delivery

import (
	"time"

	"usher.internal/internal/backoff"
)

// retries bound the wait after each failed attempt, with full jitter. So the Macs of a fleet that lost its server do
// not all return at once.
var retries = backoff.Pauses{First: 2 * time.Second, Longest: 15 * time.Minute}

// journalPauses are the pauses after the journal could not be read or written.
var journalPauses = backoff.Pauses{First: time.Second, Longest: time.Minute}

const (
	// maximumAfter is the upper limit of the pause of a [RetryError].
	maximumAfter = time.Hour
	// refusedPause is the pause before a refused delivery is tried again: the cause in Jamf Pro may have been fixed by
	// then. refusedJitter is added to it, to spread the Macs of a fleet that were refused together.
	refusedPause  = 24 * time.Hour
	refusedJitter = 4 * time.Hour
	// networkJitter spreads the attempts after a network change, since a whole office comes back at once.
	networkJitter = 5 * time.Second
	// networkPause is the least time between two network changes that have an effect, for an unstable network.
	networkPause = 30 * time.Second
)

func anyUpTo(most time.Duration) time.Duration { return backoff.Between(0, most) }
