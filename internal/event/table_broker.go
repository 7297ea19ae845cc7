package event

// entraBroker is the beginning of lines that a program writes when it calls the sign-in broker.
const entraBroker = "[Entra broker] CLIENT"

// brokerEvents are messages of a program's MSAL about the sign-in broker, an XPC service of Company Portal. MSAL waits
// 1 second for the SSO extension's description of the device, 10 seconds for the service and 60 for its answer. Then it
// continues without them [https://github.com/AzureAD/microsoft-authentication-library-common-for-objc
// MSIDXpcSingleSignOnProvider.m]. MSAL writes a good answer at error level too.
var brokerEvents = []Known{
	{Name: "broker-handshake-slow",
		Phrase: "the SSO extension did not describe the device within a second, which is usual", Class: Noise,
		Source: "MSID MSIDXpcSingleSignOnProvider.m",
		Signs: []Sign{{Message: entraBroker, Also: "handshake timed out"},
			{Message: entraBroker, Also: "after 1 sec"}}},
	{Name: "broker-timed-out", Phrase: "the sign-in broker did not answer in time", Phase: SignIn, Class: Trouble,
		Passing: true,
		Source:  "MSID MSIDXpcSingleSignOnProvider.m",
		Advice:  "Restart Company Portal, or log out and in; if that does not help, install Company Portal again.",
		Signs:   []Sign{{Message: entraBroker, Also: "timed out"}, {Message: entraBroker, Also: "imeout"}}},
	{Name: "broker-unreachable", Phrase: "the sign-in broker could not be reached", Phase: SignIn, Class: Trouble,
		Passing: true,
		Source:  "MSID MSIDXpcSingleSignOnProvider.m",
		Advice:  "Restart Company Portal, or log out and in; if that does not help, install Company Portal again.",
		Signs: []Sign{{Message: entraBroker, Also: "failed to connect"}, {Message: entraBroker, Also: "is interrupted"},
			{Message: entraBroker, Also: "is invalidated"}, {Message: entraBroker, Also: "is unavailable"},
			{Message: entraBroker, Also: "endpoint failed"}}},
	{Name: "broker-asked", Phrase: "a program asks the sign-in broker", Class: Noise,
		Source: "MSID MSIDXpcSingleSignOnProvider.m",
		Signs:  []Sign{{Message: entraBroker}}},
}
