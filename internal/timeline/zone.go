package timeline

import (
	"fmt"
	"strings"
	"time"

	"usher.internal/internal/applog"
)

// zone is the zone of the Mac whose logs are read, as far as it is known.
type zone struct {
	location *time.Location
	from     applog.Zone
	// given is true if the caller gave the zone.
	given bool
	// context is the latest moment in a log with whole dates.
	context time.Time
}

func newZone(given *time.Location) zone {
	if given != nil {
		return zone{location: given, from: applog.ZoneWritten, given: true}
	}
	return zone{location: time.Local, from: applog.ZoneAssumed}
}

// yearMargin is how much later than the other logs a log without years may end.
const yearMargin = 180 * 24 * time.Hour

// ReadOptions returns the options for reading a log.
func (c *Collector) ReadOptions(index int) applog.Options {
	log := c.logs[index]
	options := applog.Options{File: log.info.Name, Zone: c.zone.location, Inferred: c.zone.from != applog.ZoneAssumed,
		Modified: log.modified}
	if options.Modified.IsZero() {
		options.Modified = c.options.Now
	}
	// A copied log has a new date; the other logs say when it was written.
	if at := c.zone.context; !at.IsZero() && options.Modified.Sub(at) > yearMargin {
		options.Modified = at.Add(yearMargin)
	}
	return options
}

// settleZone derives the zone from the offsets in logs, and the year from their dates.
func (c *Collector) settleZone() {
	counts := map[time.Duration]int{}
	var last time.Time
	for _, log := range c.logs {
		for offset, count := range log.offsets {
			counts[offset] += count
		}
		if log.dated.After(last) {
			last = log.dated
		}
	}
	c.zone.context = last
	if c.zone.given || len(counts) == 0 {
		return
	}
	var best time.Duration
	for offset, count := range counts {
		if count > counts[best] || count == counts[best] && offset < best {
			best = offset
		}
	}
	c.zone.from = applog.ZoneInferred
	// This computer's zone has the changes of the clocks; an offset has not.
	if _, here := last.In(time.Local).Zone(); time.Duration(here)*time.Second == best {
		c.zone.location = time.Local
		return
	}
	c.zone.location = time.FixedZone(offsetName(best), int(best/time.Second))
}

// infer replaces the assumed zone by one in which local times are moved by a difference.
func (z *zone) infer(at time.Time, difference time.Duration) {
	_, assumed := at.In(z.location).Zone()
	offset := time.Duration(assumed)*time.Second + difference
	z.location, z.from = time.FixedZone(offsetName(offset), int(offset/time.Second)), applog.ZoneInferred
}

// name is the zone as it is shown.
func (z zone) name() string {
	if z.location == time.Local {
		if at := z.context; !at.IsZero() {
			name, _ := at.In(time.Local).Zone()
			return name
		}
		name, _ := time.Now().Zone()
		return name
	}
	return z.location.String()
}

func offsetName(offset time.Duration) string {
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	return fmt.Sprintf("UTC%c%02d:%02d", sign, int(offset.Hours()), int(offset.Minutes())%60)
}

// writtenOffset returns the offset from UTC of an entry that writes its local time too.
func writtenOffset(record *applog.Record) (time.Duration, bool) {
	text := record.Raw
	if at := strings.Index(text, `"timestamp"`); at >= 0 {
		text = text[at:]
	}
	if len(text) > 200 {
		text = text[:200]
	}
	const layout = "2006-01-02 15:04:05"
	for i := 0; i+len(layout) <= len(text); i++ {
		if text[i]-'0' > 9 || text[i+4] != '-' {
			continue
		}
		local, err := time.Parse(layout, text[i:i+len(layout)])
		if err != nil {
			continue
		}
		const quarter = 15 * time.Minute
		offset := local.Sub(record.Time.At).Round(quarter)
		return offset, offset >= -14*time.Hour && offset <= 14*time.Hour
	}
	return 0, false
}
