package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
)

// anchor is a pair of events of two sources that report the same thing. The later one comes within a limited time after
// the earlier.
type anchor struct {
	earlier, later             string
	earlierSource, laterSource applog.Source
	least, most                time.Duration
	// what names the thing that both report.
	what string
}

var anchors = []anchor{
	{event.PolicyStarted, event.PortalLaunching, applog.SourceJamf, applog.SourceUnified, -2 * time.Second,
		2 * time.Minute,
		"the policy that opens Company Portal"},
	{event.PortalExited, event.IdentityCollecting, applog.SourceCompanyPortal, applog.SourceUnified, -2 * time.Second,
		2 * time.Minute,
		"the end of Company Portal"},
	{event.PortalExited, "usher-reading-identity", applog.SourceCompanyPortal, applog.SourceUsher, -2 * time.Second,
		30 * time.Second,
		"the end of Company Portal"},
	{event.PortalFailed, event.RegistrationFailed, applog.SourceCompanyPortal, applog.SourceUsher, -2 * time.Second,
		30 * time.Second,
		"the end of Company Portal"},
	{event.PolicyStarted, event.SignInStarted, applog.SourceJamf, applog.SourceCompanyPortal, -2 * time.Second,
		7 * time.Minute,
		"the policy that opens Company Portal"},
	{event.PolicyStarted, event.TokenFetched, applog.SourceJamf, applog.SourceCompanyPortal, -2 * time.Second,
		7 * time.Minute,
		"the policy that opens Company Portal"},
	{event.PolicyStarted, event.RegistrationStarted, applog.SourceJamf, applog.SourceUsher, -2 * time.Second,
		2 * time.Minute,
		"the policy that calls usherctl"},
}

const (
	// farthest is the largest difference between two zones, with a margin.
	farthest = 15 * time.Hour
	quarter  = 15 * time.Minute
)

// certainties orders zones, the most certain first. usher doubts the clock of the source with the less certain zone.
var certainties = []applog.Zone{applog.ZoneWritten, applog.ZoneUTC, applog.ZoneLikelyUTC, applog.ZoneInferred,
	applog.ZoneAssumed}

// difference is what one group's events say about the clocks of two sources.
type difference struct {
	group            *group
	doubted, against applog.Source
	by               time.Duration
	// agree is true if the clocks agree; then the other fields are not set.
	agree bool
	// at is when the later source reports it.
	at time.Time
}

// nearly is how far apart the differences of two users of one Mac may be.
const nearly = 2 * time.Second

// findSkews compares the times of events that two sources report, and moves the times of the less certain source. It
// compares only logs of the same user and Mac: two users' events are unrelated, and users can write anything into their
// own logs.
func (c *Collector) findSkews() []Skew {
	var skews []Skew
	for _, one := range c.computers() {
		skews = append(skews, c.findSkewsOf(one)...)
	}
	return skews
}

func (c *Collector) findSkewsOf(one *computer) []Skew {
	moved := map[*group]map[applog.Source]time.Duration{}
	for _, p := range one.groups {
		moved[p] = map[applog.Source]time.Duration{}
	}
	var skews []Skew
	for _, a := range anchors {
		var all []difference
		for _, p := range one.groups {
			if d, ok := a.compare(p, moved[p]); ok {
				all = append(all, d)
			}
		}
		for _, d := range one.settle(all) {
			skew := Skew{Source: d.doubted, Against: d.against, Milliseconds: d.by.Milliseconds(),
				Detail: fmt.Sprintf("The times of %s are %s those of %s, judging by %s in both logs; they are shown "+
					"with the clock of %s.",
					d.named(one), ahead(d.by), d.against, a.what, d.against)}
			if d.doubted == applog.SourceJamf && c.zone.from == applog.ZoneAssumed && d.by%quarter == 0 {
				c.zone.infer(d.at, d.by)
				skew.Detail = fmt.Sprintf("The local times of %s match those of %s, judging by %s in both "+
					"logs, in the "+
					"zone %s, which usher therefore assumes.",
					d.named(one), d.against, a.what, c.zone.name())
			}
			skews = append(skews, skew)
			if one.isShared(d.doubted) { // a log of the whole Mac has one clock for all users
				for _, p := range one.groups {
					moved[p][d.doubted] = d.by
				}
			} else {
				moved[d.group][d.doubted] = d.by
			}
		}
	}
	one.move(moved)
	return skews
}

// settle returns the credible differences. For a source with a log of the whole Mac it returns one, or none if two
// users' logs contradict each other.
func (c *computer) settle(all []difference) (believed []difference) {
	for _, d := range all {
		shared := !d.agree && c.isShared(d.doubted)
		contradicts := func(other difference) bool {
			return other.agree || other.doubted != d.doubted || (other.by-d.by).Abs() > nearly
		}
		switch {
		case d.agree, shared && slices.ContainsFunc(all, contradicts):
		case shared && len(believed) > 0: // the same difference again
		default:
			believed = append(believed, d)
		}
	}
	return believed
}

// named names the source whose times are doubted.
func (d difference) named(of *computer) string {
	if len(of.groups) > 1 && d.group.user != "" && !of.isShared(d.doubted) {
		return fmt.Sprintf("%s in the logs of user %s", d.doubted, d.group.user)
	}
	return string(d.doubted)
}

// move subtracts the differences from the times of the events and logs.
func (c *computer) move(moved map[*group]map[applog.Source]time.Duration) {
	for p, bySource := range moved {
		for source, by := range bySource {
			for _, f := range p.events[source] {
				f.Time.At = f.Time.At.Add(-by)
			}
			for _, log := range c.logs {
				if log.has(source) && (log.user == p.user || log.user == "") {
					log.skew = by
				}
			}
		}
	}
}

func ahead(by time.Duration) string {
	if by < 0 {
		return Brief(-by) + " behind"
	}
	return Brief(by) + " ahead of"
}

func named(all []*found, name string) (some []*found) {
	for _, f := range all {
		if f.Name == name && (name != event.PolicyStarted || registrationPolicy.MatchString(f.name)) {
			some = append(some, f)
		}
	}
	return some
}

// doubt is the uncertainty of the least certain event's zone.
func doubt(events []*found) int {
	worst := 0
	for _, f := range events {
		worst = max(worst, slices.Index(certainties, f.Time.Zone))
	}
	return worst
}

// compare compares the clocks of the two sources by a group's events. ok is false if the events show nothing, or if the
// doubted source was moved before.
func (a anchor) compare(p *group, moved map[applog.Source]time.Duration) (d difference, ok bool) {
	earlier, later := named(p.events[a.earlierSource], a.earlier), named(p.events[a.laterSource], a.later)
	by, agree, ok := a.difference(earlier, later, moved[a.laterSource]-moved[a.earlierSource])
	if !ok || agree {
		return difference{group: p, agree: agree}, agree
	}
	d = difference{group: p, doubted: a.laterSource, against: a.earlierSource, by: by, at: later[0].Time.At}
	if doubt(earlier) > doubt(later) {
		d.doubted, d.against, d.by = a.earlierSource, a.laterSource, -by
	}
	_, already := moved[d.doubted]
	return d, !already
}

// difference is by how much the later source's clock is ahead of the earlier one's. agree is true if the clocks agree,
// and ok is false if nothing is known.
func (a anchor) difference(earlier, later []*found, moved time.Duration) (by time.Duration, agree, ok bool) {
	if len(earlier) == 0 || len(later) == 0 {
		return 0, false, false
	}
	counts := map[time.Duration]int{}
	for _, e := range earlier {
		for _, l := range later {
			d := l.Time.At.Sub(e.Time.At) - moved
			if d >= a.least && d <= a.most {
				return 0, true, true // some events agree, so the clocks agree
			}
			if d < -farthest || d > farthest {
				continue
			}
			// Zones differ by quarters of an hour; the remainder must be within the limits.
			zone := d.Round(quarter)
			if rest := d - zone; zone != 0 && rest >= a.least && rest <= a.most {
				counts[zone]++
			} else if d > -10*time.Minute && d < 10*time.Minute {
				counts[d.Round(time.Second)]++
			}
		}
	}
	var candidates []time.Duration
	for candidate, count := range counts {
		if 2*count >= min(len(earlier), len(later)) {
			candidates = append(candidates, candidate)
		}
	}
	if len(candidates) == 0 {
		return 0, false, false
	}
	return slices.MinFunc(candidates, func(x, y time.Duration) int {
		return cmp.Or(cmp.Compare(counts[y], counts[x]), cmp.Compare(x.Abs(), y.Abs()))
	}), false, true
}
