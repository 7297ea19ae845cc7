package event

import "usher.internal/internal/applog"

// bySSOExtension returns the signs of messages that the SSO extension writes.
func bySSOExtension(messages ...string) (signs []Sign) {
	for _, message := range messages {
		signs = append(signs, Sign{From: applog.SourceSSOExtension, Message: message})
	}
	return signs
}

// ssoExtensionEvents are the events of requests in the SSO extension's log. The extension serves every program of the
// user, so most of them are not about a registration
// [https://learn.microsoft.com/entra/identity/devices/troubleshoot-mac-sso-extension-plugin].
var ssoExtensionEvents = []Known{
	{Name: "sso-interactive", Phrase: "the SSO extension asks the user to sign in", Class: Noise, Source: "MS-SSOTS",
		Signs: bySSOExtension("Handling interactive SSO request")},
	{Name: "sso-silent", Phrase: "the SSO extension signs in without asking", Class: Noise, Source: "MS-SSOTS",
		Signs: bySSOExtension("Handling silent SSO request")},
	{Name: "sso-request", Phrase: "a program asks the SSO extension", Class: Noise, Source: "MS-SSOTS",
		Signs: bySSOExtension("Handling SSO request, requested operation",
			"Created Browser SSO request for bundle identifier", "Beginning authorization request")},
	{Name: "sso-window-shown", Phrase: "the SSO extension shows the sign-in window", Class: Noise, Source: "MS-SSOTS",
		Signs: bySSOExtension("Presenting web view controller", "No existing accounts found, showing webview")},
	{Name: "sso-window-closed", Phrase: "the SSO extension's sign-in window is closed", Class: Noise,
		Source: "MS-SSOTS",
		Signs:  bySSOExtension("Dismissed web view controller")},
	{Name: "sso-token-acquired", Phrase: "the SSO extension has the user's primary refresh token", Class: Noise,
		Source: "MS-SSOTS",
		Signs: bySSOExtension("Acquired PRT successfully", "Acquired PRT.",
			"ADBrokerAcquireTokenWithPRTAction succeeded")},
	{Name: "workplace-join-discovered", Phrase: "the SSO extension found Entra's registration service", Class: Noise,
		Source: "MS-SSOTS",
		Signs:  bySSOExtension("WPJ discovery succeeded")},
	{Name: "sso-request-finished", Phrase: "the SSO extension has answered the program", Class: Noise,
		Source: "MS-SSOTS",
		Signs: bySSOExtension("Finished SSO request", "Completed interactive SSO request",
			"Completed silent SSO request", "Completing SSO request")},
}
