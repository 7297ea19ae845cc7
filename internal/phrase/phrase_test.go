package phrase_test

import (
	"testing"

	"usher.internal/internal/phrase"
)

func TestTitle(t *testing.T) {
	for given, want := range map[string]string{
		"the sign-in began": "The sign-in began", "Entra refused it": "Entra refused it", "macOS asks": "macOS asks",
		"usher waits": "usher waits",
		"a":           "A", "": "", "`usherctl` ends": "`usherctl` ends",
	} {
		if got := phrase.Title(given); got != want {
			t.Errorf("%q begins a sentence as %q, want %q", given, got, want)
		}
	}
}
