package observation

import (
	"maps"
	"slices"
	"testing"
	"time"

	"usher.internal/helper/sessions"
	"usher.internal/internal/accounts"
)

// always is a user who is logged in all the time.
type always []uint32

func (a always) Watch() (now []sessions.Session, changed <-chan struct{}) {
	for _, uid := range a {
		now = append(now, sessions.Session{User: accounts.User{UID: uid}})
	}
	return now, nil
}

func TestEverybodyIsLookedAtAfterSleep(t *testing.T) {
	w := New(Config{Sessions: always{501, 502}})
	w.Woke(8 * time.Hour)
	if got := slices.Sorted(maps.Keys(w.take())); !slices.Equal(got, []uint32{501, 502}) {
		t.Errorf("looks at %v", got)
	}
}
