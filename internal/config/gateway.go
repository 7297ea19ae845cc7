package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// JamfGatewayDomain is the domain of the gateway of Jamf's Platform API, for example eu.api.jamfcloud.com [PLATFORM].
const JamfGatewayDomain = "api.jamfcloud.com"

// IsJamfGateway reports whether a URL belongs to the gateway of Jamf's Platform API.
func IsJamfGateway(text string) bool {
	parsed, err := url.Parse(text)
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(parsed.Hostname()), ".")
	return host == JamfGatewayDomain || strings.HasSuffix(host, "."+JamfGatewayDomain)
}

// IsLoopback reports whether a host is this computer, where stand-ins run.
func IsLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}

// gatewayProblem returns the problem with the keys that select a Jamf Pro, and the key that has it. It returns "" if
// there is no problem.
func (l *Loaded) gatewayProblem() (key, problem string) {
	const address, environment, tenant = "delivery.api.url", "delivery.api.environment_id", "delivery.api.tenant_id"
	api := l.Delivery.API
	parsed, err := url.Parse(api.URL)
	if err != nil {
		return "", "" // the check of the key itself reports it
	}
	set := tenant
	if api.EnvironmentID != "" {
		set = environment
	}
	isStandIn := IsLoopback(parsed.Hostname())
	switch isGateway, given := IsJamfGateway(api.URL), api.EnvironmentID != "" || api.TenantID != ""; {
	case isStandIn:
	case api.EnvironmentID != "" && api.TenantID != "":
		return tenant, "is set together with " + environment +
			"; remove the one that the API integration in Jamf Account was not made for"
	case isGateway && !given:
		return environment, "is empty, and so is " + tenant + "; the gateway of Jamf's Platform API (" + address +
			") needs the one that the API integration in Jamf Account was made for"
	case isGateway && strings.Trim(parsed.Path, "/") != "":
		return address, "has a path, and the gateway of Jamf's Platform API has none; set it to https://REGION." +
			JamfGatewayDomain
	case given && !isGateway && api.URL != "":
		return set, "is for the gateway of Jamf's Platform API, https://REGION." + JamfGatewayDomain + ", and " +
			address + " is another server; remove it"
	}
	return "", ""
}
