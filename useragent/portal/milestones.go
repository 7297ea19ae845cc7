package portal

import (
	"fmt"
	"strconv"
	"strings"

	"usher.internal/internal/applog"
	"usher.internal/internal/wpj"
)

// rule recognises a milestone in the log, by the telemetry event or by the message that stands for it.
type rule struct {
	kind MilestoneKind
	// event is an eventTitle, target what the event must have as its target; "" is any.
	event, target string
	// message is part of an entry's message.
	message string
}

// rules is reference/domain.md 2.5 for both grammars of Company Portal's log. The first one that fits counts.
var rules = []rule{
	{kind: SignInStarted, event: "ADALLoginStarted"},
	{kind: SignInStarted, message: "Login state changed from 'NotLoggedIn' to "},
	{kind: TokenFetched, event: "Auth_FetchSvcToken", target: "AADWPJToken"},
	{kind: DeviceRegistered, event: "WPJ_DeviceRegistration"},
	{kind: WorkplaceJoinCompleted, event: "CompleteWPJOperation"},
	{kind: CertificateStored, message: "Retrieved certificate thumbprint"},
	{kind: Trouble, message: "Authentication finished with error"},
	{kind: Exited, event: exitEvent},
}

const exitEvent = "CompanyPortalExited"

// results that are no trouble: an event without an outcome has none, or None.
var goodResults = map[string]bool{"Succeeded": true, "None": true, "": true}

// milestoneOf returns the milestone that a log entry stands for.
func milestoneOf(record applog.Record) (Milestone, bool) {
	title, result := record.Fields["eventTitle"], record.Fields["result"]
	if title == exitEvent {
		return Milestone{Exited, record.Time, words(title + ": resultData = " + record.Fields["resultData"])}, true
	}
	if title != "" && !goodResults[result] {
		return Milestone{Trouble, record.Time, words(title + ": " + result)}, true
	}
	for _, r := range rules {
		switch {
		case r.event != "" && r.event == title && (r.target == "" || r.target == record.Fields["target"]):
			if result != "" {
				title += ": " + result
			}
			return Milestone{r.kind, record.Time, words(title)}, true
		case r.message != "" && strings.Contains(record.Message, r.message):
			return Milestone{r.kind, record.Time, words(messageDetail(r, record))}, true
		}
	}
	return Milestone{}, false
}

// messageDetail is the part of a message that says what happened; the rest may name somebody.
func messageDetail(r rule, record applog.Record) string {
	if r.kind == Trouble {
		return fmt.Sprintf("%s: %s, code %s", r.message, record.Fields["Error domain"], record.Fields["Code"])
	}
	_, after, _ := strings.Cut(record.Message, r.message)
	quoted, begins := strings.CutPrefix(after, "'")
	if state, _, ends := strings.Cut(quoted, "'"); begins && ends {
		return r.message + "'" + state + "'"
	}
	return r.message
}

// words bounds what came from a log to one short line of valid UTF-8.
func words(text string) string {
	const longest = 200
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Map(func(letter rune) rune {
		if letter < ' ' {
			return ' '
		}
		return letter
	}, text)
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// exitCodeOf returns the exit code that a log entry tells.
func exitCodeOf(record applog.Record) (wpj.ExitCode, bool) {
	if record.Fields["eventTitle"] != exitEvent {
		return 0, false
	}
	code, err := strconv.ParseUint(record.Fields["resultData"], 10, 8)
	return wpj.ExitCode(code), err == nil
}

// maximumMilestones bounds what a log can have us keep.
const maximumMilestones = 200

// addMilestone appends a milestone unless it only says again what is known: a step counts once, and once more after
// trouble. It returns milestones itself where there is nothing to add.
func addMilestone(milestones []Milestone, next Milestone) []Milestone {
	if len(milestones) >= maximumMilestones && next.Kind != Exited || len(milestones) > maximumMilestones {
		return milestones
	}
	for i := len(milestones) - 1; i >= 0; i-- {
		before := milestones[i]
		if before.Kind == next.Kind && (next.Kind != Trouble || before == next) {
			return milestones
		}
		if before.Kind == Trouble && next.Kind != Trouble {
			break
		}
	}
	return append(milestones, next)
}
