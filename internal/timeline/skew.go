package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
)

// anchor is a pair of events of two sources that tell of one thing: the later one comes within a time after the earlier.
type anchor struct {
	earlier, later             string
	earlierSource, laterSource applog.Source
	least, most                time.Duration
	// what it is that both report.
	what string
}

var anchors = []anchor{
	{event.PolicyStarted, event.PortalLaunching, applog.SourceJamf, applog.SourceUnified, -2 * time.Second, 2 * time.Minute,
		"the policy that opens Company Portal"},
	{event.PortalExited, event.IdentityCollecting, applog.SourceCompanyPortal, applog.SourceUnified, -2 * time.Second, 2 * time.Minute,
		"the end of Company Portal"},
	{event.PortalExited, "usher-reading-identity", applog.SourceCompanyPortal, applog.SourceUsher, -2 * time.Second, 30 * time.Second,
		"the end of Company Portal"},
	{event.PortalFailed, event.RegistrationFailed, applog.SourceCompanyPortal, applog.SourceUsher, -2 * time.Second, 30 * time.Second,
		"the end of Company Portal"},
	{event.PolicyStarted, event.SignInStarted, applog.SourceJamf, applog.SourceCompanyPortal, -2 * time.Second, 7 * time.Minute,
		"the policy that opens Company Portal"},
	{event.PolicyStarted, event.TokenFetched, applog.SourceJamf, applog.SourceCompanyPortal, -2 * time.Second, 7 * time.Minute,
		"the policy that opens Company Portal"},
	{event.PolicyStarted, event.RegistrationStarted, applog.SourceJamf, applog.SourceUsher, -2 * time.Second, 2 * time.Minute,
		"the policy that calls usherctl"},
}

const (
	// farthest is the largest difference between two zones, with a margin.
	farthest = 15 * time.Hour
	quarter  = 15 * time.Minute
)

// certainties orders zones, the surest first: the less sure source is the one whose clock is doubted.
var certainties = []applog.Zone{applog.ZoneWritten, applog.ZoneUTC, applog.ZoneLikelyUTC, applog.ZoneInferred, applog.ZoneAssumed}

// findSkews compares what two sources report of the same things, and moves the times of the less certain one.
func (c *Collector) findSkews() []Skew {
	bySource := map[applog.Source][]*found{}
	for _, log := range c.logs {
		for i := range log.found {
			bySource[log.found[i].Source] = append(bySource[log.found[i].Source], &log.found[i])
		}
	}
	moved := map[applog.Source]time.Duration{}
	var skews []Skew
	for _, a := range anchors {
		earlier, later := named(bySource[a.earlierSource], a.earlier), named(bySource[a.laterSource], a.later)
		difference, ok := a.difference(earlier, later, moved[a.laterSource]-moved[a.earlierSource])
		if !ok {
			continue
		}
		doubted, against := a.laterSource, a.earlierSource
		if doubt(earlier) > doubt(later) {
			doubted, against, difference = a.earlierSource, a.laterSource, -difference
		}
		if _, already := moved[doubted]; already {
			continue
		}
		moved[doubted] = difference
		skew := Skew{Source: doubted, Against: against, Milliseconds: difference.Milliseconds(),
			Detail: fmt.Sprintf("The times of %s are %s those of %s, by what both say of %s; here they are shown as %s has them.",
				doubted, ahead(difference), against, a.what, against)}
		if doubted == applog.SourceJamf && c.zone.from == applog.ZoneAssumed && difference%quarter == 0 {
			c.zone.infer(later[0].Time.At, difference)
			skew.Detail = fmt.Sprintf("The local times of %s fit those of %s, by what both say of %s, in the zone %s, which they are taken to be in.",
				doubted, against, a.what, c.zone.name())
		}
		skews = append(skews, skew)
	}
	for source, by := range moved {
		for _, f := range bySource[source] {
			f.Time.At = f.Time.At.Add(-by)
		}
		for _, log := range c.logs {
			for format := range log.formats {
				if format.Source() == source {
					log.skew = by
				}
			}
		}
	}
	return skews
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

// doubt is how unsure the zone of the least sure event is.
func doubt(events []*found) int {
	worst := 0
	for _, f := range events {
		worst = max(worst, slices.Index(certainties, f.Time.Zone))
	}
	return worst
}

// difference is by how much the later source's clock is ahead of the earlier one's; ok is false where they agree, or
// where nothing can be said.
func (a anchor) difference(earlier, later []*found, moved time.Duration) (by time.Duration, ok bool) {
	if len(earlier) == 0 || len(later) == 0 {
		return 0, false
	}
	counts := map[time.Duration]int{}
	for _, e := range earlier {
		for _, l := range later {
			d := l.Time.At.Sub(e.Time.At) - moved
			if d >= a.least && d <= a.most {
				return 0, false // some of it agrees: the clocks do
			}
			if d < -farthest || d > farthest {
				continue
			}
			// Zones differ by quarters of an hour; what is left over must be as it should.
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
		return 0, false
	}
	return slices.MinFunc(candidates, func(x, y time.Duration) int {
		return cmp.Or(cmp.Compare(counts[y], counts[x]), cmp.Compare(x.Abs(), y.Abs()))
	}), true
}
