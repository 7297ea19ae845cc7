package jamfpro

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"usher.internal/internal/config"
)

// server says how to reach the API of a Jamf Pro: directly, or through the gateway of Jamf's Platform API.
type server struct {
	base *url.URL
	// root is the beginning of the paths of calls.
	root string
	// tokens are the calls that get an access token. The first is used unless the server does not have it.
	tokens []call
	// scope is the header, and scopeID its value, that identifies the Jamf Pro at the gateway.
	scope, scopeID string
}

// newServer decides where the API is. A stand-in for the gateway has a loopback address and is recognized by its ID.
func newServer(settings Config) (server, error) {
	base, err := parseURL(settings.URL)
	if err != nil {
		return server{}, err
	}
	token := func(path string) call {
		return call{"get an access token", http.MethodPost, path, "", http.StatusOK}
	}
	ids := settings.EnvironmentID != "" || settings.TenantID != ""
	if !config.IsJamfGateway(settings.URL) && !(ids && config.IsLoopback(base.Hostname())) {
		if ids {
			return server{}, fmt.Errorf(
				"URL of Jamf Pro at host %q: delivery.api.environment_id and delivery.api.tenant_id are for the "+
					"gateway of Jamf's Platform API, "+
					"https://REGION.%s; remove them, or set delivery.api.url to it", base.Hostname(),
				config.JamfGatewayDomain)
		}
		// Servers older than the versioned path have only the other one.
		return server{base: base, root: "/api",
			tokens: []call{token("/api/v1/oauth/token"), token("/api/oauth/token")}}, nil
	}
	if base.Path != "" {
		return server{}, fmt.Errorf(
			"URL of Jamf Pro at host %q: the gateway of Jamf's Platform API has no path; set delivery.api.url to "+
				"https://REGION.%s",
			base.Hostname(), config.JamfGatewayDomain)
	}
	if (settings.EnvironmentID == "") == (settings.TenantID == "") {
		return server{}, fmt.Errorf(
			"URL of Jamf Pro at host %q: the gateway of Jamf's Platform API needs delivery.api.environment_id or "+
				"delivery.api.tenant_id; set the one for the level of the API integration in Jamf Account",
			base.Hostname())
	}
	s := server{base: base, root: "/pro", tokens: []call{token("/auth/token")}, scope: "X-Environment-Id",
		scopeID: settings.EnvironmentID}
	if settings.TenantID != "" {
		s.scope, s.scopeID = "X-Tenant-Id", settings.TenantID
	}
	return s, nil
}

// path returns the path of a call below the server's URL.
func (s server) path(which call) string { return strings.Replace(which.path, "{root}", s.root, 1) }

// failure returns the error of a call, which the caller completes from the answer.
func (s server) failure(which call) *APIError {
	return &APIError{
		Operation: which.operation, Method: which.method, Path: s.path(which), Host: s.base.Host,
		Privilege: which.privilege, Gateway: s.scope != "",
		aboutClient: slices.Contains(s.tokens, which),
	}
}

// malformed returns the error for an answer that does not have the API's form.
func (s server) malformed(which call, err error) *APIError {
	failure := s.failure(which)
	failure.Status, failure.NotJSON, failure.Err = which.success, true, err
	return failure
}

// parseURL returns the base URL of the server's API.
func parseURL(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		// The error of url.Parse contains the text, and somebody may have put a password into it.
		return nil, errors.New("URL of Jamf Pro is malformed; allowed is https://HOST[:PORT][/PATH]")
	}
	switch {
	case parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.Hostname() == "":
		return nil, fmt.Errorf("URL of Jamf Pro at host %q: allowed is https://HOST[:PORT][/PATH], without user, "+
			"query or fragment", parsed.Hostname())
	case parsed.Scheme == "https", parsed.Scheme == "http" && config.IsLoopback(parsed.Hostname()):
	default:
		return nil, fmt.Errorf("URL of Jamf Pro at host %q: scheme %q is not allowed; use https (http is for "+
			"loopback addresses only)", parsed.Hostname(), parsed.Scheme)
	}
	parsed.Path = strings.TrimSuffix(parsed.Path, "/")
	return parsed, nil
}
