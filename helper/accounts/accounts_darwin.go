package accounts

import (
	"os"
	"syscall"
)

// FirstUID is the first uid that a person can have: macOS gives out 501 first.
const FirstUID = 500

// Console returns the uid of the user on the console, false when nobody is or it cannot be told. It never blocks.
//
// macOS gives /dev/console to the user on the console, and to root at the login window. This was not run on a Mac; a
// first login by fast user switching is known to leave the old owner (lessons.md), so SCDynamicStore replaces it later.
func Console() (uid uint32, ok bool) {
	info, err := os.Stat("/dev/console")
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid < FirstUID {
		return 0, false
	}
	return stat.Uid, true
}
