package thismac

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// sleepIsComparedEvery is how often [WatchWake] compares the clocks. Timers stand still in sleep, so a wake is seen
// this late at most.
const sleepIsComparedEvery = 2 * time.Minute

// Slept returns for how long this Mac has slept since it was started: by how much a clock that counts sleep is ahead of
// one that does not. Neither is set by a person or by a time server, as the clock on the wall is.
func Slept() (time.Duration, error) {
	awake, err := clock(clockAwake)
	if err != nil {
		return 0, err
	}
	all, err := clock(clockOfAll)
	if err != nil {
		return 0, err
	}
	return all - awake, nil
}

func clock(id int32) (time.Duration, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(id, &now); err != nil {
		return 0, fmt.Errorf("read clock %d: %w", id, err)
	}
	return time.Duration(now.Nano()), nil
}

// WatchWake calls woke when this Mac has slept for at least that long since it was called last, and blocks until ctx
// ends, when it returns nil. The error is that the clocks cannot be read. The clocks are compared every two minutes,
// and after each hint, for example that the network has changed: it does with most wakes. IOKit tells of power at once,
// but only to programs that are linked with cgo.
func WatchWake(ctx context.Context, hints <-chan struct{}, atLeast time.Duration,
	woke func(slept time.Duration)) error {
	return watchWake(ctx, Slept, hints, atLeast, woke)
}

func watchWake(ctx context.Context, slept func() (time.Duration, error), hints <-chan struct{}, atLeast time.Duration,
	woke func(slept time.Duration)) error {
	before, err := slept()
	if err != nil {
		return fmt.Errorf("watch for wake: %w", err)
	}
	ticker := time.NewTicker(sleepIsComparedEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-hints:
		}
		now, err := slept()
		if err != nil {
			return fmt.Errorf("watch for wake: %w", err)
		}
		if now-before >= atLeast {
			woke(now - before)
			before = now
		}
	}
}
