package config

import (
	"net/url"
	"strings"
)

// JamfGatewayDomain is where the gateway of Jamf's Platform API is, for example eu.api.jamfcloud.com [PLATFORM].
const JamfGatewayDomain = "api.jamfcloud.com"

// IsJamfGateway reports whether a URL is one of the gateway of Jamf's Platform API.
func IsJamfGateway(text string) bool {
	parsed, err := url.Parse(text)
	if err != nil {
		return false
	}
	host := strings.ToLower(parsed.Hostname())
	return host == JamfGatewayDomain || strings.HasSuffix(host, "."+JamfGatewayDomain)
}
