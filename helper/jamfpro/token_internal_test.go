package jamfpro

import (
	"testing"
	"time"
)

// A token is used for its lifetime and never longer, even if the clock is set or the Mac sleeps.
func TestTokenEndsWhateverTheClockSays(t *testing.T) {
	got := instant{time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), time.Hour}
	one := token{got: got, usable: 20 * time.Minute}
	for name, test := range map[string]struct {
		wall, awake time.Duration
		over        bool
	}{
		"at once":                        {0, 0, false},
		"in time":                        {19 * time.Minute, 19 * time.Minute, false},
		"at its end":                     {20 * time.Minute, 20 * time.Minute, true},
		"after sleep":                    {8 * time.Hour, time.Minute, true},
		"the clock was set back by less": {5 * time.Minute, 20 * time.Minute, true},
		"the clock was set back":         {-24 * time.Hour, time.Minute, true},
		"set back, and an hour later":    {-23 * time.Hour, time.Hour, true},
		"the clock was set forward":      {24 * time.Hour, time.Minute, true},
	} {
		now := instant{got.wall.Add(test.wall), got.awake + test.awake}
		if over := one.isOver(now); over != test.over {
			t.Errorf("%s: %t", name, over)
		}
	}
}
