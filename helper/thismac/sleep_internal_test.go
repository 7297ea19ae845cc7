package thismac

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A wake is seen within two minutes, even if the network has not changed, and each sleep is seen once.
func TestWakeIsSeenWithoutTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		asleep := func() (time.Duration, error) {
			switch since := time.Since(began); {
			case since < 90*time.Second:
				return 3 * time.Hour, nil // it has slept before
			case since < 10*time.Minute:
				return 11 * time.Hour, nil
			default:
				return 11*time.Hour + time.Second, nil // a doze
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var woke []time.Duration
		var seen time.Duration
		err := watchWake(ctx, asleep, nil, time.Minute,
			func(slept time.Duration) { woke, seen = append(woke, slept), time.Since(began) })
		if err != nil || !slices.Equal(woke, []time.Duration{8 * time.Hour}) || seen > 90*time.Second+2*time.Minute {
			t.Errorf("%v after %s, %v", woke, seen, err)
		}
	})
}

// A network that comes back makes the wake visible at once.
func TestWakeIsSeenWithTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		hints := make(chan struct{}, 1)
		time.AfterFunc(5*time.Second, func() { hints <- struct{}{} })
		ctx, cancel := context.WithCancel(t.Context())
		asleep := func() (time.Duration, error) {
			return time.Hour * time.Duration(1+time.Since(began)/time.Second/5), nil
		}
		err := watchWake(ctx, asleep, hints, time.Minute, func(time.Duration) { cancel() })
		if took := time.Since(began); err != nil || took != 5*time.Second {
			t.Errorf("seen after %s, %v", took, err)
		}
	})
}

// The clocks are compared at most once a minute.
func TestWakeIsLookedForOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour+time.Second)
		defer cancel()
		looks := 0
		err := watchWake(ctx, func() (time.Duration, error) { looks++; return 0, nil }, nil, time.Minute,
			func(time.Duration) { t.Error("it has not slept") })
		if err != nil || looks > 61 {
			t.Errorf("%d looks, %v", looks, err)
		}
	})
}

func TestClocksThatCannotBeRead(t *testing.T) {
	broken := errors.New("no clock")
	if err := watchWake(t.Context(), func() (time.Duration, error) { return 0, broken }, nil, time.Minute,
		nil); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// The clocks of this computer advance together while it is awake.
func TestClocksGoTogether(t *testing.T) {
	before, err := Slept()
	if err != nil {
		t.Fatal(err)
	}
	after, err := Slept()
	if err != nil || (after-before).Abs() >= time.Minute {
		t.Errorf("it slept %s, %v", after-before, err)
	}
}
