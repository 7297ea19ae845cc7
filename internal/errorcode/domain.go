package errorcode

import (
	"strings"
	"sync"
)

// Domain is the program or library that defines a code's number.
type Domain string

// The domains, by their names in logs if they have one there.
const (
	WorkplaceJoin Domain = "WPJ SDK"
	OSStatus      Domain = "OSStatus"
	MSAL          Domain = "MSALErrorDomain"
	MSALInternal  Domain = "MSALInternalErrorCode"
	MSID          Domain = "MSIDErrorDomain"
	Broker        Domain = "broker"
	Entra         Domain = "AADSTS"
	URLLoading    Domain = "NSURLErrorDomain"
	CFNetwork     Domain = "kCFErrorDomainCFNetwork"
	Cocoa         Domain = "NSCocoaErrorDomain"
	WebSession    Domain = "com.apple.AuthenticationServices.WebAuthenticationSession"
	Authorization Domain = "com.apple.AuthenticationServices.AuthorizationError"
	AppSSO        Domain = "com.apple.AppSSO.AuthorizationError"
	PlatformSSO   Domain = "com.apple.PlatformSSO"
	PlugInKit     Domain = "PlugInKit"
	Portal        Domain = "com.microsoft.commonlib.authentication"
	JamfSecurity  Domain = "com.jamf.jamfsecurity.error"
	// HRESULT has the numbers that Intune and the device registration service share with Windows.
	HRESULT Domain = "HRESULT"
	// Registration and Intune have names and sentences, and no numbers.
	Registration Domain = "device registration"
	Intune       Domain = "Intune"
	JamfAAD      Domain = "JamfAAD"
	// Symptom is a problem with Platform SSO that a user sees and that has no code.
	Symptom       Domain = "Platform SSO"
	PSSOStatus    Domain = "MSALPlatformSSOStatus"
	PSSOUserState Domain = "POUserState"
	WPJState      Domain = "WorkPlaceJoinState"
	// ExitCode is the exit code of a program. No code here has this domain: internal/wpj has those of Company Portal.
	ExitCode Domain = "exit code"
)

// likelihood is the domains, the most likely one for a number without a domain first.
var likelihood = []Domain{OSStatus, URLLoading, Entra, MSAL, MSID, WorkplaceJoin, Broker, MSALInternal, PlatformSSO,
	AppSSO,
	Authorization, HRESULT, CFNetwork, Cocoa, PlugInKit, Portal, JamfSecurity, WebSession, PSSOUserState, PSSOStatus,
	WPJState}

// spelling is how a domain is written.
type spelling struct {
	// domains are the domains that it can mean. A number that none of them has belongs to the first.
	domains []Domain
	// strict is true if the spelling decides the domain of a number. Any other spelling only makes a domain more
	// likely.
	strict bool
	// spoken is true if people use the spelling and logs also use it for other things.
	spoken bool
}

// spellings are the spellings of the known domains, in lower case.
var spellings = sync.OnceValue(func() map[string]spelling {
	all := map[string]spelling{}
	for _, domain := range likelihood {
		all[strings.ToLower(string(domain))] = spelling{domains: []Domain{domain}, strict: true}
	}
	formal := func(domains []Domain, names ...string) {
		for _, name := range names {
			all[strings.ToLower(name)] = spelling{domains: domains, strict: true}
		}
	}
	spoken := func(strict bool, domains []Domain, names ...string) {
		for _, name := range names {
			all[name] = spelling{domains: domains, strict: strict, spoken: true}
		}
	}
	formal([]Domain{OSStatus}, "NSOSStatusErrorDomain", "MSIDKeychainErrorDomain", "ADKeychainErrorDomain",
		"kCFErrorDomainOSStatus", "errSec")
	// Older versions of MSAL gave its internal codes the same domain.
	formal([]Domain{MSAL, MSALInternal}, string(MSAL))
	formal([]Domain{MSALInternal}, "MSALInternalErrorDomain", "MSALInternalErrorCodeKey", "MSALInternalErrorCode")
	formal([]Domain{MSID}, "MSIDOAuthErrorDomain", "MSIDHttpErrorCodeDomain")
	formal([]Domain{WorkplaceJoin}, "com.microsoft.workplacejoin.errordomain")
	formal([]Domain{Authorization}, "com.apple.AuthenticationServices.Authorization", "ASAuthorizationErrorDomain",
		"ASAuthorizationError")
	formal([]Domain{WebSession}, "ASWebAuthenticationSessionErrorDomain", "ASWebAuthenticationSessionError")
	// CFNetwork has the negative numbers of URL loading, and positive ones of its own
	// [https://developer.apple.com/documentation/cfnetwork/cfnetworkerrors].
	formal([]Domain{CFNetwork, URLLoading}, string(CFNetwork))
	formal([]Domain{OSStatus}, "_kCFStreamErrorCodeKey", "_kCFNetworkCFStreamSSLErrorOriginalValue")

	spoken(true, []Domain{OSStatus}, "keychain", "security framework")
	spoken(true, []Domain{JamfSecurity}, "jamf.keychain")
	spoken(true, []Domain{MSAL, MSALInternal, MSID}, "msal", "msalerror")
	spoken(true, []Domain{MSID, MSALInternal}, "msid", "msiderror")
	spoken(true, []Domain{URLLoading, CFNetwork}, "nsurl", "nsurlerror", "nsurlsession", "urlerror", "urlsession")
	spoken(true, []Domain{CFNetwork, URLLoading}, "cfnetwork", "kcferrordomain")
	spoken(true, []Domain{Cocoa}, "nscocoa", "cocoa", "nscocoaerror")
	spoken(true, []Domain{AppSSO, Authorization}, "appsso", "appssoerror")
	spoken(true, []Domain{Authorization, AppSSO}, "authorizationerror", "authenticationservices")
	spoken(true, []Domain{WebSession}, "webauthenticationsession", "aswebauthenticationsession")
	spoken(true, []Domain{ExitCode}, "exit", "exits", "exited", "exitcode", "exitstatus", "resultdata")
	spoken(true, []Domain{PSSOStatus}, "getpssostatus", "pssostatus")
	spoken(true, []Domain{PSSOUserState}, "userstate")
	spoken(true, []Domain{WPJState}, "workplacejoinstate")
	spoken(false, []Domain{PSSOUserState, PSSOStatus}, "state")
	spoken(false, []Domain{PlatformSSO, AppSSO, MSID}, "platformsso", "psso", "platform sso")
	spoken(false, []Domain{Broker, MSALInternal, MSID}, "broker")
	spoken(false, []Domain{WorkplaceJoin}, "wpj", "drs", "workplacejoin")
	spoken(false, []Domain{Entra}, "entra", "aad", "azure", "azuread", "sts")
	spoken(false, []Domain{HRESULT}, "mdm")
	return all
})

// rank is how much a domain's codes say about the cause, compared with other codes at the same depth of an error.
func rank(domain Domain) int {
	switch domain {
	case Entra, HRESULT, Registration, Intune:
		return 3
	case MSALInternal, MSAL:
		return 1
	case PSSOUserState, PSSOStatus, WPJState, ExitCode, "":
		return 0
	}
	return 2
}
