package accounts

import (
	"os"
	"syscall"
)

// FirstUID is the first uid that a person can have: macOS gives out 501 first.
const FirstUID = firstMacUID

// Console returns the uid of the user on the console, false when nobody is or it cannot be told. Nobody ran this on a
// Mac yet.
func Console() (uid uint32, ok bool) {
	sessions, err := readSessions()
	if err != nil {
		return deviceOwner()
	}
	return consoleOf(sessions)
}

// deviceOwner is who /dev/console belongs to: the user on the console, and root at the login window. A first login by
// fast user switching is known to leave the old owner [SCCONSOLE], so it counts only where the sessions cannot be
// read.
func deviceOwner() (uid uint32, ok bool) { return personWhoOwns("/dev/console") }

func personWhoOwns(path string) (uid uint32, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid < FirstUID {
		return 0, false
	}
	return stat.Uid, true
}
