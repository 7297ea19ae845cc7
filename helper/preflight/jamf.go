package preflight

import (
	"context"
	"fmt"
	"os"

	"howett.net/plist"
)

// jamfPreferences looks into com.jamfsoftware.jamf.plist, where Jamf Pro says whether this computer takes part in
// Conditional Access or device compliance.
type jamfPreferences struct{ path string }

// conditionalAccessEnabled holds that microsoftCAEnabled is true: otherwise the flow dies after Company Portal has
// closed, when the user has signed in already [BW#5]. A key that is missing is not true; a file that is missing says
// nothing.
func (j jamfPreferences) conditionalAccessEnabled(context.Context) (string, error) {
	if j.path == "" {
		return "", nil
	}
	content, err := os.ReadFile(j.path)
	if err != nil {
		return "", err
	}
	var preferences map[string]any
	if _, err := plist.Unmarshal(content, &preferences); err != nil {
		return "", fmt.Errorf("parse %s: %w", j.path, err)
	}
	const fix = "the registration would end after Company Portal closes; put the computer into the group that Jamf Pro's Conditional Access or device compliance applies to, then run `sudo jamf manage` on it, or empty preflight.jamf_preferences to register all the same"
	enabled, ok := preferences["microsoftCAEnabled"]
	if !ok {
		return fmt.Sprintf("microsoftCAEnabled is not in %s: %s.", j.path, fix), nil
	}
	switch enabled {
	case true, uint64(1), int64(1), "1", "true", "YES": // Jamf writes a boolean; an admin's `defaults write` any of these
		return "", nil
	default:
		return fmt.Sprintf("microsoftCAEnabled is %v in %s: %s.", enabled, j.path, fix), nil
	}
}
