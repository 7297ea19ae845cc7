package timeline

import (
	"slices"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/internal/lazyregexp"
)

// How far apart events may be and still belong together.
const (
	// policyBefore is how long before Company Portal opens the policy that opens it may have begun.
	policyBefore = 2 * time.Minute
	// sameStart is how far apart different reports of one start may be.
	sameStart = 5 * time.Minute
	// idle ends an attempt without events. It is longer than the longest time that usher gives a user to sign in.
	idle = 2 * time.Hour
	// afterwards is how long events after the end of Company Portal still belong to the attempt.
	afterwards = 30 * time.Minute
	// afterEnd is how long after the last event other logs may report the same end.
	afterEnd = 2 * time.Minute
)

// attempt is an attempt while it is built.
type attempt struct {
	events []found
	user   string
	// registration is usher's id.
	registration string
	// launched is when Company Portal was opened, exited when it ended, ended when the attempt was over.
	launched, exited, ended time.Time
	// advanced is true if events after the start have happened.
	advanced bool
}

// begin is when the first event began.
func (a *attempt) begin() time.Time { return a.events[0].Time.At.Add(-a.events[0].duration) }

func (a *attempt) last() time.Time { return a.events[len(a.events)-1].Time.At }

// over reports whether events at a time can no longer belong to the attempt.
func (a *attempt) over(at time.Time) bool {
	switch since := at.Sub(a.last()); {
	case !a.ended.IsZero():
		return since > afterEnd
	case !a.exited.IsZero():
		return since > afterwards
	default:
		return since > idle
	}
}

func (a *attempt) add(f found) {
	a.events = append(a.events, f)
	if a.user == "" {
		a.user = f.user
	}
	if a.registration == "" {
		a.registration = f.registration
	}
	at := f.Time.At
	switch f.Name {
	case event.PolicyStarted, event.RegistrationStarted, "usher-waiting-for-session":
		return
	case event.PortalLaunching, event.PortalStarted, "usher-launching-portal", "usher-waiting-for-sign-in":
		if a.launched.IsZero() {
			a.launched = at
		}
		return
	case event.PortalExited, event.PortalFailed:
		a.exited = at
	}
	if f.known.Ends {
		a.ended = at
	}
	if f.known.Class != event.Noise {
		a.advanced = true
	}
}

// registrationPolicy recognises policies that register, by the names that admins give them.
var registrationPolicy = lazyregexp.New(
	`(?i)regist|entra|\baad\b|azure|intune|company portal|complian|workplace|wpj|conditional access|usher`)

// attempts divides events, in the order of their times, into attempts. rest is the trouble that belongs to no attempt.
func attempts(events []found) (all []*attempt, rest []found) {
	var open []*attempt
	var policies []found
	start := func(f found) *attempt {
		a := &attempt{}
		for _, policy := range policies {
			if f.Time.At.Sub(policy.Time.At) <= policyBefore {
				a.add(policy)
			}
		}
		policies = nil
		all, open = append(all, a), append(open, a)
		return a
	}
	for _, f := range events {
		at := f.Time.At
		open = slices.DeleteFunc(open, func(a *attempt) bool { return a.over(at) })
		a := openFor(open, f)
		switch kind := beginning(f); {
		case f.Name == event.PolicyStarted && !registrationPolicy.MatchString(f.name):
			if a == nil || !a.ended.IsZero() {
				policies = append(policies, f)
				if len(policies) > 4 {
					policies = policies[1:]
				}
				continue
			}
		case kind == noBeginning:
			if a == nil && !opens(f) {
				if f.known.Class == event.Trouble && !f.known.Passing {
					rest = append(rest, f)
				}
				continue
			}
			if f.known.Class == event.Noise && !a.exited.IsZero() {
				continue // it would only make the attempt longer
			}
			if a == nil {
				a = start(f)
			}
		case a == nil || a.startsAnother(f, kind):
			if a != nil {
				open = slices.DeleteFunc(open, func(other *attempt) bool { return other == a })
			}
			a = start(f)
		}
		a.add(f)
	}
	return slices.DeleteFunc(all, func(a *attempt) bool { return !a.isAttempt() }), rest
}

// openFor returns the newest open attempt that an event can belong to.
func openFor(open []*attempt, f found) *attempt {
	for _, a := range slices.Backward(open) {
		if f.registration != "" && a.registration != "" {
			if f.registration == a.registration {
				return a
			}
			continue
		}
		if f.user == "" || a.user == "" || f.user == a.user {
			return a
		}
	}
	return nil
}

// beginningKind is the kind of start that an event shows.
type beginningKind int

const (
	noBeginning beginningKind = iota
	// startsPolicy: a policy or usher begins.
	startsPolicy
	// startsPortal: Company Portal is opened.
	startsPortal
	// startsSignIn: the user signs in. This may happen several times in one run of Company Portal.
	startsSignIn
)

func beginning(f found) beginningKind {
	switch f.Name {
	case event.PolicyStarted, event.RegistrationStarted:
		return startsPolicy
	case event.PortalLaunching, "usher-launching-portal":
		return startsPortal
	case event.PortalStarted, event.SignInStarted:
		return startsSignIn
	}
	return noBeginning
}

// startsAnother reports whether a start begins another attempt than a.
func (a *attempt) startsAnother(f found, kind beginningKind) bool {
	if f.registration != "" && a.registration != "" {
		return f.registration != a.registration
	}
	// usher's journal and the logs report the same events: one run of Company Portal that both report is one attempt.
	since := f.Time.At.Sub(a.begin())
	fresh := !a.advanced && a.exited.IsZero() && since <= sameStart
	switch kind {
	case startsPolicy:
		return !fresh || f.Name == event.PolicyStarted && a.has(event.PolicyStarted) && since > policyBefore
	case startsPortal:
		return !fresh && (!a.exited.IsZero() || a.has(f.Name))
	default:
		return !a.exited.IsZero() && f.Time.At.Sub(a.exited) > time.Second || a.gaveUp(f.Time.At)
	}
}

// gaveUp reports whether a sign-in at a time belongs to another attempt because this one ended with trouble long
// before. The user left Company Portal open and returns to it.
func (a *attempt) gaveUp(at time.Time) bool {
	for _, f := range slices.Backward(a.events) {
		if f.known.Class != event.Noise {
			return f.known.Class == event.Trouble && at.Sub(a.last()) > afterwards
		}
	}
	return false
}

func (a *attempt) has(name string) bool {
	return slices.ContainsFunc(a.events, func(f found) bool { return f.Name == name })
}

// opens reports whether an event that is not a start shows an attempt whose start is not in the logs.
func opens(f found) bool {
	if f.known.Class == event.Noise {
		return false
	}
	switch f.Source {
	case applog.SourceCompanyPortal, applog.SourceUsher:
		return true
	case applog.SourceUnified:
		return f.Name == event.IdentityCollecting || f.Name == event.IdentityAcquired ||
			f.Name == "identity-not-acquired"
	}
	return false
}

// isAttempt reports whether the events are a registration, and not only something that looked like its beginning.
func (a *attempt) isAttempt() bool {
	return slices.ContainsFunc(a.events, func(f found) bool {
		return f.Source != applog.SourceJamf && f.Source != applog.SourceSSOExtension
	}) || slices.ContainsFunc(a.events, func(f found) bool {
		return f.Name == event.PolicyStarted && registrationPolicy.MatchString(f.name)
	})
}

// markRefusals marks trouble of an enrolment with Jamf Pro, outside of any attempt, that follows from the first
// trouble.
func markRefusals(rest []found) {
	var first time.Time
	for i := range rest {
		if !slices.Contains(enrolmentTrouble(), rest[i].Name) {
			continue
		}
		if at := rest[i].Time.At; first.IsZero() || at.Sub(first) > afterEnd {
			first = at
			continue
		}
		rest[i].Consequence = true
	}
}

// enrolmentTrouble is the trouble that a successful enrolment ends.
func enrolmentTrouble() []string {
	known, _ := event.Named(event.EnrolmentCompleted)
	return known.Settles
}
