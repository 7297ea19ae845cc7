package observation

import (
	"maps"
	"slices"
	"testing"
	"time"

	"usher.internal/helper/sessions"
	"usher.internal/internal/accounts"
)

// always is who is logged in all the time.
type always []uint32

func (a always) Watch() (now []sessions.Session, changed <-chan struct{}) {
	for _, uid := range a {
		now = append(now, sessions.Session{User: accounts.Person{UID: uid}})
	}
	return now, nil
}

// A network that changes while this Mac is awake has nobody looked at, however long it is since the last change.
func TestNetworkChangesAreAskedWhetherThisMacSlept(t *testing.T) {
	for _, test := range []struct {
		name        string
		wall, awake time.Duration
		slept       time.Duration
		looks       []uint32
	}{
		{"at once", 0, 0, 0, nil},
		{"awake", 8 * time.Hour, 8 * time.Hour, 0, nil},
		{"a nap", 10*time.Minute + 59*time.Second, 10 * time.Minute, 59 * time.Second, nil},
		{"a minute", time.Minute, 0, time.Minute, []uint32{501, 502}},
		{"a night", 9 * time.Hour, time.Hour, 8 * time.Hour, []uint32{501, 502}},
		{"the clock was set back", -time.Hour, time.Minute, -61 * time.Minute, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := NewWatcher(WatcherConfig{Sessions: always{501, 502}})
			read := w.base
			read.wall, read.awake = read.wall.Add(test.wall), read.awake+test.awake
			if got := read.sleptSince(w.base); got != test.slept {
				t.Errorf("slept %s, want %s", got, test.slept)
			}
			w.clocks = func() clocks { return read }
			for i, want := range [][]uint32{test.looks, nil} { // the same sleep counts once
				w.NetworkChanged()
				if got := slices.Sorted(maps.Keys(w.take())); !slices.Equal(got, want) {
					t.Errorf("change %d: looks at %v, want %v", i+1, got, want)
				}
			}
		})
	}
}

func TestClocksGoTogetherWhileThisMacIsAwake(t *testing.T) {
	w := NewWatcher(WatcherConfig{})
	if slept := w.clocks().sleptSince(w.base).Abs(); slept >= sleptAtLeast {
		t.Errorf("slept %s", slept)
	}
}
