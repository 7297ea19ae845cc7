package jamfpro

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// ThisComputer returns the hardware UUID, which is the udid in Jamf Pro, and the serial number of this Mac. It runs
// /usr/sbin/ioreg, which takes some milliseconds. This was not run on a Mac yet.
func ThisComputer(ctx context.Context) (Selector, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, "/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
	command.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}
	command.WaitDelay = time.Second
	output, err := command.Output()
	if err != nil {
		return Selector{}, fmt.Errorf("read the hardware UUID with ioreg: %w", err)
	}
	return parseIORegistry(string(output))
}
