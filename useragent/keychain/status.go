package keychain

import (
	"bytes"
	"errors"
	"fmt"
)

// errNotThere says that macOS found no such item. It never leaves this package.
var errNotThere = errors.New("no such item")

// statuses are the codes of macOS that have a meaning here (SecBase.h), and macOS's text for each. /usr/bin/security
// ends with the lowest byte of a code: 44 for errSecItemNotFound, 36 for errSecInteractionNotAllowed.
var statuses = []struct {
	code    int
	text    string
	meaning error
}{
	{-25300, "The specified item could not be found in the keychain.", errNotThere}, // errSecItemNotFound

	{-25308, "User interaction is not allowed.", ErrLocked},           // errSecInteractionNotAllowed
	{-25315, "User interaction is required", ErrLocked},               // errSecInteractionRequired
	{-25320, "In dark wake, no UI possible", ErrLocked},               // errSecInDarkWake
	{-128, "User canceled the operation.", ErrAccessDenied},           // errSecUserCanceled
	{-25243, "The specified item has no access", ErrAccessDenied},     // errSecNoAccessForItem
	{-25293, "name or passphrase you entered is", ErrAccessDenied},    // errSecAuthFailed
	{-34018, "A required entitlement isn't present", ErrAccessDenied}, // errSecMissingEntitlement

	{-25291, "No keychain is available.", ErrUnavailable},                  // errSecNotAvailable
	{-25294, "The specified keychain could not be found.", ErrUnavailable}, // errSecNoSuchKeychain
	{-25295, "The specified keychain is not a valid", ErrUnavailable},      // errSecInvalidKeychain
	{-25307, "A default keychain could not be found.", ErrUnavailable},     // errSecNoDefaultKeychain

	{-4, "Function or operation not implemented.", ErrUnsupported}, // errSecUnimplemented
}

// meaningOfStatus returns the sentinel for a code, or nil if none is known.
func meaningOfStatus(code int) error {
	for _, known := range statuses {
		if known.code == code {
			return known.meaning
		}
	}
	return nil
}

// outcome interprets the result of `security` by its exit code, and if that says too little by stderr. `security` also
// ends with 0 when it gave up a search on the way, so stderr is checked then as well. None of that text is passed on,
// because it may contain names.
func outcome(command string, exitCode int, stderr []byte) error {
	var meaning error
	for _, known := range statuses {
		if exitCode != 0 && exitCode == int(uint8(known.code)) {
			meaning = known.meaning
			break
		}
		if meaning == nil && bytes.Contains(stderr, []byte(known.text)) {
			meaning = known.meaning
		}
	}
	switch {
	case meaning != nil && !(exitCode == 0 && meaning == errNotThere):
		return fmt.Errorf("%w: security %s ended with exit code %d", meaning, command, exitCode)
	case exitCode != 0:
		return fmt.Errorf("security %s ended with exit code %d", command, exitCode)
	}
	return nil
}
