package jamfpro_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"usher.internal/sim/jamfpro"
)

func TestTokenIsIssuedAndExpires(t *testing.T) {
	a := start(t, jamfpro.Options{TokenLifetime: time.Second})
	a.refused(401, "INVALID_TOKEN", "token", "GET", versionPath, "")
	got := a.getToken(jamfpro.DefaultClientID, jamfpro.DefaultClientSecret)
	token := decode[map[string]any](t, got.body)
	if token["token_type"] != "Bearer" || token["expires_in"] != 1.0 || token["scope"] == "" {
		t.Errorf("token %s", got.body)
	}
	a.token, _ = token["access_token"].(string)
	if version := decode[map[string]string](t,
		a.want(200, "GET", versionPath, "").body)["version"]; !strings.HasPrefix(version, "11.") {
		t.Errorf("version %q", version)
	}
	a.clock.pass(999 * time.Millisecond)
	a.want(200, "GET", versionPath, "")
	a.clock.pass(time.Millisecond)
	a.refused(401, "INVALID_TOKEN", "token", "GET", versionPath, "")
}

func TestTokensOfAClientHaveItsLifetime(t *testing.T) {
	a := start(t, jamfpro.Options{Clients: []jamfpro.Client{{ID: "short", Secret: "s", TokenLifetime: time.Minute}}})
	if lifetime := decode[map[string]any](t, a.getToken("short", "s").body)["expires_in"]; lifetime != 60.0 {
		t.Errorf("expires_in %v", lifetime)
	}
}

func TestTokenIsRefused(t *testing.T) {
	a := start(t, jamfpro.Options{})
	for _, one := range []struct {
		name, contentType, body string
		status                  int
		says                    string
	}{
		{"unknown client", "application/x-www-form-urlencoded", credentials("nobody", jamfpro.DefaultClientSecret), 400,
			"invalid_client"},
		{"wrong secret", "application/x-www-form-urlencoded", credentials(jamfpro.DefaultClientID, "wrong"), 400,
			"invalid_client"},
		{"empty", "application/x-www-form-urlencoded", "", 400, "unsupported_grant_type"},
		{"other grant", "application/x-www-form-urlencoded", "grant_type=password", 400, "unsupported_grant_type"},
		{"malformed", "application/x-www-form-urlencoded", "grant_type=%zz", 400, "invalid_request"},
		{"JSON", "application/json", `{"grant_type": "client_credentials"}`, 415, "UNSUPPORTED_MEDIA_TYPE"},
	} {
		t.Run(one.name, func(t *testing.T) {
			got, err := a.send(http.MethodPost, tokenPath, one.contentType, one.body)
			if err != nil || got.status != one.status || !strings.Contains(got.body, one.says) {
				t.Errorf("%d %s, %v; want %d %s", got.status, got.body, err, one.status, one.says)
			}
		})
	}
}

func TestOlderServersHaveTheOlderTokenPathOnly(t *testing.T) {
	a := start(t, jamfpro.Options{OlderTokenPath: true})
	if got := a.getToken(jamfpro.DefaultClientID, jamfpro.DefaultClientSecret); got.status != 404 {
		t.Errorf("new path: %d", got.status)
	}
	got, err := a.send(http.MethodPost, "/api/oauth/token", "application/x-www-form-urlencoded",
		credentials(jamfpro.DefaultClientID, jamfpro.DefaultClientSecret))
	if err != nil || got.status != 200 {
		t.Errorf("older path: %d %v", got.status, err)
	}
}

func TestTokenIsInvalidated(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	if got := a.want(204, "POST", "/api/v1/auth/invalidate-token", ""); got.body != "" {
		t.Errorf("body %q", got.body)
	}
	a.refused(401, "INVALID_TOKEN", "token", "GET", versionPath, "")
	a.refused(401, "INVALID_TOKEN", "token", "POST", "/api/v1/auth/invalidate-token", "")
	a.signIn()
	a.want(200, "GET", versionPath, "")
	a.RevokeTokens()
	a.refused(401, "INVALID_TOKEN", "token", "GET", versionPath, "")
}

func TestRotatedSecret(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.SetSecret(jamfpro.DefaultClientID, "new")
	a.want(200, "GET", versionPath, "")
	if got := a.getToken(jamfpro.DefaultClientID, jamfpro.DefaultClientSecret); got.status != 400 {
		t.Errorf("old secret: %d", got.status)
	}
	if got := a.getToken(jamfpro.DefaultClientID, "new"); got.status != 200 {
		t.Errorf("new secret: %d", got.status)
	}
}

func TestEveryCallTakesItsPrivilege(t *testing.T) {
	for _, one := range []struct{ privilege, method, path, body string }{
		{jamfpro.ReadComputers, "GET", listPath, ""},
		{jamfpro.ReadComputers, "GET", listPath + "/1", ""},
		{jamfpro.ReadComputers, "GET", detailPath + "1", ""},
		{jamfpro.UpdateComputers, "PATCH", detailPath + "1", "{}"},
		{jamfpro.ReadExtensionAttributes, "GET", definitionsPath, ""},
		{jamfpro.CreateExtensionAttributes, "POST", definitionsPath,
			`{"name": "N", "inputType": "TEXT", "inventoryDisplayType": "GENERAL"}`},
		{jamfpro.ReadDeviceCompliance, "GET", "/api/v1/conditional-access/device-compliance-information/computer/1",
			""},
		{jamfpro.ReadConditionalAccess, "GET", "/api/v1/conditional-access/device-compliance/feature-toggle", ""},
	} {
		t.Run(one.method+" "+one.path, func(t *testing.T) {
			a := signedIn(t, jamfpro.Options{Clients: []jamfpro.Client{{
				ID: jamfpro.DefaultClientID, Secret: jamfpro.DefaultClientSecret, Privileges: []string{},
			}}})
			a.refused(403, "INVALID_PRIVILEGE", "", one.method, one.path, one.body)
			a.SetPrivileges(jamfpro.DefaultClientID, []string{one.privilege})
			if got := a.call(one.method, one.path, one.body); got.status < 200 || got.status > 299 {
				t.Errorf("with %q: %d %s", one.privilege, got.status, got.body)
			}
			a.token = "made-up"
			a.refused(401, "INVALID_TOKEN", "token", one.method, one.path, one.body)
		})
	}
}
