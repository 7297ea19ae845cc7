package fleetview

import (
	"cmp"
	"slices"
	"time"
)

// Answer is what came of asking a Mac.
type Answer string

// The answers. A Mac that is silent is known from what it published last; of one that answers garbage nothing is
// believed but that it is there.
const (
	Answered Answer = "ANSWERED"
	Silent   Answer = "SILENT"
	Garbage  Answer = "GARBAGE"
)

// What stands in the place of a state of docs/states.md: Unknown for a Mac that has not told one that is known here,
// NoUser where nobody has logged in or registered yet.
const (
	Unknown = "UNKNOWN"
	NoUser  = "NO_USER"
)

// Standing is how one Mac stands, as far as is known.
type Standing struct {
	// Mac is the name that the server vouches for.
	Mac    string `json:"mac"`
	Answer Answer `json:"answer"`
	// State is the name of a state of docs/states.md, [Unknown] or [NoUser]: of the answer, or what was known last.
	State string `json:"state"`
	// Seen is when the Mac said so, by the server's clock; the zero time if it never did.
	Seen time.Time `json:"seen"`
	// Computer, User and Problems are empty where the Mac leaves out what is personal.
	Computer        string   `json:"computer,omitempty"`
	User            string   `json:"user,omitempty"`
	OperatingSystem string   `json:"operating_system,omitempty"`
	Version         string   `json:"version,omitempty"`
	Registration    string   `json:"registration,omitempty"`
	Problems        []string `json:"problems,omitempty"`
	ProblemCount    int      `json:"problem_count"`
	// Instances is how many different Macs answered under this name: more than one were cloned, or share credentials.
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

// Report is how a fleet stands.
type Report struct {
	// Made is when it was asked.
	Made time.Time `json:"made"`
	// Macs are in the order of their names.
	Macs []Standing `json:"macs"`
	// Counts are of the Macs, the most frequent state first.
	Counts []Count `json:"counts"`
	// Trend is by day, the oldest first; only where it was asked for.
	Trend []Day `json:"trend,omitempty"`
	// Warnings say what could not be found out, one sentence each.
	Warnings []string `json:"warnings,omitempty"`
	// Filters are those that chose the Macs, as they were given.
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

// Keep keeps the Macs that fit, and counts them anew; filters are what was asked for, as it was given.
func (r *Report) Keep(fits func(Standing) bool, filters []string) {
	r.Macs = slices.DeleteFunc(r.Macs, func(mac Standing) bool { return !fits(mac) })
	r.Filters = filters
	r.count()
}
