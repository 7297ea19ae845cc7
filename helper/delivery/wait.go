package delivery

import "time"

// moment is the time on two clocks: the wall clock, which can be set, and the one that only goes forward and stops
// while a Mac sleeps. The latter starts with usherd.
type moment struct {
	wall  time.Time
	awake time.Duration
}

func newClock() func() moment {
	started := time.Now()
	return func() moment {
		now := time.Now()
		return moment{now.Round(0), now.Sub(started)}
	}
}

// waits knows how long pending and refused deliveries still have to wait. The journal has the time on the wall clock at
// which each is due. A wall clock that is set back does not delay that. Once a due time was seen, the wait lasts at
// most the longest possible pause on the clock that only goes forward. The zero value is not ready; one goroutine uses
// it.
type waits struct {
	clock func() moment
	seen  map[uint64]seen
}

// seen is a due time as the journal has it, and the latest end of the wait.
type seen struct {
	due  time.Time
	over time.Duration
}

func newWaits(clock func() moment) *waits {
	return &waits{clock: clock, seen: make(map[uint64]seen)}
}

// left returns how long a pending or refused delivery has to wait; zero or less means that it is due.
func (w *waits) left(d Delivery) time.Duration {
	now := w.clock()
	left := d.NextAttemptAt.Sub(now.wall)
	known, ok := w.seen[d.ID]
	if !ok || !known.due.Equal(d.NextAttemptAt) {
		known = seen{d.NextAttemptAt, now.awake + min(left, w.longest(d))}
		w.seen[d.ID] = known
	}
	return min(left, known.over-now.awake)
}

// longest returns the longest possible pause before the next attempt.
func (w *waits) longest(d Delivery) time.Duration {
	switch {
	case d.State == StateRefused:
		return refusedPause + refusedJitter
	case d.Attempts == 0:
		return 0 // it waits only for earlier ones
	}
	longest := retries.Bound(d.Attempts)
	if !d.NotBefore.IsZero() {
		longest += maximumAfter
	}
	return longest
}

// keep forgets all deliveries but these.
func (w *waits) keep(those []Delivery) {
	before := w.seen
	w.seen = make(map[uint64]seen, len(those))
	for _, one := range those {
		if known, ok := before[one.ID]; ok {
			w.seen[one.ID] = known
		}
	}
}
