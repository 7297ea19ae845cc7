package wpj

import (
	"slices"
	"strings"
)

// MicrosoftExtension is the bundle identifier of the single sign-on extension in Company Portal [MS-P].
const MicrosoftExtension = "com.microsoft.CompanyPortalMac.ssoextension"

// microsoftIssuers are the hosts in the URLs of Entra's issuers, in every cloud [MS-CLOUDS].
var microsoftIssuers = []string{
	"login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net",
	"login.microsoftonline.us", "login-us.microsoftonline.com",
	"login.partner.microsoftonline.cn", "login.chinacloudapi.cn", "sts.chinacloudapi.cn",
}

// Provider is whose Platform SSO is configured. Only Microsoft's says something about Entra.
type Provider string

// The providers.
const (
	ProviderUnknown   Provider = ""
	ProviderMicrosoft Provider = "Microsoft"
	ProviderOther     Provider = "other"
)

// Provider returns whose Platform SSO this is: the extension decides, and where its identifier is missing the host of the
// issuer. Without either it is [ProviderUnknown].
func (p PlatformSSO) Provider() Provider {
	switch {
	case p.ExtensionID != "":
		return microsoftOrOther(strings.EqualFold(p.ExtensionID, MicrosoftExtension))
	case p.IssuerHost != "":
		return microsoftOrOther(slices.Contains(microsoftIssuers, strings.ToLower(p.IssuerHost)))
	}
	return ProviderUnknown
}

func microsoftOrOther(microsoft bool) Provider {
	if microsoft {
		return ProviderMicrosoft
	}
	return ProviderOther
}

// ProviderName is what names another provider: the extension's identifier, or else the issuer's host.
func (p PlatformSSO) ProviderName() string {
	if p.ExtensionID != "" {
		return p.ExtensionID
	}
	return p.IssuerHost
}
