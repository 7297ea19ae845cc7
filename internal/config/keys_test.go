package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"usher.internal/internal/config"
)

// other has a value for each key that is not its default.
var other = map[string]string{
	"socket_directory":                   "/tmp/sockets",
	"state_directory":                    "/tmp/state",
	"log_level":                          "warn",
	"admin_group":                        "DOMAIN\\Mac Admins",
	"primary_user":                       "jane",
	"agent.executable":                   "/tmp/usher-agent",
	"portal.executable":                  "/tmp/company portal",
	"tenant.id":                          "9a1f7c44-0b5e-4d1f-8c1d-3b1c5d0e2f11",
	"tenant.cloud_host":                  "login.microsoftonline.us",
	"registration.session_timeout":       "1h30m",
	"registration.sign_in_timeout":       "1m1s",
	"registration.identity_timeout":      "1.5s",
	"preflight.endpoints":                "one.example:443, 192.0.2.1:1, [2001:db8::1]:65535",
	"preflight.jamf_preferences":         "none",
	"proxy.url":                          "http://proxy.example.com:8080",
	"delivery.mode":                      "api",
	"delivery.computer_udid":             "564D2CF7-C4B7-4C7A-A94E-1F5B3D6A7B8C",
	"delivery.api.url":                   "http://127.0.0.1:8443/base",
	"delivery.api.environment_id":        "environment",
	"delivery.api.tenant_id":             "tenant",
	"delivery.api.computer_id":           "42",
	"delivery.api.client_id":             "client",
	"delivery.api.client_secret_file":    "/etc/usher/client secret",
	"jamf.executable":                    "/tmp/jamf",
	"jamf.conditional_access_executable": "/tmp/conditional access",
	"jamf.gather_after_portal":           "true",
	"portal.minimum_version":             "5.2504.0",
	"identity.sources":                   "jamf_agent, platform_sso",
	"identity.look_automatically":        "false",
	"identity.look_interval":             "1h30m",
	"identity.heartbeat":                 "24h",
	"identity.proof_of_possession":       "true",
	"platform_sso.executable":            "/tmp/app-sso",
	"platform_sso.managed_preferences":   "/tmp/managed",
	"directory.executable":               "/tmp/dscl",
	"listener.address":                   "[::1]:7443",
	"listener.certificate_file":          "/etc/usher/listener.pem",
	"listener.key_file":                  "/etc/usher/listener-key.pem",
	"listener.client_ca_file":            "/etc/usher/clients.pem",
	"listener.allowed_names":             "monitor.example.org, spiffe://example.org/monitor",
	"listener.personal_data":             "false",
	"fleet.servers":                      "tls://nats1.example.org:4222, nats://127.0.0.1:4222",
	"portal.activate":                    "false",
	"fleet.ca_file":                      "/etc/usher/fleet/ca.pem",
	"fleet.credentials_file":             "/etc/usher/fleet/mac.creds",
	"fleet.nkey_file":                    "/etc/usher/fleet/mac.nk",
	"fleet.certificate_file":             "/etc/usher/fleet/mac.pem",
	"fleet.key_file":                     "/etc/usher/fleet/mac-key.pem",
	"fleet.mac":                          "MAC-7",
	"fleet.personal_data":                "false",
	"development.helper_uid":             "4294967294",
}

func yamlOf(values map[string]string) string {
	var b strings.Builder
	for key, value := range values {
		fmt.Fprintf(&b, "%s: '%s'\n", key, value)
	}
	return b.String()
}

func TestEveryKeyIsDescribed(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*){0,2}$`)
	for _, goos := range []string{"darwin", "linux"} {
		seen := map[string]bool{}
		for _, key := range config.Keys(goos) {
			if !name.MatchString(key.Name) || seen[key.Name] {
				t.Errorf("key %q: bad name or duplicate", key.Name)
			}
			seen[key.Name] = true
			if key.Type == "" || key.Allowed == "" || !strings.HasSuffix(key.Description, ".") {
				t.Errorf("description of key %s: %+v", key.Name, key)
			}
		}
	}
}

// A default is valid. Every key keeps the value of a file: the key's text loads again as the same value.
func TestEveryKeyGoesRound(t *testing.T) {
	defaults := map[string]string{}
	for _, key := range config.Keys("linux") {
		defaults[key.Name] = key.Default
		if value, ok := other[key.Name]; !ok || value == key.Default {
			t.Errorf("this test has no other value for %s", key.Name)
		}
	}
	if len(other) != len(defaults) {
		t.Errorf("this test has %d values for %d keys", len(other), len(defaults))
	}
	for _, values := range []map[string]string{defaults, other} {
		first := load(t, config.Places{Local: write(t, "config.yaml", yamlOf(values))})
		again := map[string]string{}
		for _, value := range first.Values() {
			if value.Value != values[value.Key] {
				t.Errorf("%s: wrote %q, got %q", value.Key, values[value.Key], value.Value)
			}
			if value.Layer != config.LayerLocal {
				t.Errorf("origin of %s: %s", value.Key, value.Layer)
			}
			again[value.Key] = value.Value
		}
		second := load(t, config.Places{Local: write(t, "config.yaml", yamlOf(again))})
		if !reflect.DeepEqual(first.Config, second.Config) {
			t.Errorf("first %+v\nagain %+v", first.Config, second.Config)
		}
	}
}

// macOS's defaults are checked on Linux too: as a file they must load.
func TestDefaultsOfMacOSAreValid(t *testing.T) {
	defaults := map[string]string{}
	for _, key := range config.Keys("darwin") {
		defaults[key.Name] = key.Default
	}
	loaded := load(t, config.Places{Local: write(t, "config.yaml", yamlOf(defaults))})
	if loaded.SocketDirectory != "/var/run/usher" ||
		!strings.HasPrefix(loaded.Jamf.ConditionalAccessExecutable, "/Library/Application Support/JAMF/") {
		t.Errorf("got %+v", loaded.Config)
	}
	if strings.HasPrefix(loaded.Agent.Executable, loaded.StateDirectory+"/") {
		t.Error("the agent is below the state directory, which users cannot enter")
	}
}

// Each file in testdata/errors is a bad configuration. The golden file next to it has every line of its error.
func TestErrorsSayWhatToFix(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad configurations: %v", err)
	}
	plists, _ := filepath.Glob("testdata/errors/*.plist")
	for _, file := range append(files, plists...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			path := write(t, filepath.Base(file), string(content))
			_, err = config.Places{Local: path}.Load()
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(err.Error(), path, filepath.Base(file)) + "\n"
			golden := file + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestSecretsDoNotShowInErrors(t *testing.T) {
	for _, content := range []string{
		"delivery.api.client_secret: hunter2",
		"delivery: {api: {secret: hunter2}}",
		"delivery.api.url: https://admin:hunter2@example.com",
		"delivery.api.url: 'ftp://admin:hunter2@example.com:port'",
		"fleet.servers: tls://admin:hunter2@example.com:4222",
		"fleet.servers: ['tls://example.com', 'tls://admin:hunter2@example.com:4222']",
		"fleet.servers: 'tls://example.com, tls://admin:hunter2,more@example.com'",
		"fleet.servers: ['tls://admin:hunter2/@example.com']",
		"preflight.endpoints: ['admin:hunter2@example.com:443']",
		"proxy.url: http://admin:hunter2@proxy.example.com:8080",
		"proxy.url: admin:hunter2@proxy.example.com:8080",
		"proxy.url: http://admin:hunter2%40proxy.example.com:8080",
		"proxy.url: http://admin:hunter2%zz@proxy.example.com",
		// The secret is in place of the path of its file.
		"delivery.api.client_secret_file: hunter2",
		"delivery: {api: {client_secret_file: [hunter2]}}",
		"delivery: {api: {client_secret_file: {hunter2}}}",
		"delivery: {api: {client_secret_file: *hunter2}}",
		"delivery: {api: {client_secret: {hunter2: {}}}}",
		"delivery: {api: {client_secret: {id: {hunter2: x}}}}",
		"delivery.api.client_id: \"hunter2\\n\"",
		"listener.key_file: hunter2",
		"fleet.credentials_file: hunter2",
		"fleet.nkey_file: hunter2",
		"fleet.key_file: hunter2",
		"fleet.nkey_seed: hunter2",
		"delivery.api.clientSecret: hunter2",
		"delivery.api.token: [hunter2]",
		"delivery.api.url: https://example.com/?client_secret=hunter2",
		"fleet.servers: ['tls://example.com:4222?token=hunter2']",
		"'-----BEGIN hunter2-----': x",
		"SUAhunter2AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA: x",
		"delivery.api.client_secret hunter2",
	} {
		_, err := config.Places{Local: write(t, "config.yaml", content)}.Load()
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s gives %v", content, err)
		}
	}
	for _, content := range []string{
		"<key>delivery.api.client_secret_file</key><string>hunter2</string>",
		"<key>delivery.api.client_secret</key><string>hunter2</string>",
		"<key>delivery.api.client_secret</key><integer>hunter2</integer>",
		"<key>delivery.api.client_secret</key><real>hunter2</real>",
		"<key>delivery.api.client_secret</key><date>hunter2</date>",
		"<key>delivery.api.client_secret</key><string>&hunter2</string>",
		"<key>delivery.api.client_secret</key><string><hunter2></string>",
		"<key>delivery.api.client_secret</key><hunter2/>",
		"<key>delivery.api.client_secret</key><dict><key>hunter2</key><string>x</string></dict>",
	} {
		_, err := config.Places{Local: write(t, "org.usher.plist",
			`<?xml version="1.0"?><plist version="1.0"><dict>`+content+"</dict></plist>")}.Load()
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s gives %v", content, err)
		}
	}
}

// Every row for a file with a secret has the marker. A row whose name looks like a secret's must have it too.
func TestSecretLikeKeysAreMarked(t *testing.T) {
	marked := map[string]bool{}
	for _, key := range config.SecretKeys() {
		marked[key] = true
	}
	for _, key := range config.Keys("darwin") {
		if config.IsSecretLike(key.Name) && !marked[key.Name] {
			t.Errorf("%s has a name like a secret's, and no marker", key.Name)
		}
	}
	for _, name := range []string{"delivery.api.client_secret_file", "listener.key_file", "fleet.credentials_file",
		"fleet.nkey_file", "fleet.key_file"} {
		if !marked[name] {
			t.Errorf("%s has no marker", name)
		}
	}
}
