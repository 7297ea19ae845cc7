package event

import "usher.internal/internal/applog"

const (
	// jamfAAD is in the name of Jamf's helper until 2023, conditionalAccess in the name of its successor.
	jamfAAD           = "JamfAAD"
	conditionalAccess = "Jamf Conditional Access"
)

// byJamfAAD returns the signs of a message that either of them writes.
func byJamfAAD(message string) []Sign {
	return []Sign{
		{From: applog.SourceUnified, Process: jamfAAD, Message: message},
		{From: applog.SourceUnified, Process: conditionalAccess, Message: message},
	}
}

// unifiedLogEvents are the events in the unified log (docs/log-formats.md).
var unifiedLogEvents = []Known{
	{Name: PortalLaunching, Phrase: "Jamf's helper opens Company Portal", Phase: Launch, Then: SignIn, Class: Progress,
		Source: "SEED",
		Signs:  byJamfAAD("Launching Company Portal")},
	{Name: IdentityCollecting, Phrase: "Jamf's helper begins to read the identity", Phase: Reading, Then: Reading,
		Class: Progress, Source: "SEED",
		Signs: append(byJamfAAD("Collecting Azure Active Directory ID"),
			byJamfAAD("Collecting Microsoft Entra ID")...)},
	{Name: KeychainChanged, Phrase: "the login keychain was written, which follows a prompt to the user",
		Phase: Consent, Then: Reading, Class: Progress,
		Source: "SEED", Signs: []Sign{
			{From: applog.SourceUnified, Process: jamfAAD, Message: "login.keychain-db.sb-"},
			{From: applog.SourceUnified, Process: conditionalAccess, Message: "login.keychain-db.sb-"},
		}},
	{Name: IdentityAcquired, Phrase: "Jamf's helper has the device's Entra ID", Phase: Reading, Then: Delivery,
		Ends: true, Class: Progress, Source: "SEED, MS-JDC",
		Signs: append(byJamfAAD("AAD ID acquired for macOS user"), byJamfAAD("Entra ID acquired for macOS user")...)},
	{Name: "identity-not-acquired", Phrase: "Jamf's helper found no Entra ID", Phase: Reading, Class: Trouble,
		Source: "MS-JDC",
		Advice: "Run `usherctl status` in the user's session: it says whether this Mac is registered, and where " +
			"the identity is.",
		Signs: byJamfAAD("No AAD ID found")},
	{Name: "several-accounts", Phrase: "the user has several Microsoft accounts on this Mac, and the wrong one " +
		"may be picked", Phase: Consent, Class: Trouble, Source: "BW-DUP",
		Advice: "Remove the Microsoft accounts that are not used, in Keychain Access or with Company Portal's " +
			"sign-out, and register again.",
		Signs: byJamfAAD("posible for silent token acquire to fail now")},
	{Name: "daemon-asked", Phrase: "Jamf's helper asks Jamf's daemon about the tenant", Class: Noise, Source: "SEED",
		Signs: byJamfAAD("Requesting Azure tenant info from jamf daemon")},
	{Name: "daemon-connecting", Phrase: "Jamf's helper connects to Jamf's daemon", Class: Noise, Source: "SEED",
		Signs: append(byJamfAAD("creating client"), byJamfAAD("connecting client")...)},
	{Name: "profile-installed", Phrase: "a configuration profile was installed", Class: Noise, Source: "MS-SSOTS",
		Signs: []Sign{{From: applog.SourceUnified, Message: "Installed configuration profile"}}},
}
