package event

import (
	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
)

// cancellationEvents show a sign-in that ended because its window was closed. MSAL uses the same code whether the user
// or the program closed it [https://github.com/AzureAD/microsoft-authentication-library-for-objc MSALErrorConverter.m].
// Company Portal closes the window when the user leaves it. MSAL then attributes that to the user.
var cancellationEvents = []Known{
	{Name: SignInCancelled, Phrase: "the user cancelled the sign-in", Phase: SignIn, Class: Trouble, Cancels: true,
		Source: "OBJC#2187, OBJC#1125, VSC",
		Advice: "Nothing is broken: ask the user to start it again, and to sign in with the work account.",
		Signs: []Sign{
			{Domain: errorcode.MSAL, Number: -50005},
			{Domain: errorcode.MSID, Number: -51700},
			{Domain: errorcode.WebSession, Number: 1},
			{Domain: "com.apple.SafariServices.Authentication", Number: 1},
			{Message: "WebAuthenticationSession error 1"},
			{Message: "User cancelled the authorization session"},
			{Message: "User canceled the authorization session"},
			{Message: "MSALErrorUserCanceled"},
			{Message: "MSIDErrorUserCancel"},
		}},
	{Name: SignInStopped, Phrase: "the sign-in window was closed by a program before the sign-in was complete",
		Phase: SignIn, Class: Trouble,
		Source: "VSC",
		Advice: "Start it again; if it happens again, find out what closes Company Portal or its window.",
		Signs: []Sign{
			{Domain: errorcode.MSID, Number: -51701},
			{Message: "Authorization session was cancelled prog"},
		}},
	{Name: "setup-assistant-noted", Phrase: "Company Portal notes whether it runs within Setup Assistant", Class: Noise,
		Source: "CP5-LOG",
		Signs: []Sign{{Message: "isSetupAssistantFlow"},
			{From: applog.SourceCompanyPortal, Message: "SetupAssistantFlow"}}},
}
