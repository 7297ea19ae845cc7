package event

import (
	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
)

// byPlatformSSO returns the signs of messages from macOS's single sign-on agents, and from the PlatformSSO framework
// inside other programs. Other programs use the same words.
func byPlatformSSO(messages ...string) (signs []Sign) {
	for _, message := range messages {
		signs = append(signs, Sign{From: applog.SourceUnified, Process: "AppSSO", Message: message, Common: true},
			Sign{From: applog.SourceUnified, Process: "PlatformSSO", Message: message, Common: true},
			Sign{From: applog.SourceUnified, Subsystem: "com.apple.PlatformSSO", Message: message, Common: true},
			Sign{From: applog.SourceUnified, Subsystem: "com.apple.AppSSO", Message: message, Common: true})
	}
	return signs
}

// platformSSOEvents are the events of macOS's single sign-on in the unified log
// [https://developer.apple.com/forums/thread/827496, MS-PTS, MS-SSO]. Platform SSO asks, signs in and refreshes by
// itself. So nearly all of its events are noise, and no attempt begins with one.
var platformSSOEvents = []Known{
	{Name: "sso-extension-broken", Phrase: "macOS could not start the SSO extension", Phase: SignIn, Class: Trouble,
		Source: "MS-SSO",
		Advice: "Restart the Mac; macOS 15.3 has this defect, so update macOS.",
		Signs:  []Sign{{Domain: errorcode.PlugInKit, Number: 16}}},
	{Name: "platform-sso-user-unknown", Phrase: "macOS has no Platform SSO configuration for the user", Phase: SignIn,
		Class: Trouble, Source: "MS-PTS",
		Advice: "Restart the Mac; if that does not help, check whether the profile for Platform SSO reaches this user.",
		Signs:  []Sign{{Message: "No driver config for user"}}},
	{Name: "platform-sso-configuration-broken", Phrase: "Platform SSO's device configuration cannot be read",
		Phase: SignIn, Class: Trouble, Source: "MS-PTS",
		Advice: "macOS 15.0 to 15.2 can damage it: update macOS, then register Platform SSO again.",
		Signs:  []Sign{{Domain: errorcode.PlatformSSO, Number: -1001}}},
	{Name: "sso-extension-not-trusted", Phrase: "macOS does not trust the SSO extension", Phase: SignIn, Class: Trouble,
		Source: "MS-SSOTS",
		Advice: "Check that System Integrity Protection is on (`csrutil status`), and that the profile names the " +
			"team UBF8T346G9.",
		Signs: []Sign{{Message: "invalid team identifier of the extension"}}},
	{Name: "platform-sso-registration-failed",
		Phrase: "the Platform SSO registration failed; macOS tries it again by itself", Phase: SignIn, Class: Trouble,
		Source: "https://github.com/fleetdm/fleet/issues/51666",
		Advice: "Wait ten minutes and answer macOS's notification; if it fails again, check the profile " +
			"and the network.",
		Signs: []Sign{{Message: "registration failed and will automatically retry"}}},
	{Name: "platform-sso-removed", Phrase: "macOS removed the Platform SSO registration", Class: Trouble,
		Source: "APPLE-PSSO",
		Advice: "Check whether the profile was removed or replaced; the user must register again when macOS asks.",
		Signs:  byPlatformSSO("Removing registration")},
	{Name: "platform-sso-needs-repair", Phrase: "Platform SSO has to be repaired for the user", Phase: SignIn,
		Class: Trouble, Source: "APPLE-PSSO",
		Advice: "Let the user answer macOS's notification, or choose Repair in System Settings, Users & Groups, " +
			"Network Account Server.",
		Signs: byPlatformSSO("Authentication failed and needs repair",
			"User state is needs registration or key is invalid")},
	{Name: "platform-sso-credential-refused", Phrase: "Platform SSO could not sign in: the password or key was refused",
		Phase: SignIn, Class: Trouble,
		Source: "APPLE-PSSO", Advice: "Let the user sign in when macOS asks; look up the user in Entra's sign-in logs.",
		Signs: byPlatformSSO("Authentication failed with invalid credential")},
	{Name: "platform-sso-offline",
		Phrase: "Platform SSO could not sign in because there was no network, which passes by itself",
		Class:  Noise,
		Source: "APPLE-PSSO", Signs: byPlatformSSO("Authentication failed because network is unavailable")},
	{Name: "platform-sso-sign-in-failed", Phrase: "Platform SSO could not sign in", Phase: SignIn, Class: Trouble,
		Source: "APPLE-PSSO",
		Advice: "Read the entries before it; look up the user in Entra's sign-in logs.",
		Signs:  byPlatformSSO("Authentication failed")},
	{Name: "sso-extension-missing", Phrase: "the SSO extension that the profile names is not on this Mac",
		Phase: Preparation, Class: Trouble,
		Source: "APPLE-PSSO", Advice: "Install Company Portal in /Applications and open it once.",
		Signs: byPlatformSSO("SSO Extension missing in configuration changed")},
	{Name: "platform-sso-not-validated",
		Phrase: "no profile for Platform SSO was accepted: its associated domains are not validated",
		Phase:  Preparation,
		Class:  Trouble, Source: "APPLE-PSSO",
		Advice: "Exempt app-site-association.cdn-apple.com and app-site-association.networking.apple from TLS " +
			"inspection, then `sudo /usr/bin/swcutil reset`.",
		Signs: byPlatformSSO("No validated Platform SSO Profiles in configuration changed")},
	{Name: "platform-sso-key-missing", Phrase: "Platform SSO lacks the certificate or key with which it checks tokens",
		Phase: SignIn, Class: Trouble,
		Source: "MS-PTS", Advice: "Check that this Mac reaches login.microsoftonline.com; then register " +
			"Platform SSO again.",
		Signs: byPlatformSSO("Certificate or key not found for token verification")},
	{Name: "platform-sso-prompted", Phrase: "macOS asks the user to register or to sign in", Class: Noise,
		Source: "APPLE-FORUM",
		Signs: byPlatformSSO("Sending registration notification", "Sending login notification",
			"Adding notification request")},
	{Name: "platform-sso-prompt-withdrawn", Phrase: "macOS withdrew its notification", Class: Noise,
		Source: "APPLE-FORUM",
		Signs:  byPlatformSSO("Removing 1 deliver", "windowDidClose")},
	{Name: "platform-sso-deciding", Phrase: "macOS decides whether somebody must register", Class: Noise,
		Source: "APPLE-FORUM",
		Signs: byPlatformSSO("resetRegistrationWithCompletion", "handleDeviceAndUserRegistrationForRepair",
			"handleUserRegistrationForUser",
			"Delaying registration checks", "A registration is already in progress",
			"A registration check was already requested",
			"SSO is not ready for configuration", "Not configured for Platform SSO", "Configuration changed")},
	{Name: "platform-sso-registering", Phrase: "macOS has the SSO extension register", Class: Noise,
		Source: "APPLE-FORUM",
		Signs:  byPlatformSSO("creating new device configuration", "calling registrationDidComplete")},
	{Name: "platform-sso-signed-in", Phrase: "Platform SSO signed in, or refreshes its tokens", Class: Noise,
		Source: "APPLE-PSSO",
		Signs: byPlatformSSO("Authentication completed successfully", "Tokens expire soon", "Tokens issued more than",
			"Refresh token timer set", "User state is needs authentication",
			"Authorization not provided, starting over",
			"Credential not provided, starting over")},
	// The framework writes this for a failed sign-in too [PSSO-DEC]; the form of the result is not known.
	{Name: "platform-sso-sign-in-ended", Phrase: "Platform SSO ended a sign-in: the entry says whether it succeeded",
		Class: Noise, Source: "PSSO-DEC",
		Signs: byPlatformSSO("Login Result = ")},
	{Name: "sso-connection-closed",
		Phrase: "a program closed its connection to macOS's single sign-on, as every program does eventually",
		Class:  Noise,
		Source: "https://github.com/fleetdm/fleet/issues/52629",
		Signs: byPlatformSSO("connectionInvalidated", "invalidated because the client process",
			"breaking calling recursion")},
}
