package english_test

import (
	"testing"

	"usher.internal/internal/english"
)

func TestCount(t *testing.T) {
	for want, got := range map[string]string{
		"0 hosts":      english.Count(0, "host"),
		"1 host":       english.Count(1, "host"),
		"1 delivery":   english.Count(int32(1), "delivery"),
		"3 deliveries": english.Count(int64(3), "delivery"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, one := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"ab", "ba", 2}} {
		if got := english.Distance(one.a, one.b); got != one.want {
			t.Errorf("%q to %q takes %d changes, want %d", one.a, one.b, got, one.want)
		}
	}
}
