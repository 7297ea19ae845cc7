package portal

import (
	"fmt"
	"strconv"
	"strings"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/internal/wpj"
)

const exitEvent = "CompanyPortalExited"

// milestoneOf returns the milestone of a log entry.
func milestoneOf(record *applog.Record) (wpj.Milestone, bool) {
	known := event.Recognise(record)
	if known == nil {
		return wpj.Milestone{}, false
	}
	kind := known.Milestone()
	return wpj.Milestone{Kind: kind, At: record.Time.At, Detail: words(detail(known, record))}, kind != ""
}

// detail is Company Portal's name for the event, or ours; the rest of an entry may name somebody.
func detail(known *event.Known, record *applog.Record) string {
	title, result := record.Fields.Get("eventTitle"), record.Fields.Get("result")
	switch {
	case title == exitEvent:
		return title + ": resultData = " + record.Fields.Get("resultData")
	case title != "" && result != "":
		return title + ": " + result
	case title != "":
		return title
	case record.Fields.Get("Error domain") != "":
		return fmt.Sprintf("%s: %s, code %s", known.Title(), record.Fields.Get("Error domain"),
			record.Fields.Get("Code"))
	}
	return known.Title()
}

// words limits a text from a log to one short line of valid UTF-8.
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

// exitCodeOf returns the exit code in a log entry.
func exitCodeOf(record *applog.Record) (wpj.ExitCode, bool) {
	if record.Fields.Get("eventTitle") != exitEvent {
		return 0, false
	}
	code, err := strconv.ParseUint(record.Fields.Get("resultData"), 10, 8)
	return wpj.ExitCode(code), err == nil
}

// maximumMilestones limits how many milestones of a log are kept.
const maximumMilestones = 200

// addMilestone appends a milestone unless it repeats what is known: a step is added once, and once more after trouble.
// It returns milestones itself if there is nothing to add.
func addMilestone(milestones []recordedMilestone, next wpj.Milestone) []recordedMilestone {
	if len(milestones) >= maximumMilestones && next.Kind != wpj.MilestoneExited || len(milestones) > maximumMilestones {
		return milestones
	}
	for i := len(milestones) - 1; i >= 0; i-- {
		before := milestones[i]
		if before.Kind == next.Kind && (next.Kind != wpj.MilestoneTrouble || before.Detail == next.Detail) {
			return milestones
		}
		if before.Kind == wpj.MilestoneTrouble && next.Kind != wpj.MilestoneTrouble {
			break
		}
	}
	return append(milestones, recordedMilestone(next))
}
