package timelineview

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher.internal/ctl/terminal"
	"usher.internal/internal/applog"
	"usher.internal/internal/english"
	"usher.internal/internal/event"
	"usher.internal/internal/oneline"
	"usher.internal/internal/timeline"
)

// timelineText prints a report for a person.
type timelineText struct {
	*terminal.Terminal
	// width is the number of columns.
	width  int
	report *timeline.Report
	zone   *time.Location
}

// newTimelineText prints in the width of a terminal, and to anything else in 100 columns.
func newTimelineText(to *terminal.Terminal, report *timeline.Report) *timelineText {
	t := &timelineText{Terminal: to, width: 100, report: report, zone: report.Location()}
	if to.Person && to.Width > 40 {
		t.width = min(to.Width, 160)
	}
	return t
}

// print prints one attempt in full and the others as a line each.
func (t *timelineText) print(chosen []timeline.Attempt) {
	if len(t.report.Attempts) == 0 {
		fmt.Fprintln(t.Out, "No registration attempt is in these logs.")
	}
	for i, attempt := range chosen {
		if i > 0 {
			fmt.Fprintln(t.Out)
		}
		t.attempt(&attempt)
	}
	if len(t.report.Attempts) > len(chosen) {
		fmt.Fprintf(t.Out, "\n%s\n",
			t.Styled("All attempts (--attempt NUMBER shows one, --all every one)", terminal.Bold))
		t.list()
	}
	if t.report.OmittedAttempts > 0 {
		fmt.Fprintf(t.Out, "%d older attempts are not shown.\n", t.report.OmittedAttempts)
	}
	t.besides()
	t.skews()
	t.logs()
}

func (t *timelineText) attempt(a *timeline.Attempt) {
	who := terminal.Plain(a.User)
	if who == "" {
		who = "a user whom the logs do not name"
	}
	fmt.Fprintf(t.Out, "%s\n", t.Styled(fmt.Sprintf("Attempt %d, of %s, %s", a.Number, who, t.period(a)),
		terminal.Bold))
	if a.Registration != "" {
		fmt.Fprintf(t.Out, "registration %s\n", terminal.Plain(a.Registration))
	}
	fmt.Fprintln(t.Out)
	outcome := map[timeline.Outcome]terminal.Style{timeline.Succeeded: terminal.Green, timeline.Failed: terminal.Red,
		timeline.Silent: terminal.Red}[a.Outcome]
	if outcome == "" {
		outcome = terminal.Yellow
	}
	t.wrapped(t.Styled(strings.ToUpper(string(a.Outcome)), terminal.Bold, outcome)+"  ", len(a.Outcome)+2,
		a.Verdict.Sentence)
	for _, absent := range a.Verdict.Absent {
		t.wrapped("  missing: ", 11, absent)
	}
	for i, next := range a.Verdict.Next {
		label := "  "
		if i == 0 {
			label = "to do:  "
		}
		t.wrapped(fmt.Sprintf("%10s", label), 10, next)
	}
	t.phases(a)
	t.events(a)
}

func (t *timelineText) period(a *timeline.Attempt) string {
	begin, end := a.Begin.In(t.zone), a.End.In(t.zone)
	layout := "15:04:05"
	if begin.YearDay() != end.YearDay() || begin.Year() != end.Year() {
		layout = "2006-01-02 15:04:05"
	}
	return begin.Format("2006-01-02 15:04:05") + " to " + end.Format(layout) + " (" + terminal.Plain(t.report.Zone) +
		")"
}

// wrapped prints a text in lines of the terminal's width, after a label that occupies columns columns.
func (t *timelineText) wrapped(label string, columns int, text string) {
	for _, line := range terminal.Wrap(terminal.Plain(text), max(1, t.width-columns)) {
		fmt.Fprintln(t.Out, strings.TrimRight(label+line, " "))
		label = strings.Repeat(" ", columns)
	}
}

// partyStyle and partyMark show whom a phase waits for, with and without colours.
var (
	partyStyle = map[event.Party]terminal.Style{event.User: terminal.Yellow, event.Server: terminal.Blue,
		event.Mac: terminal.Cyan}
	partyMark = map[event.Party]string{event.User: "▒", event.Server: "█", event.Mac: "░"}
	partyName = map[event.Party]string{event.User: "the user", event.Server: "a server", event.Mac: "this Mac"}
)

// phases prints a bar for each phase, in proportion, one below the other as in a waterfall.
func (t *timelineText) phases(a *timeline.Attempt) {
	if len(a.Phases) == 0 {
		return
	}
	longest := 0
	for _, phase := range a.Phases {
		longest = max(longest, len(phase.Title))
	}
	fmt.Fprintln(t.Out)
	room := max(20, t.width-longest-31)
	begin, whole := a.Phases[0].Begin, max(a.Phases[len(a.Phases)-1].End.Sub(a.Phases[0].Begin), time.Millisecond)
	for _, phase := range a.Phases {
		from := int(math.Round(float64(phase.Begin.Sub(begin)) / float64(whole) * float64(room)))
		length := int(math.Round(float64(phase.End.Sub(begin))/float64(whole)*float64(room))) - from
		if length == 0 {
			length, from = 1, min(from, room-1)
		}
		bar := strings.Repeat(" ", from) +
			t.Styled(strings.Repeat(partyMark[phase.WaitingFor], length), partyStyle[phase.WaitingFor]) +
			strings.Repeat(" ", room-from-length)
		took := timeline.Brief(phase.End.Sub(phase.Begin))
		if phase.Unfinished {
			took += "…"
		}
		fmt.Fprintf(t.Out, "  %-*s %s %13s  %s\n", longest, phase.Title, bar, took,
			t.Styled(partyName[phase.WaitingFor], terminal.Faint))
	}
}

func (t *timelineText) events(a *timeline.Attempt) {
	fmt.Fprintln(t.Out)
	t.eventLines(a, 0)
	if a.Omitted > 0 {
		fmt.Fprintf(t.Out, "  … and %d more (--json has them counted, not listed)\n", a.Omitted)
	}
}

// eventLines prints the events from one on.
func (t *timelineText) eventLines(a *timeline.Attempt, from int) {
	evidence := map[int]bool{}
	for _, i := range a.Verdict.Evidence {
		evidence[i] = true
	}
	day := ""
	for i, e := range a.Events {
		if i < from {
			continue
		}
		at := e.Time.At.In(t.zone)
		if today := at.Format(time.DateOnly); today != day && day != "" {
			fmt.Fprintf(t.Out, "  %s\n", t.Styled(today, terminal.Faint))
			day = today
		} else if day == "" {
			day = today
		}
		mark, styles := " ", []terminal.Style(nil)
		switch {
		case e.Class == event.Trouble && e.Name == a.Verdict.Cause && !e.Consequence:
			mark, styles = "✗", []terminal.Style{terminal.Bold, terminal.Red}
		case e.Class == event.Trouble && e.Consequence:
			mark, styles = "!", []terminal.Style{terminal.Yellow}
		case e.Class == event.Trouble:
			mark, styles = "!", []terminal.Style{terminal.Red}
		case evidence[i]:
			mark = "•"
		}
		where := t.place(e.Log, e.Line)
		line := fmt.Sprintf("  %-14s%s %s", clockOf(at, e.Time.Precision), mark, terminal.Plain(wordsOf(&e)))
		fmt.Fprintf(t.Out, "%s  %s\n", t.Styled(line, styles...), t.Styled(where, terminal.Faint))
	}
}

// wordsOf describes an event, with the details of its entry.
func wordsOf(e *timeline.Event) string {
	text := e.Title
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Code != "" {
		text += " [" + e.Code + "]"
	}
	if e.Consequence {
		text += " (followed from it)"
	}
	return text
}

// clockOf returns the time of day as precisely as the log has it, up to milliseconds, with ~ if it is only approximate.
func clockOf(at time.Time, precision time.Duration) string {
	switch {
	case precision >= time.Minute:
		return "~" + at.Format("15:04")
	case precision >= time.Second:
		return at.Format("15:04:05")
	}
	return at.Format("15:04:05.000")
}

// place returns the place of an entry in the logs.
func (t *timelineText) place(log, line int) string {
	name := t.report.Logs[log].Name
	if at := strings.LastIndexAny(name, "/!"); at >= 0 {
		name = name[at+1:]
	}
	return terminal.Plain(name) + ":" + strconv.Itoa(line)
}

func (t *timelineText) list() {
	for _, a := range t.report.Attempts {
		who := terminal.Plain(a.User)
		if who == "" {
			who = "-"
		}
		fmt.Fprintf(t.Out, "  %3d  %s  %-10s  %-10s  %s\n", a.Number, a.Begin.In(t.zone).Format("2006-01-02 15:04:05"),
			a.Outcome, who, oneline.Of(a.Verdict.Sentence, max(20, t.width-52)))
	}
}

// shownTrouble is how many troubles outside of the attempts are printed.
const shownTrouble = 10

func (t *timelineText) besides() {
	trouble := t.report.Trouble
	if len(trouble) == 0 {
		return
	}
	fmt.Fprintf(t.Out, "\n%s\n", t.Styled("Trouble outside of any attempt", terminal.Bold))
	if more := len(trouble) - shownTrouble; more > 0 {
		fmt.Fprintf(t.Out, "  … %d more before (--json has them)\n", more)
		trouble = trouble[more:]
	}
	for _, e := range trouble {
		fmt.Fprintf(t.Out, "  %s  %s  %s\n", e.Time.At.In(t.zone).Format("2006-01-02 15:04:05"),
			terminal.Plain(wordsOf(&e)),
			t.Styled(t.place(e.Log, e.Line), terminal.Faint))
		if e.Advice != "" && !e.Consequence {
			t.wrapped("                       to do:  ", 31, e.Advice)
		}
	}
}

func (t *timelineText) skews() {
	if len(t.report.Skews) > 0 {
		fmt.Fprintf(t.Out, "\n%s\n", t.Styled("Clocks", terminal.Bold))
	}
	for _, skew := range t.report.Skews {
		t.wrapped("  ", 2, skew.Detail)
	}
}

func (t *timelineText) logs() {
	var entries, unparsed int64
	for _, log := range t.report.Logs {
		entries += log.Entries
		unparsed += log.Unparsed
	}
	fmt.Fprintf(t.Out, "\n%s read, %s, %s not understood.", english.Count(len(t.report.Logs), "log"),
		english.Count(entries, "entry"), english.Count(unparsed, "line"))
	assumed := slices.ContainsFunc(t.report.Logs, func(log timeline.Log) bool { return log.Zone == applog.ZoneAssumed })
	switch {
	case t.report.ZoneFrom == applog.ZoneAssumed && assumed:
		fmt.Fprintf(t.Out, " Local times are taken as %s, this computer's; --zone says another.",
			terminal.Plain(t.report.Zone))
	case t.report.ZoneFrom == applog.ZoneInferred:
		fmt.Fprintf(t.Out, " Local times are %s, as other logs show.", terminal.Plain(t.report.Zone))
	}
	fmt.Fprintln(t.Out)
	for i, log := range t.report.Logs {
		if log.Error != "" {
			t.wrapped("  ", 4, fmt.Sprintf("%s: %s", log.Name, log.Error))
		}
		if log.Note != "" {
			t.wrapped("  ", 4, fmt.Sprintf("%s: %s", log.Name, log.Note))
		}
		if log.Unparsed > 0 {
			t.wrapped("  ", 4, fmt.Sprintf("%s: %s not understood, the first is %s: %s", log.Name,
				english.Count(log.Unparsed, "line"), t.place(i, log.FirstUnparsedLine),
				oneline.Of(log.FirstUnparsed, 80)))
		}
	}
}
