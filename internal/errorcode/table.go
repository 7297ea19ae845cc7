package errorcode

import "slices"

// codes is the one table, by domain.
var codes = slices.Concat(numbered(workplaceJoinCodes, msalCodes, msalInternalCodes, msidCodes, portalCodes,
	osStatusCodes, networkCodes,
	cfNetworkCodes, cocoaCodes, authenticationCodes, entraCodes, hresultCodes, stateCodes), codesWithWords)

// entry is a code that is written only by its number and its name. The phrase is its meaning.
type entry struct {
	domain                       Domain
	number                       int64
	name, phrase, advice, source string
}

func numbered(tables ...[]entry) (all []Code) {
	for _, e := range slices.Concat(tables...) {
		all = append(all, Code{Domain: e.domain, Number: e.number, Name: e.name, Phrase: e.phrase, Advice: e.advice,
			Source: e.source})
	}
	return all
}

// The sources of the facts, in addition to the tags of docs/sources.md.
const (
	secBase     = "https://developer.apple.com/documentation/security/security-framework-result-codes"
	codeSigning = "https://developer.apple.com/documentation/security/code-signing-services-result-codes"
	urlErrors   = "https://developer.apple.com/documentation/foundation/1508628-url-loading-system-error-codes"
	msalErrors  = "https://github.com/AzureAD/microsoft-authentication-library-for-objc MSAL/src/public/MSALError.h"
	msidErrors  = "https://github.com/AzureAD/microsoft-authentication-library-common-for-objc " +
		"IdentityCore/src/MSIDError.h"
	entraErrors = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"
	webSessions = "https://developer.apple.com/documentation/authenticationservices/aswebauthenticationsessionerror"
	asErrors    = "https://developer.apple.com/documentation/authenticationservices/asauthorizationerror"
	authErrors  = "https://developer.apple.com/documentation/security/authorization-services-result-codes"
	sslErrors   = "https://developer.apple.com/documentation/security/secure-transport-result-codes"
	cfErrors    = "https://developer.apple.com/documentation/cfnetwork/cfnetworkerrors"
	cocoaErrors = "https://developer.apple.com/documentation/foundation/nscocoaerror"
	mdmErrors   = "https://learn.microsoft.com/openspecs/windows_protocols/ms-mde2/" +
		"0a78f419-5fd7-4ddb-bc76-1c0f7e11da23"
	joinErrors = "https://learn.microsoft.com/windows/security/identity-protection/hello-for-business/" +
		"hello-errors-during-pin-creation"
	oldMSAL = "https://github.com/AzureAD/microsoft-authentication-library-for-objc " +
		"MSAL/src/public/MSALError.h, 0838e5f"
	dsregcmd        = "public reports of dsregcmd /debug /join; nobody has shown it for a Mac"
	directoryQuota  = "https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions"
	intuneEnrolment = "Microsoft, \"Troubleshoot iOS/iPadOS device enrollment errors in Microsoft Intune\""
	wpjClasses      = "public header of Microsoft's WorkplaceJoin SDK of iOS, its error classes; nobody has shown " +
		"them for a Mac"
)

// The advice for more than one code.
const (
	unlock = "Let the user unlock the login keychain in Keychain Access, or log out and in, and give it the password " +
		"of the account if they differ; " +
		"then register again."
	cleanUp       = "Remove the stale items with `usherctl clean` in the user's session, then register again."
	keychainFiles = "Check that the disk is not full and that the user owns ~/Library/Keychains and may write there."
	newKeychain   = "Have the user create a new login keychain in Keychain Access, then register again."
	reinstall     = "Install Company Portal again, from Microsoft."
	network       = "Check the network, the proxy and TLS inspection for login.microsoftonline.com and " +
		"enterpriseregistration.windows.net."
	tlsInspection = "Check this Mac's clock, and exempt Microsoft's addresses from TLS inspection."
	again         = "Ask the user to sign in again with the work account."
	startAgain    = "Ask the user to start the registration again and to complete the sign-in."
	signInLogs    = "Look up the sign-in in Entra's sign-in logs: they name the policy and the reason."
	exclude       = "Exclude \"User registration app for Device Compliance\" and the device registration from the " +
		"Conditional Access policy that asks for it."
	application  = "Check in Entra that the application exists, is enabled, and has admin consent."
	account      = "Look up the account in Entra."
	setUpMFA     = "Ask the user to set up multi-factor authentication, then register again."
	otherAccount = "Ask the user to sign in with the work account of this tenant."
	registerMac  = "Register the Mac with `usherctl register`."
	ssoProfile   = "Restart the Mac; check that Company Portal is installed and that the SSO extension's " +
		"profile is there."
	askPSSO = "Ask the user to answer the notification \"Registration Required\", or to log out and in to " +
		"see it again."
	again5300 = "Right after a registration, wait until Jamf Pro has reported that the Mac is compliant; " +
		"otherwise exclude \"User registration app " +
		"for Device Compliance\" from the policy that asks for it."
	associatedDomains = "Exempt login.microsoftonline.com, *.cdn-apple.com and *.networking.apple from TLS " +
		"inspection, then run `sudo /usr/bin/swcutil reset`."
	proxySettings = "Check the proxy in System Settings, Network, and that it lets Microsoft's addresses through."
	support       = "Try again later; if the error continues, see Microsoft's service health."
	updateProgram = "Update Company Portal and the program that wrote it."
	readDeeper    = "Read the underlying error, which comes after it in the entry."
)
