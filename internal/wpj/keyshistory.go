package wpj

import (
	"slices"
	"time"
)

// The limits after which [PlatformSSOUserNeedsNewKeys] is no longer expected to pass by itself.
const (
	// keysLostAfter is how long the user has been asked to sign in again while there was a network.
	keysLostAfter = 24 * time.Hour
	// keysLostTimes is how many separate times that happened within keysWindow.
	keysLostTimes = 3
	keysWindow    = 7 * 24 * time.Hour
	// longestGap is the most that the time between two looks can add: the Mac may have slept meanwhile.
	longestGap = 8 * time.Hour
)

// KeysHistory is when Platform SSO said that a user needs new keys (state 1). macOS also says so temporarily, for
// example while there is no network [PSSO-DEC]. [Evaluate] therefore makes it PENDING at first. The zero value means
// that it was never seen.
type KeysHistory struct {
	// Since is when the state was first seen without another one in between. It is zero unless it was the last state
	// seen.
	Since time.Time `json:"since,omitzero"`
	// LastSeen is when it was last seen. LastOnline says whether there was a network then.
	LastSeen   time.Time `json:"last_seen,omitzero"`
	LastOnline bool      `json:"last_online,omitempty"`
	// Online is how long there was a network since Since.
	Online time.Duration `json:"online,omitempty"`
	// Times are when each separate time began, the oldest first. Times older than a week are left out.
	Times []time.Time `json:"times,omitempty"`
}

// After returns the history after a look at now. The evidence of that look may or may not show the user's state. online
// reports whether this Mac had a network then.
func (h KeysHistory) After(evidence []Evidence, now time.Time, online bool) KeysHistory {
	h.Times = slices.DeleteFunc(slices.Clone(h.Times),
		func(began time.Time) bool { return began.Before(now.Add(-keysWindow)) || began.After(now) })
	switch needsKeys, known := saysNewKeys(evidence); {
	case !known: // it does not last longer, and is not over
		h.LastOnline = false
	case !needsKeys:
		h = KeysHistory{Times: h.Times}
	case h.Since.IsZero():
		h = KeysHistory{Since: now, LastSeen: now, LastOnline: online, Times: append(h.Times, now)}
	default:
		if h.LastOnline && online {
			h.Online += max(0, min(now.Sub(h.LastSeen), longestGap)) // 0 if the clock was set back
		}
		// A clock that is set forward and back again adds nothing: the time cannot exceed the time since then.
		if now.Before(h.Since) {
			h.Since = now
		}
		h.Online = min(h.Online, now.Sub(h.Since))
		h.LastSeen, h.LastOnline = now, online
	}
	if excess := len(h.Times) - keysLostTimes; excess > 0 {
		h.Times = h.Times[excess:]
	}
	return h
}

// saysNewKeys reports whether Microsoft's Platform SSO says that the user needs new keys, and whether it shows the
// user's state at all.
func saysNewKeys(evidence []Evidence) (needsNewKeys, known bool) {
	for _, e := range evidence {
		switch {
		case e.Source != SourcePlatformSSO:
		case e.Finding == NotThere, e.Finding == Found && e.PlatformSSO != nil &&
			e.PlatformSSO.Provider() == ProviderOther:
			known = true
		case e.Finding == Found && e.PlatformSSO != nil && e.PlatformSSO.Provider() == ProviderMicrosoft:
			state, _ := ParsePlatformSSOUser(e.PlatformSSO.User)
			notRegistered := e.PlatformSSO.Device == SectionRead &&
				(!e.PlatformSSO.RegistrationCompleted || e.PlatformSSO.UserSection == SectionNull)
			known = known || notRegistered || state != PlatformSSOUserUnknown
			needsNewKeys = needsNewKeys || state == PlatformSSOUserNeedsNewKeys && !notRegistered
		}
	}
	return needsNewKeys, known
}

// lost reports whether the state has lasted so long, or has occurred so often, that the keys are considered lost.
func (h KeysHistory) lost(now time.Time) bool {
	recent := 0
	for _, began := range h.Times {
		if !began.Before(now.Add(-keysWindow)) && !began.After(now) {
			recent++
		}
	}
	return h.Online >= keysLostAfter || recent >= keysLostTimes
}
