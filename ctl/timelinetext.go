package ctl

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"usher.internal/ctl/terminal"
	"usher.internal/internal/applog"
	"usher.internal/internal/english"
	"usher.internal/internal/event"
	"usher.internal/internal/oneline"
	"usher.internal/internal/timeline"
)

// style is how a part of a text stands out on a terminal that has colours.
type style string

const (
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	blue   style = "34"
	cyan   style = "36"
)

// timelineText prints a report for a person.
type timelineText struct {
	to io.Writer
	// colour tells whether escape sequences may be written, width how many columns there are.
	colour bool
	width  int
	report *timeline.Report
	zone   *time.Location
}

// newTimelineText prints to a terminal as wide as it is, and to anything else in 100 columns without colours.
func (a *app) newTimelineText(report *timeline.Report) *timelineText {
	t := &timelineText{to: a.Out, width: 100, report: report, zone: report.Location()}
	if a.Person {
		_, noColour := os.LookupEnv("NO_COLOR") // https://no-color.org
		t.colour = !noColour && os.Getenv("TERM") != "dumb"
		if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && width > 40 {
			t.width = min(width, 160)
		}
	}
	return t
}

func (t *timelineText) styled(text string, styles ...style) string {
	if !t.colour || len(styles) == 0 {
		return text
	}
	var codes []string
	for _, s := range styles {
		codes = append(codes, string(s))
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + text + "\x1b[0m"
}

// print prints one attempt in full and the others as a line each.
func (t *timelineText) print(chosen []timeline.Attempt) {
	if len(t.report.Attempts) == 0 {
		fmt.Fprintln(t.to, "No registration attempt is in these logs.")
	}
	for i, attempt := range chosen {
		if i > 0 {
			fmt.Fprintln(t.to)
		}
		t.attempt(&attempt)
	}
	if len(t.report.Attempts) > len(chosen) {
		fmt.Fprintf(t.to, "\n%s\n", t.styled("All attempts (--attempt NUMBER shows one, --all every one)", bold))
		t.list()
	}
	if t.report.OmittedAttempts > 0 {
		fmt.Fprintf(t.to, "%d older attempts are not shown.\n", t.report.OmittedAttempts)
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
	fmt.Fprintf(t.to, "%s\n", t.styled(fmt.Sprintf("Attempt %d, of %s, %s", a.Number, who, t.period(a)), bold))
	if a.Registration != "" {
		fmt.Fprintf(t.to, "registration %s\n", terminal.Plain(a.Registration))
	}
	fmt.Fprintln(t.to)
	outcome := map[timeline.Outcome]style{timeline.Succeeded: green, timeline.Failed: red,
		timeline.Silent: red}[a.Outcome]
	if outcome == "" {
		outcome = yellow
	}
	t.wrapped(t.styled(strings.ToUpper(string(a.Outcome)), bold, outcome)+"  ", len(a.Outcome)+2, a.Verdict.Sentence)
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

// wrapped prints a text in lines of the terminal's width, behind a label of which columns show.
func (t *timelineText) wrapped(label string, columns int, text string) {
	line, used := label, columns
	for _, word := range strings.Fields(terminal.Plain(text)) {
		if used > columns && used+1+len(word) > t.width {
			fmt.Fprintln(t.to, strings.TrimRight(line, " "))
			line, used = strings.Repeat(" ", columns), columns
		}
		if used > columns {
			line += " "
			used++
		}
		line += word
		used += len(word)
	}
	fmt.Fprintln(t.to, strings.TrimRight(line, " "))
}

// partyStyle and partyMark tell whom a phase waits for, with and without colours.
var (
	partyStyle = map[event.Party]style{event.User: yellow, event.Server: blue, event.Mac: cyan}
	partyMark  = map[event.Party]string{event.User: "▒", event.Server: "█", event.Mac: "░"}
	partyName  = map[event.Party]string{event.User: "the user", event.Server: "a server", event.Mac: "this Mac"}
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
	fmt.Fprintln(t.to)
	room := max(20, t.width-longest-31)
	begin, whole := a.Phases[0].Begin, max(a.Phases[len(a.Phases)-1].End.Sub(a.Phases[0].Begin), time.Millisecond)
	for _, phase := range a.Phases {
		from := int(math.Round(float64(phase.Begin.Sub(begin)) / float64(whole) * float64(room)))
		length := int(math.Round(float64(phase.End.Sub(begin))/float64(whole)*float64(room))) - from
		if length == 0 {
			length, from = 1, min(from, room-1)
		}
		bar := strings.Repeat(" ", from) +
			t.styled(strings.Repeat(partyMark[phase.WaitingFor], length), partyStyle[phase.WaitingFor]) +
			strings.Repeat(" ", room-from-length)
		took := timeline.Brief(phase.End.Sub(phase.Begin))
		if phase.Unfinished {
			took += "…"
		}
		fmt.Fprintf(t.to, "  %-*s %s %13s  %s\n", longest, phase.Title, bar, took,
			t.styled(partyName[phase.WaitingFor], faint))
	}
}

func (t *timelineText) events(a *timeline.Attempt) {
	fmt.Fprintln(t.to)
	t.eventLines(a, 0)
	if a.Omitted > 0 {
		fmt.Fprintf(t.to, "  … and %d more (--json has them counted, not listed)\n", a.Omitted)
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
			fmt.Fprintf(t.to, "  %s\n", t.styled(today, faint))
			day = today
		} else if day == "" {
			day = today
		}
		mark, styles := " ", []style(nil)
		switch {
		case e.Class == event.Trouble && e.Name == a.Verdict.Cause && !e.Consequence:
			mark, styles = "✗", []style{bold, red}
		case e.Class == event.Trouble && e.Consequence:
			mark, styles = "!", []style{yellow}
		case e.Class == event.Trouble:
			mark, styles = "!", []style{red}
		case evidence[i]:
			mark = "•"
		}
		where := t.place(e.Log, e.Line)
		line := fmt.Sprintf("  %-14s%s %s", clockOf(at, e.Time.Precision), mark, terminal.Plain(wordsOf(&e)))
		fmt.Fprintf(t.to, "%s  %s\n", t.styled(line, styles...), t.styled(where, faint))
	}
}

// wordsOf says what an event is, with what its entry adds.
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

// clockOf is the time of day as precisely as the log tells it, up to milliseconds, with ~ where it is only near.
func clockOf(at time.Time, precision time.Duration) string {
	switch {
	case precision >= time.Minute:
		return "~" + at.Format("15:04")
	case precision >= time.Second:
		return at.Format("15:04:05")
	}
	return at.Format("15:04:05.000")
}

// place is where in the logs something stands.
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
		fmt.Fprintf(t.to, "  %3d  %s  %-10s  %-10s  %s\n", a.Number, a.Begin.In(t.zone).Format("2006-01-02 15:04:05"),
			a.Outcome, who, oneline.Of(a.Verdict.Sentence, max(20, t.width-52)))
	}
}

// shownTrouble is how much trouble outside of the attempts is printed.
const shownTrouble = 10

func (t *timelineText) besides() {
	trouble := t.report.Trouble
	if len(trouble) == 0 {
		return
	}
	fmt.Fprintf(t.to, "\n%s\n", t.styled("Trouble outside of any attempt", bold))
	if more := len(trouble) - shownTrouble; more > 0 {
		fmt.Fprintf(t.to, "  … %d more before (--json has them)\n", more)
		trouble = trouble[more:]
	}
	for _, e := range trouble {
		fmt.Fprintf(t.to, "  %s  %s  %s\n", e.Time.At.In(t.zone).Format("2006-01-02 15:04:05"),
			terminal.Plain(wordsOf(&e)),
			t.styled(t.place(e.Log, e.Line), faint))
		if e.Advice != "" && !e.Consequence {
			t.wrapped("                       to do:  ", 31, e.Advice)
		}
	}
}

func (t *timelineText) skews() {
	if len(t.report.Skews) > 0 {
		fmt.Fprintf(t.to, "\n%s\n", t.styled("Clocks", bold))
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
	fmt.Fprintf(t.to, "\n%s read, %s, %s not understood.", english.Count(len(t.report.Logs), "log"),
		english.Count(entries, "entry"), english.Count(unparsed, "line"))
	assumed := slices.ContainsFunc(t.report.Logs, func(log timeline.Log) bool { return log.Zone == applog.ZoneAssumed })
	switch {
	case t.report.ZoneFrom == applog.ZoneAssumed && assumed:
		fmt.Fprintf(t.to, " Local times are taken as %s, this computer's; --zone says another.",
			terminal.Plain(t.report.Zone))
	case t.report.ZoneFrom == applog.ZoneInferred:
		fmt.Fprintf(t.to, " Local times are %s, as other logs tell.", terminal.Plain(t.report.Zone))
	}
	fmt.Fprintln(t.to)
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
