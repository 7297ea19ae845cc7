// Package page writes a timeline as one self-contained HTML page. The verdict comes first, then what to do, the phases
// drawn to scale, and the events with their lines. All lines follow, with filter and search.
//
// The page needs no network and cannot use one: its Content-Security-Policy allows only its own style and script, by
// their digests. The important content is in the HTML itself and can be read without the script. The text of a log is
// shown and never interpreted.
package page

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/internal/timeline"
	"usher.internal/internal/webpage"
)

// Lines is the largest number of log lines in a page.
const Lines = 100_000

var (
	//go:embed page.html.tmpl
	markup string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
)

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"clean": webpage.Clean, "brief": brief, "party": party, "outcome": outcome, "join": strings.Join,
	}).Parse(markup))
})

// Write writes the page of a report.
func Write(w io.Writer, report *timeline.Report) error {
	lines, err := encodeLines(report)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	view := newView(report)
	view.Policy, view.Style, view.Script = webpage.Policy(style, script), webpage.Style(style), webpage.Script(script)
	view.Data = template.HTML(`<script type="application/json" id="data">` + string(lines) + `</script>`)
	if err := pageTemplate().Execute(w, view); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// view is the data of the template.
type view struct {
	*timeline.Report
	Policy              string
	Style, Script, Data template.HTML
	// Newest is the attempt on top, Older are the others, the newest first.
	Newest *attemptView
	Older  []attemptView
	// Besides is the trouble outside of the attempts.
	Besides []row
}

// attemptView is an attempt with the data that the template needs to draw it.
type attemptView struct {
	*timeline.Attempt
	Who, When, Took string
	Bars            []bar
	Rows            []row
	Proof           []row
	Legend          []event.Party
}

// bar is a phase, in thousandths of the attempt.
type bar struct {
	timeline.Phase
	From, Width float64
	Row         int
	Percent     int
}

// row is an event.
type row struct {
	timeline.Event
	ID           string
	Clock, UTC   string
	Place        string
	IsProof      bool
	IsFirstCause bool
}

func newView(report *timeline.Report) *view {
	v := &view{Report: report}
	for i := range slices.Backward(report.Attempts) {
		attempt := newAttemptView(report, &report.Attempts[i])
		if v.Newest == nil {
			v.Newest = &attempt
		} else {
			v.Older = append(v.Older, attempt)
		}
	}
	for i, e := range report.Trouble {
		v.Besides = append(v.Besides, newRow(report, e, fmt.Sprintf("trouble-%d", i)))
	}
	return v
}

func newAttemptView(report *timeline.Report, a *timeline.Attempt) attemptView {
	zone := report.Location()
	v := attemptView{Attempt: a, Who: cmp.Or(a.User, "a user whom the logs do not name"),
		Took: timeline.Brief(a.End.Sub(a.Begin))}
	begin, end := a.Begin.In(zone), a.End.In(zone)
	layout := "15:04:05"
	if begin.Format(time.DateOnly) != end.Format(time.DateOnly) {
		layout = "2 January 2006, 15:04:05"
	}
	v.When = begin.Format("2 January 2006, 15:04:05") + " to " + end.Format(layout)
	if len(a.Phases) > 0 {
		from := a.Phases[0].Begin
		whole := max(a.Phases[len(a.Phases)-1].End.Sub(from), time.Millisecond)
		for i, phase := range a.Phases {
			b := bar{Phase: phase, Row: i, From: 1000 * float64(phase.Begin.Sub(from)) / float64(whole),
				Width: 1000 * float64(phase.End.Sub(phase.Begin)) / float64(whole)}
			b.Percent = int(b.Width/10 + 0.5)
			b.Width = max(b.Width, 3)
			b.From = min(b.From, 1000-b.Width)
			v.Bars = append(v.Bars, b)
			if !slices.Contains(v.Legend, phase.WaitingFor) {
				v.Legend = append(v.Legend, phase.WaitingFor)
			}
		}
	}
	for i, e := range a.Events {
		r := newRow(report, e, fmt.Sprintf("event-%d-%d", a.Number, i))
		r.IsProof = slices.Contains(a.Verdict.Evidence, i)
		r.IsFirstCause = e.Name == a.Verdict.Cause && e.Class == event.Trouble && !e.Consequence
		v.Rows = append(v.Rows, r)
		if r.IsProof {
			v.Proof = append(v.Proof, r)
		}
	}
	return v
}

func newRow(report *timeline.Report, e timeline.Event, id string) row {
	return row{Event: e, ID: id, Clock: clockOf(e.Time.At.In(report.Location()), e.Time),
		UTC:   e.Time.At.UTC().Format("15:04:05.000"),
		Place: fmt.Sprintf("%s:%d", baseName(report.Logs[e.Log].Name), e.Line)}
}

// clockOf is the time of day, with the precision of the log.
func clockOf(at time.Time, how applog.Time) string {
	switch {
	case how.Precision >= time.Minute:
		return "about " + at.Format("15:04")
	case how.Precision >= time.Second:
		return at.Format("15:04:05")
	}
	return at.Format("15:04:05.000")
}

// baseName is the last part of a log's name.
func baseName(name string) string { return name[strings.LastIndexAny(name, "/!")+1:] }

func brief(milliseconds int64) string {
	return timeline.Brief(time.Duration(milliseconds) * time.Millisecond)
}

func party(p event.Party) string {
	return map[event.Party]string{event.User: "the user", event.Server: "a server", event.Mac: "this Mac"}[p]
}

func outcome(o timeline.Outcome) string {
	return map[timeline.Outcome]string{timeline.Succeeded: "Succeeded", timeline.Failed: "Failed",
		timeline.Cancelled: "Cancelled",
		timeline.Silent:    "Ended without an error", timeline.Unfinished: "No end in the logs"}[o]
}

// data is the input of the script.
type data struct {
	// Logs are the names of the logs, Texts the values that lines refer to by index.
	Logs   []string `json:"logs"`
	Levels []string `json:"levels"`
	Names  []string `json:"names"`
	// OffsetMinutes is the offset from UTC of the zone in which times are shown.
	OffsetMinutes int `json:"offset"`
	// Lines are [log, line, milliseconds since 1970 or null, level, class, event, attempt, origin, message begins in
	// text, text]: numbers where they refer to lists.
	Lines [][]any `json:"lines"`
}

// encodeLines encodes the lines as compact JSON. encoding/json escapes everything that could end a script element.
func encodeLines(report *timeline.Report) ([]byte, error) {
	d := data{Lines: make([][]any, 0, len(report.Lines)), Names: []string{""}}
	for _, log := range report.Logs {
		d.Logs = append(d.Logs, webpage.Clean(log.Name))
	}
	d.Levels = []string{"", string(applog.LevelVerbose), string(applog.LevelInfo), string(applog.LevelWarning),
		string(applog.LevelError)}
	known := map[string]int{"": 0}
	index := func(text string) int {
		at, ok := known[text]
		if !ok {
			at = len(d.Names)
			known[text] = at
			d.Names = append(d.Names, webpage.Clean(text))
		}
		return at
	}
	for i := range report.Lines {
		line := &report.Lines[i]
		var at any
		if !line.Time.At.IsZero() {
			at = line.Time.At.UnixMilli()
			if d.OffsetMinutes == 0 {
				_, offset := line.Time.At.In(report.Location()).Zone()
				d.OffsetMinutes = offset / 60
			}
		}
		class := string(line.Class)
		if class == "" && line.Kind == applog.Unparsed {
			class = "unparsed"
		}
		text, message := webpage.Clean(line.Raw), webpage.Clean(line.Message)
		begins := strings.Index(text, message)
		if begins < 0 || message == "" {
			begins = 0
		}
		// close enough: only letters beyond the basic plane have length two in a script
		begins = len([]rune(text[:begins]))
		d.Lines = append(d.Lines, []any{line.Log, line.Line, at, slices.Index(d.Levels, string(line.Level)),
			index(class), index(line.Event), line.Attempt, index(line.Origin), begins, text})
	}
	return json.Marshal(d)
}
