package ctl

import (
	"slices"
	"strings"
	"testing"

	"usher.internal/ctl/terminal"
)

func TestTextArguments(t *testing.T) {
	// A leading blank is written as "_".
	for given, want := range map[string]string{
		"explain -25308":                        "explain _-25308",
		"explain -25308 -25244":                 "explain _-25308 _-25244",
		"explain MSALErrorDomain -50001 --json": "explain MSALErrorDomain _-50001 --json",
		"--json explain -1":                     "--json explain _-1",
		"--config explain explain -1":           "--config explain explain _-1",
		"explain --config -5 -25308":            "explain --config -5 _-25308",
		"explain --config=-5 -25308":            "explain --config=-5 _-25308",
		"explain -25308 -- -25244":              "explain _-25308 -- -25244",
		"explain -- -25308":                     "explain -- -25308",
		"explain -x --jsno":                     "explain -x --jsno",
		"explain -":                             "explain -",
		"explain -25308x":                       "explain _-25308x",
		"status -25308":                         "status -25308",
		"status explain -25308":                 "status explain -25308",
		"-25308 explain":                        "-25308 explain",
		"--nonsense explain -25308":             "--nonsense explain -25308",
		"registrations show explain -1":         "registrations show explain -1",
		"explain --config -1 explain -2 -- -":   "explain --config -1 explain _-2 -- -",
	} {
		got := textArguments(newApp(&terminal.Terminal{}, "").root(), strings.Fields(given))
		for i := range got {
			got[i] = strings.Replace(got[i], " ", "_", 1)
		}
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s is prepared as %q, want %s", given, got, want)
		}
	}
	if got := textArguments(newApp(&terminal.Terminal{}, "").root(), nil); len(got) != 0 {
		t.Errorf("no arguments are prepared as %q", got)
	}
}
