package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/internal/wpj"
)

// SilentEnd is the cause of an attempt that ended without an error of its own.
const SilentEnd = "silent-end"

// judge completes an attempt: outcome, phases, verdict. now is the end of an attempt that continues, last the end of
// the logs.
func judge(a *attempt, number int, last, now time.Time) Attempt {
	story := newStory(a)
	result := Attempt{Number: number, User: a.user, Registration: a.registration, Begin: a.begin(),
		Outcome: story.outcome()}
	result.End = story.end()
	if result.Outcome == Unfinished {
		// The logs continue while nothing happens, and so does the attempt.
		result.End = latest(a.last(), earliest(last, a.last().Add(idle)))
		if now.Sub(last) < time.Minute {
			result.End = latest(result.End, earliest(now, a.last().Add(idle)))
		}
	}
	result.Phases = phases(a, result.End, result.Outcome != Unfinished)
	if result.Outcome == Silent {
		// After the token, no server had work: Company Portal waited to be closed.
		for i, phase := range result.Phases {
			if phase.Name == event.Registration {
				info := event.Closing.Info()
				result.Phases[i].Name, result.Phases[i].Title, result.Phases[i].WaitingFor = info.Phase, info.Title(),
					info.WaitingFor
			}
		}
	}
	if result.Outcome == Unfinished && story.cause >= 0 && isPassingTrouble(a.events[story.cause]) {
		story.cause = -1 // it may still pass
	}
	story.markConsequences()
	story.quietPassing(result.Outcome)
	for _, f := range a.events {
		result.Events = append(result.Events, f.Event)
	}
	result.Verdict = story.verdict(result)
	result.dropNoise()
	return result
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (s *story) verdict(a Attempt) Verdict {
	took := Brief(a.End.Sub(a.Begin))
	evidence := func(indexes ...int) (present []int) {
		for _, i := range indexes {
			if i >= 0 {
				present = append(present, i)
			}
		}
		slices.Sort(present)
		return slices.Compact(present)
	}
	switch a.Outcome {
	case Succeeded:
		v := Verdict{Sentence: "Registered in " + took + spent(a.Phases) + ".",
			Evidence: evidence(s.launch, s.device, s.join, s.exit, s.acquired, s.ended)}
		if s.ended < 0 && s.acquired < 0 {
			v.Absent = []string{"nothing here shows a report to Jamf Pro: these logs have neither Jamf's helper " +
				"nor usher"}
			v.Next = []string{"Add the unified log (`log show --info --debug`) or usher's journal, or look at the " +
				"computer's record in Jamf Pro."}
		}
		return v
	case Silent:
		return s.silentVerdict(took,
			evidence(s.launch, s.signIn, s.token, s.lastNamed(event.NotJoinedState), s.exit, s.ended))
	case Cancelled:
		sentence := "The user closed Company Portal after " + took + s.doing(a.Phases) + "."
		cause := cmp.Or(s.causeName(), event.PortalFailed)
		if s.ended >= 0 && s.events[s.ended].Name == "usher-registration-cancelled" {
			sentence, cause = "The registration was cancelled after "+took+": "+sentenceEnd(s.events[s.ended].Detail)+
				".", "usher-registration-cancelled"
		} else if s.cause >= 0 && s.events[s.cause].known.Cancels {
			return s.cancelledVerdict(a, evidence(s.launch, s.signIn, s.cause, s.exit, s.ended))
		}
		return Verdict{Sentence: sentence, Cause: cause, Evidence: evidence(s.launch, s.signIn, s.exit, s.ended),
			Next: []string{"Ask the user to start it again, and to sign in with the work account."}}
	case Unfinished:
		return s.unfinishedVerdict(a, evidence(s.launch, s.signIn, s.cause, len(s.events)-1))
	}
	return s.failedVerdict(took, evidence(s.launch, s.cause, s.exit, s.ended))
}

// portalEnd returns how Company Portal ended, if that is not the cause itself.
func (s *story) portalEnd() string {
	if s.exit >= 0 && s.exit != s.cause && s.events[s.exit].Name == event.PortalFailed {
		return "; Company Portal then ended with " + s.events[s.exit].exit.String()
	}
	return ""
}

// cancelledVerdict is the verdict for a sign-in that the user ended.
func (s *story) cancelledVerdict(a Attempt, evidence []int) Verdict {
	cause := s.events[s.cause]
	sentence := cause.Title
	if took := cause.Time.At.Sub(a.Begin); took >= time.Second {
		sentence += " after " + Brief(took)
	}
	if s.registered() {
		sentence += ", when the device was registered already"
	}
	return Verdict{Sentence: sentence + s.portalEnd() + ".", Cause: cause.Name, Evidence: evidence,
		Next: []string{cause.Advice}}
}

// failed is the beginning of a sentence about a failure. Logs without times do not say how long it took.
func (s *story) failed(took string) string {
	if slices.ContainsFunc(s.events, func(f found) bool { return f.Time.Precision < time.Minute }) {
		return "It failed after " + took
	}
	return "It failed"
}

func (s *story) failedVerdict(took string, evidence []int) Verdict {
	v := Verdict{Evidence: evidence, Cause: s.causeName()}
	failed, end := s.failed(took), s.portalEnd()
	if s.cause < 0 {
		v.Sentence = failed + ", and the logs do not say why" + end + "."
		v.Next = []string{"Collect the logs of that time with `usherctl bundle`, the unified log among them."}
		return v
	}
	cause := s.events[s.cause]
	what := cause.known.Phrase
	switch {
	case cause.Code != "":
		code, _, _ := strings.Cut(cause.Code, "): ")
		what += ", " + code + ")"
	case cause.Detail != "":
		what += " (" + sentenceEnd(bounded(cause.Detail, 120)) + ")"
	}
	if script := s.failedScript(); end == "" && script >= 0 {
		end = "; a script of the policy failed after it (" + sentenceEnd(bounded(s.events[script].Detail, 120)) + ")"
	}
	v.Sentence = failed + ": " + what + end + "."
	if cause.Name == event.RegistrationFailed {
		_, detail, _ := strings.Cut(cause.Detail, ": ")
		v.Sentence = failed + ": " + sentenceEnd(cmp.Or(detail, cause.Detail)) + end + "."
	}
	advisers := []int{s.cause, s.exit}
	if s.exit >= 0 && saysMore(s.events[s.exit].exit) {
		advisers = []int{s.exit, s.cause}
	}
	for _, i := range advisers {
		if i >= 0 && s.events[i].Advice != "" && !slices.Contains(v.Next, s.events[i].Advice) {
			v.Next = append(v.Next, s.events[i].Advice)
		}
	}
	return v
}

// failedScript is the index of the script that failed after a cause in Jamf's log, or -1.
func (s *story) failedScript() int {
	if s.events[s.cause].Source != applog.SourceJamf || s.events[s.cause].Name == event.ScriptFailed {
		return -1
	}
	for i := s.cause + 1; i < len(s.events); i++ {
		if s.events[i].Name == event.ScriptFailed {
			return i
		}
	}
	return -1
}

// saysMore reports whether an exit code names one cause, so that its advice is better than that of an event.
func saysMore(code wpj.ExitCode) bool {
	return slices.Contains([]wpj.ExitCode{wpj.ExitRegistrationDeviceCapError, wpj.ExitNetworkError,
		wpj.ExitCommandLineError}, code)
}

func (s *story) silentVerdict(took string, evidence []int) Verdict {
	how := "Company Portal ended without an error"
	if s.exitedWith(wpj.ExitUserAbandoned) {
		how = "the user finally closed Company Portal"
	} else if s.exit < 0 {
		how = "nothing more happened"
	}
	signedIn := "the user signed in"
	if s.token < 0 {
		signedIn = "Company Portal ran for " + took
	}
	return Verdict{
		Sentence: fmt.Sprintf("It ended after %s without registering the device and without an error of its own: %s, "+
			"then no registration began, and %s.", took, signedIn, how),
		Cause: SilentEnd, Evidence: evidence,
		Absent: []string{
			"no event WPJ_DeviceRegistration or CompleteWPJOperation: Entra was never asked to register the device, " +
				"or refused without an error",
			"no certificate in the keychain, and no error that explains this",
		},
		Next: []string{
			"Check in Entra, under Devices, Device settings, that this user may join or register devices: " +
				"without that " +
				"permission, a user sees no error.",
			"Read Entra's sign-in and audit logs of the user at that time.",
		},
	}
}

func (s *story) unfinishedVerdict(a Attempt, evidence []int) Verdict {
	v := Verdict{Evidence: evidence, Cause: s.causeName()}
	doing := "before Company Portal was opened"
	if len(a.Phases) > 0 {
		phase := a.Phases[len(a.Phases)-1]
		doing = fmt.Sprintf("while %s (%s so far, waiting for %s)", phase.Name.Info().Phrase,
			Brief(phase.End.Sub(phase.Begin)), party(phase.WaitingFor))
	}
	v.Sentence = "The logs do not show the end: they stop " + doing + "."
	if s.cause >= 0 {
		v.Sentence = strings.TrimSuffix(v.Sentence, ".") + "; the last trouble was that " +
			s.events[s.cause].known.Phrase + "."
		v.Next = append(v.Next, s.events[s.cause].Advice)
	}
	v.Next = append(v.Next, "Check with `usherctl registrations list` whether it continues, or follow it with "+
		"`usherctl timeline --follow`.")
	return v
}

func (s *story) causeName() string {
	if s.cause < 0 {
		return ""
	}
	return s.events[s.cause].Name
}

// lastNamed is the index of the last event with a name.
func (s *story) lastNamed(name string) int {
	for i, f := range slices.Backward(s.events) {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// doing says in which phase something happened.
func (s *story) doing(phases []Phase) string {
	if s.token >= 0 {
		return ", after signing in"
	}
	if len(phases) == 0 {
		return ""
	}
	return ", before the sign-in was complete"
}

// spent says which phases took most of the time.
func spent(phases []Phase) string {
	sorted := slices.Clone(phases)
	slices.SortStableFunc(sorted, func(a, b Phase) int { return cmp.Compare(b.Milliseconds, a.Milliseconds) })
	var parts []string
	for _, phase := range sorted[:min(2, len(sorted))] {
		if phase.Milliseconds >= 1000 {
			parts = append(parts, fmt.Sprintf("%s on %s", Brief(phase.End.Sub(phase.Begin)), phase.Name.Info().Phrase))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func party(p event.Party) string {
	return map[event.Party]string{event.User: "the user", event.Server: "a server", event.Mac: "this Mac"}[p]
}

func sentenceEnd(text string) string { return strings.TrimRight(text, ". ") }

// maximumEvents is how many events of one attempt a report has.
const maximumEvents = 500

// dropNoise removes noise that is not evidence, and events beyond the limit.
func (a *Attempt) dropNoise() {
	kept := make([]Event, 0, len(a.Events))
	evidence := make([]int, 0, len(a.Verdict.Evidence))
	for i, e := range a.Events {
		is := slices.Contains(a.Verdict.Evidence, i)
		if !is && (e.Class == event.Noise || len(kept) >= maximumEvents) {
			if e.Class != event.Noise {
				a.Omitted++
			}
			continue
		}
		if is {
			evidence = append(evidence, len(kept))
		}
		kept = append(kept, e)
	}
	a.Events, a.Verdict.Evidence = kept, evidence
}
