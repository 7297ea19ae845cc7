package identity

import (
	"errors"
	"fmt"

	"usher.internal/internal/command"
	"usher.internal/internal/jamfstate"
	"usher.internal/internal/wpj"
)

// errTooOld says that Jamf Conditional Access does not know getPSSOStatus, which came with Jamf Pro 11.21.1 [BW-EA2].
var errTooOld = errors.New("no answer to getPSSOStatus, which needs Jamf Pro 11.21.1 or later")

// SecureEnclave returns the source that asks Microsoft's single sign-on, through Jamf, for the device that it knows:
// only Microsoft's own programs may look into the Secure Enclave. The program is [command.GetPSSOStatus].
func SecureEnclave(program command.Command) Source {
	return &reported{wpj.SourceSecureEnclave, program, func(output command.Output) (wpj.Evidence, error) {
		status, err := jamfstate.ParsePSSOStatus(output.Stdout)
		if err != nil && (output.ExitCode != 0 || len(output.Stdout) == 0) {
			return wpj.Evidence{}, fmt.Errorf("%w (exit code %d)", errTooOld, output.ExitCode)
		}
		if err != nil {
			return wpj.Evidence{}, err
		}
		return status.Evidence(), nil
	}}
}
