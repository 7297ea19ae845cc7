package timeline

import (
	"slices"
	"time"

	"usher.internal/internal/event"
)

// boundary is a moment at which a phase begins.
type boundary struct {
	at    time.Time
	phase event.Phase
}

// consentPause is the pause before the keychain is written that shows that a user was asked.
const consentPause = 2 * time.Second

// phases divides the time of an attempt into phases. An event says which phase begins with it. If it has a duration,
// its own phase began that much earlier.
func phases(a *attempt, end time.Time, finished bool) []Phase {
	var bounds []boundary
	completed := false
	begin := func(at time.Time, phase event.Phase) {
		if phase == "" || completed && phase.Order() < event.Closing.Order() {
			return
		}
		if at.Before(a.begin()) {
			at = a.begin()
		}
		// An event's own statement about the time before it replaces earlier assumptions.
		for len(bounds) > 1 && bounds[len(bounds)-1].at.After(at) {
			bounds = bounds[:len(bounds)-1]
		}
		if len(bounds) == 0 || bounds[len(bounds)-1].phase != phase {
			bounds = append(bounds, boundary{at, phase})
		}
	}
	first := a.events[0].known.Phase // an event that ends a phase shows that the phase was active before it
	if first == "" {
		first = event.Preparation
	}
	begin(a.begin(), first)
	previous := a.begin()
	for _, f := range a.events {
		at := f.Time.At
		switch {
		case f.Class == event.Noise:
		case f.Name == event.KeychainChanged:
			if at.Sub(previous) >= consentPause {
				begin(previous, event.Consent)
			}
			begin(at, f.known.Then)
		case f.Name == event.TokenFetched:
			// The user signs in before the token comes, even if no log shows the sign-in.
			if last := &bounds[len(bounds)-1]; last.phase == event.Preparation || last.phase == event.Launch {
				last.phase = event.SignIn
			}
			begin(at.Add(-f.duration), f.known.Phase)
			begin(at, f.known.Then)
		default:
			begin(at, f.known.Then)
		}
		completed = completed || f.Name == event.JoinCompleted
		previous = at
	}
	var result []Phase
	for i, bound := range bounds {
		until := end
		if i+1 < len(bounds) {
			until = bounds[i+1].at
		}
		if !until.After(bound.at) && (i+1 < len(bounds) || finished) {
			continue
		}
		info := bound.phase.Info()
		result = append(result, Phase{Name: bound.phase, Title: info.Title(), Begin: bound.at, End: until,
			Milliseconds: until.Sub(bound.at).Milliseconds(), WaitingFor: info.WaitingFor})
	}
	if len(result) > 0 && !finished {
		result[len(result)-1].Unfinished = true
	}
	return slices.Clip(result)
}
