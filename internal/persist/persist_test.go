package persist_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"usher.internal/internal/persist"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = errors.New("refused")

func pause(ctx context.Context, _ error, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func TestPausesGrowToTheLongestOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		var pauses []time.Duration
		err := persist.Until(ctx, func(context.Context) error { return errRefused }, func(ctx context.Context, failed error, wanted time.Duration) {
			if failed != errRefused {
				t.Errorf("failed with %v", failed)
			}
			pauses = append(pauses, wanted)
			pause(ctx, failed, wanted)
		})
		want := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, persist.LongestPause}
		if err != nil || len(pauses) < len(want) || !slices.Equal(pauses[:len(want)], want) || slices.Max(pauses) != persist.LongestPause {
			t.Errorf("%v, pauses %v", err, pauses)
		}
	})
}

// What ran for long and fails begins with the shortest pause.
func TestPausesBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		var last time.Duration
		try := func(context.Context) error {
			switch tries++; tries {
			case 4:
				time.Sleep(persist.LongestPause)
				return errRefused
			case 5:
				return nil
			}
			return errRefused
		}
		err := persist.Until(t.Context(), try, func(ctx context.Context, failed error, wanted time.Duration) {
			last = wanted
			pause(ctx, failed, wanted)
		})
		if err != nil || last != persist.FirstPause {
			t.Errorf("%v, the last pause is %s", err, last)
		}
	})
}

func TestFinalErrorEndsIt(t *testing.T) {
	err := persist.Until(t.Context(), func(context.Context) error { return persist.Final(errRefused) }, pause)
	if err != errRefused {
		t.Errorf("got %v", err)
	}
}

func TestContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := persist.Until(ctx, func(context.Context) error { cancel(); return errRefused }, pause)
	if err != nil {
		t.Errorf("got %v", err)
	}
}
