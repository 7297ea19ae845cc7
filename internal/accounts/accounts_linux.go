package accounts

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// FirstUID is the first uid that a person can have: UID_MIN in Debian's login.defs.
const FirstUID = 1000

// seatFile is where systemd-logind writes who is in front of the first seat.
const seatFile = "/run/systemd/seats/seat0"

// Console returns the uid of the user on the console. It returns false when nobody is there or the user cannot be
// determined. It never blocks.
//
// The source is systemd-logind's state file of seat0 (ACTIVE_UID), as sd_seat_get_active(3) reads it.
func Console() (uid uint32, ok bool) {
	file, err := os.Open(seatFile)
	if err != nil {
		return 0, false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		value, found := strings.CutPrefix(lines.Text(), "ACTIVE_UID=")
		if !found {
			continue
		}
		number, err := strconv.ParseUint(value, 10, 32)
		return uint32(number), err == nil
	}
	return 0, false
}
