package jamfpro

import (
	"context"
	"sync/atomic"
	"time"

	"usher.internal/internal/wpj"
)

// askedAgainAfter is the pause before the next look, after Jamf Pro could not be asked. Any user can cause looks, and
// each look would fetch a token.
const askedAgainAfter = time.Minute

// viewedWithin limits a whole look, because a user waits for it.
const viewedWithin = 15 * time.Second

// Viewer asks Jamf Pro for its view of this Mac. If Jamf Pro cannot be asked, Viewer waits before it asks again.
// Several goroutines may use it.
type Viewer struct {
	Client *Client
	// Computer finds this Mac in Jamf Pro.
	Computer func(context.Context) (Selector, error)
	// notAsked is the last evidence that Jamf Pro could not be asked.
	notAsked atomic.Pointer[wpj.Evidence]
}

// Evidence returns Jamf Pro's view of this Mac. It never fails: a look that was not possible is evidence too.
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

// AskAgain makes the next look ask Jamf Pro, whatever the last evidence is.
func (v *Viewer) AskAgain() { v.notAsked.Store(nil) }
