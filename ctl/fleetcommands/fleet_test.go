package fleetcommands

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"usher.internal/ctl/fleetview"
)

func TestFilters(t *testing.T) {
	mac := fleetview.Standing{
		Mac: "MAC-7", Answer: fleetview.Silent, State: "NOT_REGISTERED", Computer: "Jane's/Mac [1]", User: "jane",
		Version:         "1.2.3",
		OperatingSystem: "macOS 15.1", Registration: "FAILED: PORTAL_FAILED",
	}
	for _, test := range []struct {
		filters []string
		fits    bool
	}{
		{nil, true},
		{[]string{"state=NOT_REGISTERED"}, true},
		{[]string{"State = not_registered"}, true},
		{[]string{"state=ORPHANED,NOT_*"}, true},
		{[]string{"state=ORPHANED"}, false},
		{[]string{"state=REGISTERED"}, false}, // the whole of it
		{[]string{"state=*", "answer=silent", "mac=mac-?"}, true},
		{[]string{"state=*", "answer=ANSWERED"}, false},
		{[]string{"computer=jane*mac*"}, true}, // over a slash too
		{[]string{`computer=jane's/mac \[1\]`}, true},
		{[]string{"computer=jane's/mac [1]"}, false},
		{[]string{"registration=*portal_failed", "version=1.[0-2].*", "operating_system=macOS 1?.*"}, true},
		{[]string{"user="}, false},
		{[]string{"user=,jane"}, true},
	} {
		filter, err := parseFilters(test.filters)
		if err != nil || filter(mac) != test.fits {
			t.Errorf("%q: fits %v, %v", test.filters, !test.fits, err)
		}
	}
	if filter, err := parseFilters([]string{"user="}); err != nil || !filter(fleetview.Standing{}) {
		t.Errorf("a Mac without a user does not fit, %v", err)
	}
	for _, filter := range []string{"", "=", "state", "colour=red", "state=[", "state=a,[b", `mac=\`, "mac=[]",
		"problems=x"} {
		if _, err := parseFilters([]string{"state=*", filter}); err == nil ||
			!strings.Contains(err.Error(), "--filter is ") {
			t.Errorf("%q: %v", filter, err)
		}
	}
}

// A Mac's name for itself cannot be a formula in a spreadsheet, or another row or column.
func TestCSV(t *testing.T) {
	names := []string{
		"=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\t=1+1", "＝1+1", "a=1", "Jane's Mac", "a,\"b\"", "größe", "",
	}
	report := &fleetview.Report{}
	for _, name := range names {
		report.Macs = append(report.Macs,
			fleetview.Standing{Mac: "MAC-7", Computer: name, Notes: []string{"a", "b"}, Seen: time.Unix(0, 0)})
	}
	var written bytes.Buffer
	writeCSV(&written, report)
	rows, err := csv.NewReader(&written).ReadAll()
	if err != nil || len(rows) != len(names)+1 || strings.Join(rows[0], " ") !=
		"mac answer state seen computer user operating_system version registration instances problem_count "+
			"problems notes" {
		t.Fatalf("%q, %v", rows, err)
	}
	for i, row := range rows[1:] {
		want := names[i]
		if i < 7 {
			want = "'" + want
		}
		if row[4] != want || row[3] != "1970-01-01T00:00:00Z" || row[12] != "a; b" {
			t.Errorf("%q, want %q", row, want)
		}
	}
}

func TestDays(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{"90d": 90 * day, "1d": day, "36500d": 36500 * day,
		"12h": 12 * time.Hour, "90m": 90 * time.Minute, "48h": 2 * day} {
		var got days
		if err := got.Set(text); err != nil || time.Duration(got) != want {
			t.Errorf("%s is %s, %v", text, time.Duration(got), err)
		}
	}
	for _, text := range []string{"", "d", "0d", "-1d", "1.5d", "36501d", "99999999999d", "90", "0", "-1h", "1000000h",
		"soon", "1d2h", " 1d"} {
		got := days(day)
		if err := got.Set(text); err == nil || time.Duration(got) != day {
			t.Errorf("%q is %s", text, time.Duration(got))
		}
	}
	for want, given := range map[string]time.Duration{"90d": 90 * day, "36h0m0s": 36 * time.Hour, "0s": 0} {
		if got := days(given).String(); got != want {
			t.Errorf("%s is shown as %s", want, got)
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{"10GiB": 10 << 30, "512MiB": 512 << 20, "2TiB": 2 << 40} {
		var got bytesFlag
		if err := got.Set(text); err != nil || int64(got) != want || got.String() != text {
			t.Errorf("%s is %d, %s, %v", text, int64(got), got.String(), err)
		}
	}
	for _, text := range []string{"", "GiB", "0GiB", "-1GiB", "1.5GiB", "10", "10GB", "10gib", "10 GiB",
		"9999999999999999TiB", "4194305TiB"} {
		got := bytesFlag(1)
		if err := got.Set(text); err == nil || got != 1 {
			t.Errorf("%q is %d", text, int64(got))
		}
	}
	if got := bytesFlag(3<<30 + 1<<20).String(); got != "3073MiB" {
		t.Error(got)
	}
}
