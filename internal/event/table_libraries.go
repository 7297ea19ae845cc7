package event

import (
	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
)

// microsoftLibraryEvents are messages of MSAL, ADAL and the Workplace Join SDK in the logs of the programs that use
// them.
var microsoftLibraryEvents = []Known{
	{Name: "keychain-locked", Phrase: "the keychain was locked, or nobody could be asked to unlock it", Phase: Storing,
		Class: Trouble, Source: "OBJC#958",
		Advice: "Unlock the login keychain in the user's session; if its password is not that of the account, " +
			"Keychain Access can change it.",
		Signs: []Sign{{Domain: errorcode.OSStatus, Number: -25308}}},
	{Name: "broker-key-failed", Phrase: "the key of the sign-in broker could not be written to the keychain",
		Phase: SignIn, Class: Trouble, Source: "PY#803, OBJC#2069",
		Advice: "Unlock the login keychain in the user's session; on a virtual machine it is expected.",
		Signs:  []Sign{{Message: "Could not write broker key"}}},
	{Name: "keychain-not-entitled", Phrase: "the program may not use that keychain", Phase: Reading, Class: Trouble,
		Source: "OBJC#974",
		Advice: "The program that asks is not signed with Microsoft's entitlement: nothing can be done about " +
			"it on this Mac.",
		Signs: []Sign{{Domain: errorcode.OSStatus, Number: -34018}}},
	{Name: "keychain-refused", Phrase: "the keychain refused a change of an item that belongs to another program",
		Phase: Storing, Class: Trouble, Source: "MS-25244",
		Advice: "Remove the stale items with `usherctl clean` in the user's session, then register again.",
		Signs:  []Sign{{Domain: errorcode.OSStatus, Number: -25244}}},
	{Name: "workplace-join-required", Phrase: "Entra asks for a registered device", Phase: SignIn, Class: Trouble,
		Source: "OBJC#2380",
		Advice: "Register the device first; exclude \"User registration app for Device Compliance\" from the " +
			"Conditional Access policies.",
		Signs: []Sign{{Domain: errorcode.MSID, Number: -51810}, {Message: "Workplace join is required"}}},
	{Name: "entra-refused", Phrase: "Entra answered the sign-in with an error", Phase: SignIn, Class: Trouble,
		Source: "OBJC#1391",
		Advice: "Follow the advice for the code; Entra's sign-in logs have the user's sign-in with the same code.",
		Signs:  []Sign{{Message: "AADSTS", Also: ": "}}},
	// This matches only codes that no earlier row has. A silent sign-in often fails, and has other words.
	{Name: SignInFlowFailed, Phrase: "Microsoft's sign-in window ended with an error", Phase: SignIn, Class: Trouble,
		Source: "MSID MSIDLocalInteractiveController.m",
		Advice: "Follow the advice for the code, then let the user sign in again.",
		Signs: []Sign{{From: applog.SourceCompanyPortal,
			Message: "Interactive flow finished. Result (null), error: "}}},
	{Name: AcquireTokenFailed, Phrase: "Microsoft's sign-in library got no token", Phase: SignIn, Class: Trouble,
		Source: "OBJC MSALPublicClientApplication.m",
		Advice: "Read the entries around it, then let the user sign in again.",
		Signs:  []Sign{{From: applog.SourceCompanyPortal, Message: "acquireToken returning with error: ("}}},
	{Name: "already-joined", Phrase: "the Workplace Join SDK says that this Mac is registered already",
		Phase: Registration, Class: Trouble,
		Source: "MSID MSIDWorkPlaceJoinConstants.m",
		Advice: "Run `usherctl status`: it says whether the registration can be used; if not, remove it with " +
			"`usherctl clean` and register again.",
		Signs: []Sign{{Message: "This device is already workplace joined"}}},
	{Name: "keychain-not-written", Phrase: "a Workplace Join item could not be written to the keychain", Phase: Storing,
		Class:  Trouble,
		Source: "MSID MSIDWorkPlaceJoinConstants.m",
		Advice: "Unlock the login keychain in the user's session, remove stale items with `usherctl clean`, and " +
			"register again.",
		Signs: []Sign{{Message: "Unable to write to shared access group"}}},
	{Name: "keychain-not-read", Phrase: "a Workplace Join item was not found in the keychain, which is normal before " +
		"a registration", Class: Noise,
		Source: "https://github.com/MicrosoftDocs/azure-docs/issues/74331",
		Signs:  []Sign{{Message: "Unable to read from shared access group"}}},
	{Name: "device-joined", Phrase: "the SSO extension finds this Mac registered", Phase: Closing, Class: Progress,
		Source: "MS-SSOTS",
		Signs: []Sign{{From: applog.SourceSSOExtension, Message: "Device is joined 1"},
			{From: applog.SourceSSOExtension, Message: "Passing device header in browser SSO for device id"},
			{From: applog.SourceSSOExtension, Message: "Found registration registered in "},
			{From: applog.SourceSSOExtension, Message: "device registered 1"}}},
	{Name: "device-not-joined", Phrase: "the SSO extension finds this Mac not registered", Class: Noise,
		Source: "MS-SSOTS",
		Signs:  []Sign{{From: applog.SourceSSOExtension, Message: "Device is joined 0"}}},
	{Name: "sso-request-ignored", Phrase: "the SSO extension left a sign-in to the program", Class: Noise,
		Source: "MS-SSOTS",
		Signs:  []Sign{{From: applog.SourceSSOExtension, Message: "Ignoring this SSO request"}}},
}
