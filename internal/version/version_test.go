package version

import (
	"runtime/debug"
	"testing"
)

func TestChoose(t *testing.T) {
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"},
		{Key: "vcs.modified", Value: "true"}}
	for _, test := range []struct {
		number string
		info   debug.BuildInfo
		want   string
	}{
		{"1.2.3", debug.BuildInfo{Main: debug.Module{Version: "v9"}}, "1.2.3"},
		{"", debug.BuildInfo{Main: debug.Module{Version: "v1.0.1"}, Settings: commit}, "v1.0.1"},
		{"", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: commit},
			"development-0123456789ab+modified"},
		{"", debug.BuildInfo{Settings: commit[:1]}, "development-0123456789ab"},
		{"", debug.BuildInfo{}, "development"},
	} {
		if got := choose(test.number, &test.info); got != test.want {
			t.Errorf("choose(%q, %+v) = %q, want %q", test.number, test.info, got, test.want)
		}
	}
	if String() == "" {
		t.Error("no version")
	}
}
