package fleetview

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestDevicesAreCountedByState(t *testing.T) {
	report := &Report{Devices: []Standing{
		{Device: "a", State: "REGISTERED", Answer: Answered}, {Device: "b", State: "REGISTERED", Answer: Silent},
		{Device: "c", State: "ORPHANED", Answer: Answered}, {Device: "d", State: Unknown, Answer: Garbage},
	}}
	report.count()
	all := []Count{
		{State: "REGISTERED", Devices: 2, Answered: 1, Silent: 1}, {State: "ORPHANED", Devices: 1, Answered: 1},
		{State: Unknown, Devices: 1, Garbage: 1},
	}
	if !slices.Equal(report.Counts, all) {
		t.Errorf("%+v", report.Counts)
	}
	report.Keep(func(one Standing) bool { return one.Answer == Answered }, []string{"answer=ANSWERED"})
	if want := []Count{{State: "ORPHANED", Devices: 1, Answered: 1},
		{State: "REGISTERED", Devices: 1, Answered: 1}}; !slices.Equal(report.Counts, want) {
		t.Errorf("%+v", report.Counts)
	}
	if len(report.Devices) != 2 || report.Devices[1].Device != "c" ||
		!reflect.DeepEqual(report.Filters, []string{"answer=ANSWERED"}) {
		t.Errorf("%+v", report)
	}
}

// A program gets lists, also where there is nothing in them.
func TestNothingIsAnEmptyList(t *testing.T) {
	report := (&asking{}).report()
	report.Keep(func(Standing) bool { return false }, nil)
	written, err := json.Marshal(report)
	if err != nil || !strings.Contains(string(written), `"devices":[],"counts":[]`) {
		t.Errorf("%s, %v", written, err)
	}
}
