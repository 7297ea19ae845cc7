package thismac

import "golang.org/x/sys/unix"

// The clocks of clock_gettime(2): one includes sleep, the other does not. Both are adjusted alike.
const (
	clockOfAll = unix.CLOCK_BOOTTIME
	clockAwake = unix.CLOCK_MONOTONIC
)
