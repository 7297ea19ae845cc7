//go:build crashtest

package helper

import (
	"os"
	"syscall"

	"usher.internal/helper/registration"
)

// crash kills this process, as kill -9 would, around the commit of one state: USHER_CRASH_COMMITTING=STATE before it,
// USHER_CRASH_COMMITTED=STATE after it. Only builds with the tag crashtest have it; the end-to-end tests make one to
// prove that a registration outlives a crash at each transition.
var crash = struct {
	committing, committed func(registration.Registration)
}{
	committing: killAt(os.Getenv("USHER_CRASH_COMMITTING")),
	committed:  killAt(os.Getenv("USHER_CRASH_COMMITTED")),
}

func killAt(state string) func(registration.Registration) {
	if state == "" {
		return nil
	}
	return func(r registration.Registration) {
		if string(r.State) != state {
			return
		}
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way; nothing may happen after it
	}
}
