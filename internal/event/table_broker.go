package event

// entraBroker is how lines about the sign-in broker begin that a program asks.
const entraBroker = "[Entra broker] CLIENT"

// brokerEvents are what a program's MSAL writes about the sign-in broker, a service of Company Portal's to which it
// talks over XPC. MSAL waits a second for what the SSO extension says of the device, 10 for the service and 60 for its
// answer, and continues without it [https://github.com/AzureAD/microsoft-authentication-library-common-for-objc
// MSIDXpcSingleSignOnProvider.m]. A good answer is written at error level too.
var brokerEvents = []Known{
	{Name: "broker-handshake-slow",
		Phrase: "the SSO extension did not describe the device within a second, which is usual", Class: Noise,
		Source: "MSID MSIDXpcSingleSignOnProvider.m",
		Signs: []Sign{{Message: entraBroker, Also: "handshake timed out"},
			{Message: entraBroker, Also: "after 1 sec"}}},
	{Name: "broker-timed-out", Phrase: "the sign-in broker did not answer in time", Phase: SignIn, Class: Trouble,
		Passing: true,
		Source:  "MSID MSIDXpcSingleSignOnProvider.m",
		Advice:  "Restart Company Portal, or log out and in; if it stays so, install Company Portal again.",
		Signs:   []Sign{{Message: entraBroker, Also: "timed out"}, {Message: entraBroker, Also: "imeout"}}},
	{Name: "broker-unreachable", Phrase: "the sign-in broker could not be reached", Phase: SignIn, Class: Trouble,
		Passing: true,
		Source:  "MSID MSIDXpcSingleSignOnProvider.m",
		Advice:  "Restart Company Portal, or log out and in; if it stays so, install Company Portal again.",
		Signs: []Sign{{Message: entraBroker, Also: "failed to connect"}, {Message: entraBroker, Also: "is interrupted"},
			{Message: entraBroker, Also: "is invalidated"}, {Message: entraBroker, Also: "is unavailable"},
			{Message: entraBroker, Also: "endpoint failed"}}},
	{Name: "broker-asked", Phrase: "a program asks the sign-in broker", Class: Noise,
		Source: "MSID MSIDXpcSingleSignOnProvider.m",
		Signs:  []Sign{{Message: entraBroker}}},
}
