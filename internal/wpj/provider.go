package wpj

import (
	"strings"

	"usher.internal/internal/cloud"
)

// MicrosoftExtension is the bundle identifier of the single sign-on extension in Company Portal [MS-P].
const MicrosoftExtension = "com.microsoft.CompanyPortalMac.ssoextension"

// MicrosoftTeam is the team identifier with which Microsoft signs Company Portal and its extension
// [MB-CLEAN][MS-SSOTS].
const MicrosoftTeam = "UBF8T346G9"

// Provider is the provider of the configured Platform SSO. Only Microsoft's says something about Entra.
type Provider string

// The providers.
const (
	ProviderUnknown   Provider = ""
	ProviderMicrosoft Provider = "Microsoft"
	ProviderOther     Provider = "other"
)

// Provider returns the provider of this Platform SSO. The extension decides. If its identifier is missing, the issuer's
// host decides: it is Microsoft's in every cloud that usher knows. Without either it is [ProviderUnknown].
func (p PlatformSSO) Provider() Provider {
	switch {
	case p.ExtensionID != "":
		return microsoftOrOther(strings.EqualFold(p.ExtensionID, MicrosoftExtension))
	case p.IssuerHost != "":
		_, microsofts := cloud.Of(p.IssuerHost)
		return microsoftOrOther(microsofts)
	}
	return ProviderUnknown
}

func microsoftOrOther(microsoft bool) Provider {
	if microsoft {
		return ProviderMicrosoft
	}
	return ProviderOther
}

// ProviderName is the name of another provider: the extension's identifier, or else the issuer's host.
func (p PlatformSSO) ProviderName() string {
	if p.ExtensionID != "" {
		return p.ExtensionID
	}
	return p.IssuerHost
}
