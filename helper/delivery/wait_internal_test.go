package delivery

import (
	"testing"
	"time"
)

// fakeClock is a wall clock that can be set, beside the one that only goes forward.
type fakeClock struct{ now moment }

func (c *fakeClock) pass(d time.Duration)  { c.now.awake += d; c.now.wall = c.now.wall.Add(d) }
func (c *fakeClock) sleep(d time.Duration) { c.now.wall = c.now.wall.Add(d) }
func (c *fakeClock) set(d time.Duration)   { c.now.wall = c.now.wall.Add(d) }

func TestClockThatIsSetDelaysNothing(t *testing.T) {
	begin := func() (*fakeClock, *waits) {
		clock := &fakeClock{moment{time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), time.Hour}}
		return clock, newWaits(func() moment { return clock.now })
	}
	// 2, 4, 8 s, and so on up to 15 min after so many attempts.
	failed := func(clock *fakeClock, attempts int) Delivery {
		return Delivery{ID: 7, State: StatePending, Attempts: attempts,
			NextAttemptAt: clock.now.wall.Add(retries.Bound(attempts))}
	}
	mustLeave := func(t *testing.T, w *waits, d Delivery, want time.Duration) {
		t.Helper()
		if got := max(w.left(d), 0); got != want {
			t.Errorf("%s are left, want %s", got, want)
		}
	}
	t.Run("while usherd waits", func(t *testing.T) {
		clock, w := begin()
		d := failed(clock, 10)
		mustLeave(t, w, d, 15*time.Minute)
		clock.pass(5 * time.Minute)
		clock.set(-20 * 365 * 24 * time.Hour)
		mustLeave(t, w, d, 10*time.Minute)
		clock.pass(10 * time.Minute)
		mustLeave(t, w, d, 0)
	})
	t.Run("by less than the pause", func(t *testing.T) {
		clock, w := begin()
		d := failed(clock, 10)
		mustLeave(t, w, d, 15*time.Minute)
		clock.set(-10 * time.Minute)
		clock.pass(15 * time.Minute)
		mustLeave(t, w, d, 0)
	})
	t.Run("while usherd is away", func(t *testing.T) {
		for attempts, want := range map[int]time.Duration{0: 0, 1: 2 * time.Second, 3: 8 * time.Second,
			50: 15 * time.Minute} {
			clock, w := begin()
			d := failed(clock, attempts)
			clock.set(-365 * 24 * time.Hour)
			mustLeave(t, w, d, want)
			// The pause is measured from the first look at it, and not from each look.
			clock.pass(want / 2)
			mustLeave(t, w, d, want/2)
			clock.pass(want / 2)
			mustLeave(t, w, d, 0)
		}
	})
	t.Run("what the server asked for", func(t *testing.T) {
		clock, w := begin()
		d := failed(clock, 1)
		d.NotBefore = clock.now.wall.Add(maximumAfter)
		d.NextAttemptAt = d.NotBefore.Add(time.Second)
		clock.set(-365 * 24 * time.Hour)
		mustLeave(t, w, d, maximumAfter+2*time.Second)
	})
	t.Run("after a refusal", func(t *testing.T) {
		clock, w := begin()
		d := Delivery{ID: 7, State: StateRefused, Attempts: 1,
			NextAttemptAt: clock.now.wall.Add(refusedPause + refusedJitter)}
		clock.set(-365 * 24 * time.Hour)
		mustLeave(t, w, d, refusedPause+refusedJitter)
		clock.pass(refusedPause + refusedJitter)
		mustLeave(t, w, d, 0)
	})
	t.Run("forward, as by sleep", func(t *testing.T) {
		clock, w := begin()
		d := failed(clock, 10)
		mustLeave(t, w, d, 15*time.Minute)
		clock.sleep(8 * time.Hour)
		mustLeave(t, w, d, 0)
	})
	t.Run("another due time is another wait", func(t *testing.T) {
		clock, w := begin()
		d := failed(clock, 10)
		mustLeave(t, w, d, 15*time.Minute)
		clock.pass(15 * time.Minute)
		d = failed(clock, 11)
		mustLeave(t, w, d, 15*time.Minute)
		w.keep(nil)
		if len(w.seen) > 0 {
			t.Errorf("%d are remembered", len(w.seen))
		}
	})
}
