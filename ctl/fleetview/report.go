package fleetview

import (
	"cmp"
	"slices"
	"time"
)

// Answer is the result of asking a Mac.
type Answer string

// The answers. A silent Mac is shown with what it published last. If a Mac answers garbage, nothing is believed but
// that it is there.
const (
	Answered Answer = "ANSWERED"
	Silent   Answer = "SILENT"
	Garbage  Answer = "GARBAGE"
)

// Values in place of a state of docs/states.md. Unknown is for a Mac whose state is not known here, NoUser for a Mac
// where nobody has logged in or registered yet.
const (
	Unknown = "UNKNOWN"
	NoUser  = "NO_USER"
)

// Standing is the state of one Mac, as far as it is known.
type Standing struct {
	// Mac is the name that the server vouches for.
	Mac    string `json:"mac"`
	Answer Answer `json:"answer"`
	// State is the name of a state of docs/states.md, [Unknown] or [NoUser]: from the answer, or the last known one.
	State string `json:"state"`
	// Seen is when the Mac said so, by the server's clock; the zero time if it never did.
	Seen time.Time `json:"seen"`
	// Computer, User and Problems are empty if the Mac leaves out personal data.
	Computer        string   `json:"computer,omitempty"`
	User            string   `json:"user,omitempty"`
	OperatingSystem string   `json:"operating_system,omitempty"`
	Version         string   `json:"version,omitempty"`
	Registration    string   `json:"registration,omitempty"`
	Problems        []string `json:"problems,omitempty"`
	ProblemCount    int      `json:"problem_count"`
	// Instances is how many different Macs answered under this name. More than one were cloned, or share credentials.
	Instances int `json:"instances"`
	// Notes say what is odd about the answer, one sentence each.
	Notes []string `json:"notes,omitempty"`
	// Took is how long the answer took.
	Took time.Duration `json:"-"`
}

// Count is how many Macs are in a state.
type Count struct {
	State    string `json:"state"`
	Macs     int    `json:"macs"`
	Answered int    `json:"answered"`
	Silent   int    `json:"silent"`
	Garbage  int    `json:"garbage"`
}

// Day is how many Macs were in each state at the end of a day (UTC), as far as the stream goes back.
type Day struct {
	Date   string         `json:"date"`
	States map[string]int `json:"states"`
}

// Report is the state of a fleet.
type Report struct {
	// Made is when the fleet was asked.
	Made time.Time `json:"made"`
	// Macs are sorted by name.
	Macs []Standing `json:"macs"`
	// Counts are the Macs by state, the most frequent state first.
	Counts []Count `json:"counts"`
	// Trend is by day, the oldest first; it is set only if it was asked for.
	Trend []Day `json:"trend,omitempty"`
	// Warnings say what could not be found out, one sentence each.
	Warnings []string `json:"warnings,omitempty"`
	// Filters are the filters that chose the Macs, as they were given.
	Filters []string `json:"filters,omitempty"`
}

// count counts the Macs by state.
func (r *Report) count() {
	byState := make(map[string]*Count)
	for _, mac := range r.Macs {
		one := byState[mac.State]
		if one == nil {
			one = &Count{State: mac.State}
			byState[mac.State] = one
		}
		one.Macs++
		switch mac.Answer {
		case Answered:
			one.Answered++
		case Silent:
			one.Silent++
		case Garbage:
			one.Garbage++
		}
	}
	r.Counts = []Count{}
	for _, one := range byState {
		r.Counts = append(r.Counts, *one)
	}
	slices.SortFunc(r.Counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Macs, a.Macs), cmp.Compare(a.State, b.State))
	})
}

// Keep keeps only the Macs that match, and updates Counts; filters are the filters as they were given.
func (r *Report) Keep(fits func(Standing) bool, filters []string) {
	r.Macs = slices.DeleteFunc(r.Macs, func(mac Standing) bool { return !fits(mac) })
	r.Filters = filters
	r.count()
}
