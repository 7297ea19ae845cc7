package terminal

import (
	"testing"
	"time"
)

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for want, age := range map[string]time.Duration{
		"just now": 59 * time.Second, "1 min ago": time.Minute, "47 h ago": 48*time.Hour - 1,
		"2 days ago": 48 * time.Hour, "400 days ago": 400 * 24 * time.Hour,
	} {
		if got := Ago(now.Add(-age), now); got != want {
			t.Errorf("%s is %q", age, got)
		}
	}
	if got := Ago(now.Add(time.Hour), now); got != "just now" {
		t.Errorf("what is to come is %q", got)
	}
	if got := Ago(time.Time{}, now); got != "never" {
		t.Errorf("no time is %q", got)
	}
}
