package doctor

import (
	"context"

	"usher.internal/helper/thismac"
)

// jamfBinary is the program that delivers in mode recon.
type jamfBinary struct {
	program
	needed bool
}

// sound judges as the delivery does.
func (j jamfBinary) sound(ctx context.Context) (Outcome, error) {
	found, err := j.program.sound(ctx)
	if found.Result == Failed && !j.needed {
		found.Result = Warning
	}
	return found, err
}

// jamfPreferences looks into com.jamfsoftware.jamf.plist, where Jamf Pro says whether this computer takes part in
// Conditional Access or device compliance.
type jamfPreferences struct{ path string }

// conditionalAccessEnabled holds that microsoftCAEnabled is true: otherwise the flow dies after Company Portal has
// closed, when the user has signed in already [BW#5]. A key that is missing is not true; a file that is missing says
// nothing.
func (j jamfPreferences) conditionalAccessEnabled(ctx context.Context) (Outcome, error) {
	if j.path == "" {
		return notApplicable("preflight.jamf_preferences is none."), nil
	}
	settings, err := thismac.JamfSettings(ctx, j.path)
	switch {
	case err != nil:
		return Outcome{}, err
	case settings.ConditionalAccess == nil:
		return failed("microsoftCAEnabled is not in %s: the registration would end after Company Portal closes.",
			j.path), nil
	case !*settings.ConditionalAccess:
		return failed("microsoftCAEnabled is false in %s: the registration would end after Company Portal closes.",
			j.path), nil
	}
	return ok("microsoftCAEnabled is true in %s.", j.path), nil
}
