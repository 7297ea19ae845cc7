package main

import (
	"context"
	"fmt"
	"strings"
)

// Faults of Jamf itself, in the words and the order of a real jamf.log of 2023 (docs/sources.md, JBLOG).
const (
	keychainNoise = `Error Domain=com.jamf.jamfsecurity.error Code=-25300 "searchForItems:conversionBlock:error: : ` +
		`The specified item ` +
		`could not be found in the keychain." UserInfo={NSLocalizedDescription=searchForItems:conversionBlock:error: ` +
		`: The specified ` +
		`item could not be found in the keychain.}`
	launchdNoise     = "Removing existing launchd task /Library/LaunchDaemons/com.jamfsoftware.task.bgrecon.plist..."
	permissionError  = "Permission Error - The user specified does not have permission to perform the action."
	securityError    = "Security Error - A security error has occurred."
	signatureError   = "Device Signature Error - A valid device signature is required to perform the action."
	enrollFailedCode = 70
)

// noise writes into jamf.log the lines that have no meaning for a run.
func (m *mac) noise() error {
	for _, line := range []string{keychainNoise, launchdNoise} {
		if err := m.log("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// signed reports whether the Mac may act. If not, it logs that as the real one does, over several lines of one entry.
func (m *mac) signed() (bool, error) {
	if !m.DeviceSignatureLost {
		return true, nil
	}
	m.say("\nThere was an error.\n\n     %s\n", signatureError)
	if err := m.log("%s", keychainNoise); err != nil {
		return false, err
	}
	return false, m.log("\nThere was an error.\n\n    %s", signatureError)
}

// enroll enrols the Mac with Jamf Pro, or is refused.
func enroll(_ context.Context, m *mac, arguments []string) (int, error) {
	for _, argument := range arguments {
		if name := strings.TrimLeft(argument, "-"); name == argument {
			return 0, fmt.Errorf("%w: enroll has no option %q", errUsage, argument)
		}
	}
	if err := m.record("Enrolling computer..."); err != nil {
		return 0, err
	}
	if code, fails := m.fails("enroll"); fails {
		return code, nil
	}
	code := exitDone
	if m.EnrollmentRefused {
		code = enrollFailedCode
		for _, line := range []string{
			"An error occurred while enrolling computer: " + permissionError,
			"Restoring JAMF.keychain since an error occurred.",
			keychainNoise, securityError, keychainNoise, signatureError, launchdNoise,
		} {
			if err := m.record("%s", line); err != nil {
				return 0, err
			}
		}
	}
	return code, m.record("Enroll return code: %d", code)
}

// DistributionPoint is a file share with packages.
type DistributionPoint struct {
	Name string `json:"name"`
	// Unreachable means that the share cannot be mounted.
	Unreachable bool `json:"unreachable"`
}

// installPackage takes a policy's package from the first distribution point that can be mounted. If the package is
// unavailable, the policy still runs its script [https://github.com/lindegroup/autopkgr/issues/297].
func (m *mac) installPackage(name string) error {
	for i, point := range m.DistributionPoints {
		if i > 0 {
			m.say("Retrying using distribution point %s...", point.Name)
		}
		m.say("Mounting %s...", point.Name)
		if !point.Unreachable {
			if err := m.record("Installing %s...", name); err != nil {
				return err
			}
			return m.record("Successfully installed %s.", name)
		}
		if err := m.record("Could not mount distribution point \"%s\"", point.Name); err != nil {
			return err
		}
	}
	return nil
}
