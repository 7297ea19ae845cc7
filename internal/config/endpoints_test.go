package config_test

import (
	"slices"
	"testing"

	"usher.internal/internal/cloud"
	"usher.internal/internal/config"
)

// oldDefault was the default of preflight.endpoints before it became automatic.
const oldDefault = "enterpriseregistration.windows.net:443, login.microsoftonline.com:443"

func TestEndpointsFollowTheCloudUnlessAnAdminSetsThem(t *testing.T) {
	old := []string{"enterpriseregistration.windows.net:443", "login.microsoftonline.com:443"}
	government := cloud.Endpoints("login.microsoftonline.us")
	for content, want := range map[string][]string{
		"log_level: info": cloud.Endpoints("login.microsoftonline.com"),
		"tenant.cloud_host: login.microsoftonline.us": government,
		"tenant.cloud_host: LOGIN.microsoftonline.US": government,
		"tenant.cloud_host: login.partner.microsoftonline.cn": cloud.Endpoints(
			"login.partner.microsoftonline.cn"),
		"tenant.cloud_host: login.example.com": cloud.Endpoints(
			"login.example.com"),
		"preflight.endpoints: automatic": cloud.Endpoints(
			"login.microsoftonline.com"),
		"preflight: {endpoints: [automatic]}\ntenant: {cloud_host: login.microsoftonline.us}":  government,
		"preflight.endpoints: '" + oldDefault + "'":                                            old,
		"preflight.endpoints: '" + oldDefault + "'\ntenant.cloud_host: login.chinacloudapi.cn": old,
		"preflight.endpoints: ''": {},
		"preflight.endpoints: []\ntenant.cloud_host: login.microsoftonline.us": {},
		"preflight.endpoints: [automatic, 'adfs.example.com:443', " +
			"'login.microsoftonline.us:443']\ntenant.cloud_host: login.microsoftonline.us": append(
			slices.Clone(government), "adfs.example.com:443"),
	} {
		loaded := load(t, config.Places{Local: write(t, "config.yaml", content)})
		if got := loaded.RegistrationEndpoints(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", content, got, want)
		}
	}
	if got := (config.Config{}).RegistrationEndpoints(); len(got) != 0 {
		t.Errorf("without endpoints: %q", got)
	}
}

// A managed value that equals the old default is an admin's choice, even if the local file says automatic.
func TestManagedEndpointsAreShownAsTheyAreSet(t *testing.T) {
	loaded := load(t, config.Places{
		Managed: write(t, "managed.plist",
			`<plist version="1.0"><dict><key>preflight.endpoints</key><array><string>`+
				`enterpriseregistration.windows.net:443</string><string>login.microsoftonline.com:443</string></`+
				`array></dict></plist>`),
		Local: write(t, "config.yaml", "preflight.endpoints: automatic"),
	})
	for _, value := range loaded.Values() {
		switch {
		case value.Key != "preflight.endpoints":
		case value.Value != oldDefault || value.Layer != config.LayerManaged || value.Default != config.Automatic:
			t.Errorf("value: %+v", value)
		}
	}
	if got := loaded.RegistrationEndpoints(); len(got) != 2 {
		t.Errorf("endpoints: %q", got)
	}
}
