package applog

import "time"

// localClock makes moments of times that a log writes without their offset from UTC. It looks the offset up twice a day
// of a log at most, except around a change of the clocks.
type localClock struct {
	// offset is that of the local times in [from, to), all in seconds.
	offset, from, to int64
	// last is the Unix time of the entry before.
	last int64
}

// backwards is by how many seconds an entry may be older than the one before it without the clocks having been set
// back: processes that write at once do not keep their order.
const backwards = 120

// unix returns the Unix time of a local time, which is given as if it were UTC. A time of the hour that comes twice is
// that of its first pass, until the log goes backwards; one of the hour that is left out is told as if it had not been.
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
