// Package fleetpage writes the state of a fleet as one self-contained HTML page. The page shows what is odd first, then
// the states as a chart, the trend, and every Mac in a table that can be searched and sorted.
//
// Everything important is in the HTML itself and can be read without the script. Text from a Mac is shown and never
// interpreted.
package fleetpage

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"

	"usher.internal/ctl/fleetview"
	"usher.internal/internal/english"
	"usher.internal/internal/webpage"
	"usher.internal/internal/wpj"
)

var (
	//go:embed page.html.tmpl
	markup string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
)

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").
		Funcs(template.FuncMap{"clean": webpage.Clean, "join": strings.Join, "count": english.Count[int]}).
		Parse(markup))
})

// Write writes the page of a report.
func Write(w io.Writer, report *fleetview.Report) error {
	shown := newView(report)
	shown.Policy, shown.Style, shown.Script = webpage.Policy(style, script), webpage.Style(style),
		webpage.Script(script)
	if err := pageTemplate().Execute(w, shown); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// view is the data of the template.
type view struct {
	*fleetview.Report
	Policy                  string
	Style, Script           template.HTML
	Total, Answered         int
	Silent, Garbage, Cloned int
	Bars                    []bar
	Days                    []day
	TrendStates             []string
	Rows                    []row
	HighestDay              int
	PersonalData            bool
}

// bar is a state in the chart, in thousandths of the most frequent one.
type bar struct {
	fleetview.Count
	Class   string
	Width   float64
	Percent string
}

// day is a day of the trend: its states from the bottom up, in thousandths of the day with the most Macs.
type day struct {
	Date  string
	Total int
	Parts []part
	// Counts are the numbers of Macs by the states of the trend.
	Counts []int
	X      float64
	Width  float64
}

type part struct {
	State, Class string
	Macs         int
	Y, Height    float64
}

// row is a Mac in the table.
type row struct {
	fleetview.Standing
	Class string
	Age   string
	Stamp int64
}

// classOf sorts states into good ones, ones that somebody should look at, and ones without information.
func classOf(state string) string {
	switch info, known := wpj.State(state).Info(); {
	case !known || info.State == wpj.StateNotApplicable || info.State == wpj.StateNoSession:
		return "mild"
	case info.Registered && info.Fix == "":
		return "good"
	case info.Registered:
		return "fair"
	}
	return "bad"
}

func newView(report *fleetview.Report) *view {
	v := &view{Report: report, Total: len(report.Macs)}
	for _, mac := range report.Macs {
		switch mac.Answer {
		case fleetview.Answered:
			v.Answered++
		case fleetview.Silent:
			v.Silent++
		case fleetview.Garbage:
			v.Garbage++
		}
		if mac.Instances > 1 {
			v.Cloned++
		}
		v.PersonalData = v.PersonalData || mac.User != "" || mac.Computer != ""
		v.Rows = append(v.Rows, row{Standing: mac, Class: classOf(mac.State),
			Age: cmp.Or(english.Age(report.Made.Sub(mac.Seen)), "now"), Stamp: mac.Seen.Unix()})
	}
	for _, count := range report.Counts {
		v.Bars = append(v.Bars, bar{
			Count: count, Class: classOf(count.State),
			Width:   1000 * float64(count.Macs) / float64(report.Counts[0].Macs),
			Percent: fmt.Sprintf("%.1f %%", 100*float64(count.Macs)/float64(v.Total)),
		})
	}
	v.addTrend()
	return v
}

// addTrend draws the days, if there is more than one.
func (v *view) addTrend() {
	if len(v.Trend) < 2 {
		return
	}
	total := make(map[string]int)
	for _, one := range v.Trend {
		macs := 0
		for state, count := range one.States {
			total[state] += count
			macs += count
		}
		v.HighestDay = max(v.HighestDay, macs)
	}
	for state := range total {
		v.TrendStates = append(v.TrendStates, state)
	}
	// Good states are at the bottom, so problems are on top and their growth is visible.
	rank := map[string]int{"good": 0, "fair": 1, "mild": 2, "bad": 3}
	slices.SortFunc(v.TrendStates, func(a, b string) int {
		if byClass := rank[classOf(a)] - rank[classOf(b)]; byClass != 0 {
			return byClass
		}
		return strings.Compare(a, b)
	})
	width := 1000 / float64(len(v.Trend))
	for i, one := range v.Trend {
		drawn := day{Date: one.Date, X: float64(i) * width, Width: width * 0.8}
		top := 300.0
		for _, state := range v.TrendStates {
			count := one.States[state]
			drawn.Counts = append(drawn.Counts, count)
			drawn.Total += count
			if count == 0 {
				continue
			}
			height := 300 * float64(count) / float64(v.HighestDay)
			top -= height
			drawn.Parts = append(drawn.Parts,
				part{State: state, Class: classOf(state), Macs: count, Y: top, Height: height})
		}
		v.Days = append(v.Days, drawn)
	}
}
