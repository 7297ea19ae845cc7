package jamfpro

import (
	"context"
	"sync/atomic"
	"time"

	"usher.internal/internal/wpj"
)

// askedAgainAfter is how long Jamf Pro is not asked again for a look after it could not be asked: any user can cause
// looks, and each would fetch a token.
const askedAgainAfter = time.Minute

// viewedWithin is how long Jamf Pro may take for a look, in all: a user waits for that.
const viewedWithin = 15 * time.Second

// Viewer asks Jamf Pro how it sees this Mac, and not again at once where it cannot be asked. It may be used by several
// goroutines.
type Viewer struct {
	Client *Client
	// Computer finds this Mac in Jamf Pro.
	Computer func(context.Context) (Selector, error)
	// notAsked is the last evidence that Jamf Pro could not be asked.
	notAsked atomic.Pointer[wpj.Evidence]
}

// Evidence returns what Jamf Pro says of this Mac. It never fails: that it could not look is evidence too.
func (v *Viewer) Evidence(ctx context.Context) wpj.Evidence {
	if last := v.notAsked.Load(); last != nil && time.Since(last.ObservedAt) < askedAgainAfter {
		return *last
	}
	var evidence wpj.Evidence
	asking, cancel := context.WithTimeout(ctx, viewedWithin)
	defer cancel()
	selector, err := v.Computer(asking)
	if err != nil {
		evidence = wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleFailed,
			Detail: err.Error(), ObservedAt: time.Now()}
	} else {
		evidence = v.Client.ComplianceEvidence(asking, selector)
	}
	if evidence.Finding == wpj.CouldNotLook && ctx.Err() == nil {
		v.notAsked.Store(&evidence)
	}
	return evidence
}

// AskAgain has the next look ask Jamf Pro, whatever it said before.
func (v *Viewer) AskAgain() { v.notAsked.Store(nil) }
