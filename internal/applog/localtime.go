package applog

import "time"

// localClock converts times that a log writes without their offset from UTC. For each day of a log it looks the offset
// up at most twice, except around a change of the clocks.
type localClock struct {
	// offset is the offset of the local times in [from, to), all in seconds.
	offset, from, to int64
	// last is the Unix time of the previous entry.
	last int64
}

// backwards is how many seconds an entry may be older than the previous one before usher concludes that the clocks were
// set back. Processes that write at the same time do not keep their order.
const backwards = 120

// unix returns the Unix time of a local time, which is given as if it were UTC. A time in the hour that occurs twice
// belongs to the first pass, until the log goes backwards. A time in the hour that is left out is converted with the
// offset from before the change.
func (c *localClock) unix(local int64, zone *time.Location) int64 {
	if local < c.from || local >= c.to {
		c.look(local, zone)
	}
	c.last = local - c.offset
	return c.last
}

func (c *localClock) look(local int64, zone *time.Location) {
	const day, hour = 24 * 60 * 60, 60 * 60
	before, after := offsetAt(local-day, zone), offsetAt(local+day, zone)
	if before == after { // offsets are at most 14 hours, so the day on either side leaves 10
		c.offset, c.from, c.to = before, local-10*hour, local+10*hour
		return
	}
	c.offset, c.from, c.to = before, 0, 0
	isBefore, isAfter := offsetAt(local-before, zone) == before, offsetAt(local-after, zone) == after
	if isAfter && (!isBefore || local-before+backwards < c.last) {
		c.offset = after
	}
}

// offsetAt is how far the clocks of a zone are ahead of UTC, in seconds.
func offsetAt(unix int64, zone *time.Location) int64 {
	_, offset := time.Unix(unix, 0).In(zone).Zone()
	return int64(offset)
}
