package fleetcommands

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"usher.internal/ctl/fleetview"
)

// Some spreadsheets start a cell after a semicolon too, and quotes hide no formula.
func TestCSVOfAHostileMac(t *testing.T) {
	var written bytes.Buffer
	writeCSV(&written, &fleetview.Report{Macs: []fleetview.Standing{{
		Mac: `"=1+1`, Computer: "\ttext", User: "\u200b@SUM(A1)", Version: "\x1b[2J",
		Notes: []string{"asleep", "=cmd|' /C calc'!A0"},
	}}})
	rows, err := csv.NewReader(&written).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%q, %v", rows, err)
	}
	for _, cell := range rows[1] {
		for part := range strings.SplitSeq(cell, ";") {
			if part = strings.Trim(part, " \""); part != "" && strings.ContainsAny(part[:1], "=+-@\t\r") ||
				strings.ContainsAny(cell, "\x1b\u200b") {
				t.Errorf("%q is a formula, or is obeyed by a terminal", cell)
			}
		}
	}
}
