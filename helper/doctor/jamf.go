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

// sound applies the same rules as the delivery.
func (j jamfBinary) sound(ctx context.Context) (Outcome, error) {
	found, err := j.program.sound(ctx)
	if found.Result == Failed && !j.needed {
		found.Result = Warning
	}
	return found, err
}

// jamfPreferences reads com.jamfsoftware.jamf.plist. Jamf Pro writes there whether this computer takes part in
// Conditional Access or device compliance.
type jamfPreferences struct{ path string }

// conditionalAccessEnabled checks that microsoftCAEnabled is true. Otherwise the flow fails after Company Portal has
// closed, when the user has already signed in [BW#5]. A missing key is not true; a missing file says nothing.
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
