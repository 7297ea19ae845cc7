package thismac

import "golang.org/x/sys/unix"

// The clocks of clock_gettime(3): one includes sleep, the other does not. Neither is adjusted.
const (
	clockOfAll = unix.CLOCK_MONOTONIC_RAW
	clockAwake = unix.CLOCK_UPTIME_RAW
)
