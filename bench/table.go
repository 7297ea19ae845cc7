package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A unit is what a figure counts.
type unit string

const (
	duration unit = "ns"
	memory   unit = "bytes"
	times    unit = "times"
)

// row is one measurement beside its reference.
type row struct {
	Measure string  `json:"measure"`
	Unit    unit    `json:"unit"`
	Median  float64 `json:"median"`
	// Reference is what Median is compared with; empty for a row that has none.
	Reference       string  `json:"reference,omitempty"`
	ReferenceMedian float64 `json:"reference_median,omitempty"`
	// Ratio is that to the reference.
	Ratio float64 `json:"ratio,omitempty"`
	Goal  *goal   `json:"goal,omitempty"`
	// Failed is why nothing could be measured.
	Failed string `json:"failed,omitempty"`
}

// goal is the limit of a row: a ratio to its reference or, where AtMost is set, a figure in the row's unit.
type goal struct {
	Ratio  float64 `json:"ratio,omitempty"`
	AtMost float64 `json:"at_most,omitempty"`
}

// met reports whether the goal is met; a row without a goal always meets it.
func (r row) met() bool {
	switch {
	case r.Failed != "":
		return false
	case r.Goal == nil:
		return true
	case r.Goal.AtMost > 0:
		return r.Median <= r.Goal.AtMost
	}
	return r.Ratio <= r.Goal.Ratio
}

// table holds all rows and the machine that they were measured on.
type table struct {
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took_ns"`
	CPUs int           `json:"cpus"`
	Go   string        `json:"go"`
	Rows []row         `json:"rows"`
}

func (t table) print(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(columns, "| measure\t| median\t| reference\t| its median\t| ratio\t| goal\t| met\t|")
	fmt.Fprintln(columns, "| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t|")
	for _, r := range t.Rows {
		median, reference, ratio, goal, met := r.Unit.format(r.Median), "", "", "", ""
		if r.ReferenceMedian > 0 {
			reference, ratio = r.Unit.format(r.ReferenceMedian), fmt.Sprintf("%.2f", r.Ratio)
		}
		if r.Goal != nil {
			goal, met = r.Goal.format(r.Unit), "no"
			if r.met() {
				met = "yes"
			}
		}
		if r.Failed != "" {
			median = "failed: " + r.Failed
		}
		fmt.Fprintf(columns, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n", r.Measure, median, r.Reference, reference,
			ratio, goal, met)
	}
	fmt.Fprintf(columns, "\n%s, %d CPUs, %s, took %s\n", t.At.Format(time.RFC3339), t.CPUs, t.Go,
		t.Took.Round(time.Second))
	return columns.Flush()
}

func (t table) printJSON(w io.Writer) error {
	type measured struct {
		row
		Met bool `json:"met"`
	}
	var rows []measured
	for _, r := range t.Rows {
		rows = append(rows, measured{r, r.met()})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		table
		Rows []measured `json:"rows"`
	}{t, rows})
}

func (g goal) format(u unit) string {
	if g.AtMost > 0 {
		return "≤ " + u.format(g.AtMost)
	}
	return fmt.Sprintf("≤ %.2f×", g.Ratio)
}

func (u unit) format(figure float64) string {
	switch {
	case u == times:
		return fmt.Sprintf("%.0f", figure)
	case u == memory && figure < 1e4:
		return fmt.Sprintf("%.0f B", figure)
	case u == memory && figure < 1e6:
		return fmt.Sprintf("%.1f kB", figure/1e3)
	case u == memory:
		return fmt.Sprintf("%.1f MB", figure/1e6)
	case figure >= 1e6:
		return fmt.Sprintf("%.2f ms", figure/1e6)
	}
	return fmt.Sprintf("%.1f µs", figure/1e3)
}
