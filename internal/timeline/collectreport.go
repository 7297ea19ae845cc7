package timeline

import (
	"cmp"
	"slices"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
)

// Report returns what the records so far show.
func (c *Collector) Report() *Report {
	for _, log := range c.logs {
		log.find()
	}
	c.settleZone()
	skews := c.findSkews()
	report := &Report{Schema: Schema, CreateTime: c.options.Now.UTC(), Zone: c.zone.name(), ZoneFrom: c.zone.from,
		location: c.zone.location,
		Skews:    skews, Attempts: []Attempt{}}
	var events []found
	var last time.Time
	for _, log := range c.logs {
		info := log.info
		for _, format := range info.Formats {
			if identity, _ := applog.NameOf(format); !identity.Usable {
				info.Note = "This is " + identity.Name + ". " + identity.Advice
			}
		}
		report.Logs = append(report.Logs, info)
		report.users, report.computers = append(report.users, log.users...), append(report.computers, log.computers...)
		events = append(events, log.found...)
		last = latest(last, log.info.LastTime.Add(-log.skew))
	}
	slices.SortStableFunc(events, func(a, b found) int {
		return cmp.Or(a.Time.At.Compare(b.Time.At), cmp.Compare(a.Log, b.Log), cmp.Compare(a.Line, b.Line))
	})
	found, rest := attempts(withoutDoubles(events))
	markRefusals(rest)
	found = slices.DeleteFunc(found, func(a *attempt) bool {
		return a.last().Before(c.options.Since) || c.options.User != "" && a.user != "" && a.user != c.options.User
	})
	first := max(0, len(found)-c.options.Attempts)
	report.OmittedAttempts = first
	for i, a := range found[first:] {
		report.Attempts = append(report.Attempts, judge(a, first+i+1, last, c.options.Now))
	}
	for _, f := range rest[max(0, len(rest)-maximumTrouble):] {
		if !f.Time.At.Before(c.options.Since) {
			report.Trouble = append(report.Trouble, f.Event)
		}
	}
	return report
}

// maximumTrouble is how much trouble outside of the attempts a report has.
const maximumTrouble = 50

// sameMoment is how far apart the times of one event may be in usher's journal and in Company Portal's log. Both times
// are from the log.
const sameMoment = 50 * time.Millisecond

// withoutDoubles removes the events of usher's journal that Company Portal's own log has too, with more detail.
func withoutDoubles(events []found) []found {
	return slices.DeleteFunc(slices.Clone(events), func(f found) bool {
		if f.Source != applog.SourceUsher {
			return false
		}
		from, _ := slices.BinarySearchFunc(events, f.Time.At.Add(-sameMoment),
			func(e found, at time.Time) int { return e.Time.At.Compare(at) })
		for _, other := range events[from:] {
			if other.Time.At.Sub(f.Time.At) > sameMoment {
				break
			}
			if other.user != "" && f.user != "" && other.user != f.user {
				continue
			}
			if other.Source == applog.SourceCompanyPortal &&
				(other.Name == f.Name || f.Name == event.StepFailed && other.Class == event.Trouble) {
				return true
			}
		}
		return false
	})
}
