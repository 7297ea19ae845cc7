package layout_test

import (
	"strings"
	"testing"

	"usher.internal/internal/layout"
)

func TestOf(t *testing.T) {
	for _, want := range []layout.Layout{layout.MacOS, layout.Linux} {
		if got, err := layout.Of(want.System); got != want || err != nil {
			t.Errorf("%s: %+v, %v", want.System, got, err)
		}
	}
	if _, err := layout.Of("windows"); err == nil || !strings.Contains(err.Error(), "Windows is not") {
		t.Errorf("got %v", err)
	}
}

func TestAgentState(t *testing.T) {
	for _, test := range []struct {
		layout          layout.Layout
		stateHome, want string
	}{
		{layout.MacOS, "/data/state", "/home/jane/Library/Application Support/org.usher"},
		{layout.Linux, "", "/home/jane/.local/state/usher"},
		{layout.Linux, "state", "/home/jane/.local/state/usher"},
		{layout.Linux, "/data/state", "/data/state/usher"},
	} {
		if got := test.layout.AgentStateOf("/home/jane", test.stateHome); got != test.want {
			t.Errorf("%s, %q: %s", test.layout.System, test.stateHome, got)
		}
	}
}
