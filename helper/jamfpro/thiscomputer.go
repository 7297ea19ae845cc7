package jamfpro

import (
	"errors"
	"strings"
)

// ErrComputerUnknown: the hardware does not identify this computer.
var ErrComputerUnknown = errors.New("hardware UUID of this computer is not known; set delivery.computer_udid")

// parseIORegistry reads the hardware UUID and the serial number from the output of
// `ioreg -rd1 -c IOPlatformExpertDevice`, whose lines are like `"IOPlatformUUID" = "…"`.
func parseIORegistry(output string) (Selector, error) {
	var which Selector
	for line := range strings.Lines(output) {
		name, value, found := strings.Cut(strings.TrimSpace(line), " = ")
		if !found {
			continue
		}
		value = strings.Trim(value, `"`)
		switch name {
		case `"IOPlatformUUID"`:
			which.UDID = value
		case `"IOPlatformSerialNumber"`:
			which.SerialNumber = value
		}
	}
	if which.UDID == "" {
		return Selector{}, ErrComputerUnknown
	}
	return which, nil
}
