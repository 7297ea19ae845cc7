package status

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	usherv1 "usher.internal/proto/usher/v1"
)

// Evidence that the last look has not read again is shown with its age.
func TestRememberedEvidence(t *testing.T) {
	now := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		read, looked time.Duration // before now; -1 is never
		want         string
	}{
		"of the last look": {2 * time.Hour, 2 * time.Hour, ""},
		"a slow look":      {time.Hour + time.Minute, time.Hour, ""},
		"remembered": {3 * time.Hour, time.Hour,
			" Read 3 h ago, and not at the last look; `usherctl status --look` reads it again."},
		"remembered for long":      {90 * 24 * time.Hour, time.Hour, " Read 90 days ago, and not at the last look;"},
		"newer than the last look": {time.Hour, 2 * time.Hour, ""},
		"without a time":           {-1, time.Hour, ""},
		"never looked":             {time.Hour, -1, ""},
	} {
		moment := func(ago time.Duration) *timestamppb.Timestamp {
			if ago < 0 {
				return nil
			}
			return timestamppb.New(now.Add(-ago))
		}
		got := remembered(&usherv1.Evidence{ObserveTime: moment(test.read)}, moment(test.looked), now)
		if !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
