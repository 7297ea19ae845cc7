package timeline

import (
	"slices"
	"strings"
	"time"

	"usher.internal/internal/event"
	"usher.internal/internal/wpj"
)

// story is what an attempt's events show together. An index of -1 means that the event is missing.
type story struct {
	*attempt
	launch, signIn, token, device, join, certificate, joined, exit, acquired, ended int
	// cause is the first trouble that was not overcome.
	cause int
}

func newStory(a *attempt) *story {
	first := func(names ...string) int {
		return slices.IndexFunc(a.events, func(f found) bool { return slices.Contains(names, f.Name) })
	}
	s := &story{
		attempt: a,
		launch:  first(event.PortalLaunching, "usher-waiting-for-sign-in", event.PortalStarted),
		signIn:  first(event.SignInStarted), token: first(event.TokenFetched, event.SignInFinished),
		device: first(event.DeviceRegistered),
		join:   first(event.JoinCompleted), certificate: first(event.CertificateStored),
		joined: first(event.JoinedState, "device-joined"),
		exit:   first(event.PortalExited, event.PortalFailed), acquired: first(event.IdentityAcquired), ended: -1,
		cause: -1,
	}
	for i, f := range a.events {
		if f.Source == "usher" && f.known.Ends {
			s.ended = i
		}
	}
	s.cause = s.cancelled(s.firstCause())
	if s.cause >= 0 && s.events[s.cause].Name == event.AcquireTokenFailed {
		s.cause = s.sameEnd(s.cause, func(f found) bool { // this event has the code of the reason
			return isKnownTrouble(f) && f.known.Phase == event.SignIn && f.Name != event.SignInFailed &&
				f.Name != event.AcquireTokenFailed
		})
	}
	if s.exitedWith(wpj.ExitUserAbandoned) && s.cause >= 0 && (isPassingTrouble(s.events[s.cause]) ||
		slices.Contains([]string{event.SignInFailed, event.SignInStopped}, s.events[s.cause].Name)) {
		s.cause = s.exit // Company Portal itself says why the sign-in ended
	}
	return s
}

// firstCause finds the trouble that caused the rest: the first trouble without later progress beyond its phase. An end
// event only says that something failed. Such an event, or an error that usher does not know, is the cause only if
// there is no other.
func (s *story) firstCause() int {
	for _, rank := range []func(found) bool{isKnownTrouble, isPassingTrouble, isUnknownTrouble, isFailedEnd} {
		for i, f := range s.events {
			if rank(f) && !s.overcome(i) {
				return i
			}
		}
	}
	return -1
}

func isFailedEnd(f found) bool {
	return f.Class == event.Trouble && (f.Name == event.PortalFailed || f.known.Ends)
}

func isUnknownTrouble(f found) bool {
	return f.Class == event.Trouble && (f.Name == event.ErrorWritten || f.Name == event.StepFailed)
}

func isPassingTrouble(f found) bool { return f.Class == event.Trouble && f.known.Passing }

func isKnownTrouble(f found) bool {
	return f.Class == event.Trouble && !isFailedEnd(f) && !isUnknownTrouble(f) && !isPassingTrouble(f)
}

// sameEnd is how far apart the entries about one end of a sign-in may be.
const sameEnd = 10 * time.Second

// cancelled returns the cancellation of a sign-in if a cause only says that the sign-in ended. Programs write several
// entries about one end, and not always the reason first.
func (s *story) cancelled(cause int) int {
	if cause < 0 || !slices.Contains(
		[]string{event.SignInFailed, event.SignInStopped, event.SignInFlowFailed, event.AcquireTokenFailed,
			"service-token-failed", "token-failed"}, s.events[cause].Name) {
		return cause
	}
	return s.sameEnd(cause, func(f found) bool { return f.known.Cancels })
}

// sameEnd returns the first event about the same end of a sign-in that says more than the cause. If there is none, it
// returns the cause.
func (s *story) sameEnd(cause int, saysMore func(found) bool) int {
	for i := cause + 1; i < len(s.events); i++ {
		f := s.events[i]
		if f.Time.At.Sub(s.events[cause].Time.At) > sameEnd || beginning(f) == startsSignIn {
			break
		}
		if saysMore(f) {
			return i
		}
	}
	return cause
}

// quietPassing turns trouble that passed by itself into noise.
func (s *story) quietPassing(outcome Outcome) {
	for i := range s.events {
		if f := &s.events[i]; f.known.Passing && (outcome != Failed || i != s.cause) {
			f.Class, f.Consequence, f.Advice = event.Noise, false, ""
		}
	}
}

// overcome reports whether the registration later got beyond the phase of a trouble, or an event says that the trouble
// is over. A user who cancels a sign-in and begins another one has changed their mind.
func (s *story) overcome(trouble int) bool {
	known := s.events[trouble].known
	phase := known.Phase.Order()
	for i, f := range s.events[trouble+1:] {
		if slices.Contains(f.known.Settles, known.Name) && !s.fails(trouble+2+i, f.Name) ||
			(known.Cancels || known.Name == event.SignInStopped) && beginning(f) == startsSignIn {
			return true
		}
		// A start proves nothing, and neither does the end of Company Portal.
		if f.Class != event.Progress || beginning(f) != noBeginning || f.Name == event.PortalExited ||
			strings.HasPrefix(f.Name, "usher-") && !f.known.Ends {
			continue
		}
		if f.known.Phase.Order() >= phase {
			return true
		}
	}
	return false
}

// fails reports whether a script fails from an event on, after another one succeeded. Then the success proves nothing
// about the package that the policy lacks.
func (s *story) fails(from int, settledBy string) bool {
	return settledBy == event.ScriptRan &&
		slices.ContainsFunc(s.events[from:], func(f found) bool { return f.Name == event.ScriptFailed })
}

// registered reports whether anything shows that the device was registered.
func (s *story) registered() bool {
	return s.device >= 0 || s.join >= 0 || s.certificate >= 0 || s.joined >= 0 || s.acquired >= 0 ||
		s.ended >= 0 && s.events[s.ended].Name == "usher-registration-succeeded"
}

func (s *story) exitedWith(code wpj.ExitCode) bool {
	return s.exit >= 0 && s.events[s.exit].exit == code
}

func (s *story) outcome() Outcome {
	if s.ended >= 0 {
		switch s.events[s.ended].Name {
		case "usher-registration-succeeded":
			return Succeeded
		case "usher-registration-cancelled":
			return Cancelled
		}
	}
	if s.acquired >= 0 && s.registered() {
		return Succeeded
	}
	silent := s.wentSilent()
	switch {
	case s.exitedWith(wpj.ExitSuccess) && s.registered() && s.ended < 0:
		return Succeeded
	case s.cause >= 0 && s.events[s.cause].known.Cancels:
		return Cancelled
	case silent:
		return Silent
	case s.exitedWith(wpj.ExitUserAbandoned) && (s.cause < 0 || isFailedEnd(s.events[s.cause])):
		return Cancelled
	case s.ended >= 0, s.exit >= 0:
		return Failed
	case s.cause >= 0 && !isUnknownTrouble(s.events[s.cause]) && !isPassingTrouble(s.events[s.cause]) &&
		s.last().Sub(s.events[s.cause].Time.At) < time.Minute:
		return Failed
	}
	return Unfinished
}

// wentSilent reports whether the user signed in, and then neither a registration nor an error followed. This happens
// when Entra does not let the user join devices [MS-PTS].
func (s *story) wentSilent() bool {
	if s.registered() || s.cause >= 0 && !isFailedEnd(s.events[s.cause]) && !isPassingTrouble(s.events[s.cause]) {
		return false
	}
	over := s.exitedWith(wpj.ExitSuccess) || s.exitedWith(wpj.ExitUserAbandoned) && s.token >= 0 ||
		s.exit < 0 && s.ended >= 0 && s.token >= 0
	return over && (s.token >= 0 || s.exitedWith(wpj.ExitSuccess))
}

// end is when the attempt was over.
func (s *story) end() time.Time {
	for _, at := range []int{s.ended, s.acquired} {
		if at >= 0 {
			return s.events[at].Time.At
		}
	}
	return s.last()
}

// markConsequences marks the trouble that followed from the first cause.
func (s *story) markConsequences() {
	if s.cause < 0 {
		return
	}
	for i := s.cause + 1; i < len(s.events); i++ {
		if s.events[i].Class == event.Trouble {
			s.events[i].Consequence = true
		}
	}
	// Lesser trouble before the cause is its neighbour, not its cause.
	s.events[s.cause].Consequence = false
}
