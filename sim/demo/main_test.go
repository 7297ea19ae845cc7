package main

import (
	"strings"
	"testing"
)

// A requested failure is the outcome that the demonstration is to show; every other one is a failure of the
// demonstration.
func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		portalExit, code int
		sentence         string
		wanted           bool
	}{
		{0, 0, "", true},
		{0, 3, "", false},
		{66, 66, "The failure was requested: Company Portal ended with 66", true},
		{99, 15, "The failure was requested: Company Portal ended with 99", true},
		{66, 0, "usherctl did not notice", false},
	} {
		sentence, wanted := verdict(test.portalExit, test.code)
		if !strings.Contains(sentence, test.sentence) || (sentence == "") != (test.sentence == "") ||
			wanted != test.wanted {
			t.Errorf("%d and %d: %q, %t", test.portalExit, test.code, sentence, wanted)
		}
	}
}
