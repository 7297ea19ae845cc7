package accounts

import (
	"os"
	"syscall"
)

// FirstUID is the first uid that a person can have. macOS starts at 501.
const FirstUID = firstMacUID

// Console returns the uid of the user on the console. It returns false when nobody is there or the user cannot be
// determined. Nobody ran this on a Mac yet.
func Console() (uid uint32, ok bool) {
	sessions, err := readSessions()
	if err != nil {
		return deviceOwner()
	}
	return consoleOf(sessions)
}

// deviceOwner returns the owner of /dev/console: the user on the console, or root at the login window. After a first
// login by fast user switching the file can still have the old owner [SCCONSOLE]. It is therefore used only when the
// sessions cannot be read.
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
