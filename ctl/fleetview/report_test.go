package fleetview

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestMacsAreCountedByState(t *testing.T) {
	report := &Report{Macs: []Standing{
		{Mac: "a", State: "REGISTERED", Answer: Answered}, {Mac: "b", State: "REGISTERED", Answer: Silent},
		{Mac: "c", State: "ORPHANED", Answer: Answered}, {Mac: "d", State: Unknown, Answer: Garbage},
	}}
	report.count()
	all := []Count{
		{State: "REGISTERED", Macs: 2, Answered: 1, Silent: 1}, {State: "ORPHANED", Macs: 1, Answered: 1},
		{State: Unknown, Macs: 1, Garbage: 1},
	}
	if !slices.Equal(report.Counts, all) {
		t.Errorf("%+v", report.Counts)
	}
	report.Keep(func(one Standing) bool { return one.Answer == Answered }, []string{"answer=ANSWERED"})
	if want := []Count{{State: "ORPHANED", Macs: 1, Answered: 1},
		{State: "REGISTERED", Macs: 1, Answered: 1}}; !slices.Equal(report.Counts, want) {
		t.Errorf("%+v", report.Counts)
	}
	if len(report.Macs) != 2 || report.Macs[1].Mac != "c" ||
		!reflect.DeepEqual(report.Filters, []string{"answer=ANSWERED"}) {
		t.Errorf("%+v", report)
	}
}

// A program gets lists, even if they are empty.
func TestNothingIsAnEmptyList(t *testing.T) {
	report := (&asking{}).report()
	report.Keep(func(Standing) bool { return false }, nil)
	written, err := json.Marshal(report)
	if err != nil || !strings.Contains(string(written), `"macs":[],"counts":[]`) {
		t.Errorf("%s, %v", written, err)
	}
}
