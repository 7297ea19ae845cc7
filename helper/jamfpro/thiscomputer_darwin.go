package jamfpro

import (
	"context"
	"fmt"

	"usher.internal/internal/command"
)

// ThisComputer returns the hardware UUID, which is the udid in Jamf Pro, and the serial number of this Mac. It runs
// /usr/sbin/ioreg, which takes some milliseconds. Nobody has run this on a Mac yet.
func ThisComputer(ctx context.Context) (Selector, error) { return computerOf(ctx, command.IORegistry) }

func computerOf(ctx context.Context, ioreg command.Command) (Selector, error) {
	ran, err := ioreg.Run(ctx)
	if err == nil && ran.ExitCode != 0 {
		err = fmt.Errorf("it ended with %d", ran.ExitCode)
	}
	if err != nil {
		return Selector{}, fmt.Errorf("read the hardware UUID with ioreg: %w", err)
	}
	return parseIORegistry(string(ran.Stdout))
}
