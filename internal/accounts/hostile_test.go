package accounts

import (
	"testing"

	"usher.internal/sim/hostile"
)

func TestHostileLists(t *testing.T) {
	hostile.Meet(t, 1<<20, func(t *testing.T, content []byte) {
		if sessions, err := parseSessions(content); err == nil {
			t.Errorf("%+v", sessions)
		}
	})
}
