package thismac

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// sleepIsComparedEvery is how often [WatchWake] compares the clocks. Timers stop during sleep, so a wake is seen at
// most this late.
const sleepIsComparedEvery = 2 * time.Minute

// Slept returns how long this Mac has slept since it started. It compares a clock that includes sleep with one that
// does not. Nobody sets these clocks, unlike the wall clock, which people and time servers set.
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

// WatchWake calls woke when this Mac has slept for at least that long since the last call. It blocks until ctx ends,
// and then returns nil. The error says that the clocks cannot be read. It compares the clocks every two minutes, and
// after each hint, for example a change of the network: most wakes cause one. IOKit reports power changes at once, but
// only to programs that are linked with cgo.
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
