package jamfpro

import "context"

// ThisComputer returns [ErrComputerUnknown]: Jamf Pro knows Macs, so on Linux the computer is always configured.
func ThisComputer(context.Context) (Selector, error) { return Selector{}, ErrComputerUnknown }
