package profile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"

	"usher.internal/ctl/profile"
	"usher.internal/internal/config"
)

// load returns the configuration from a file of settings.
func load(t *testing.T, text string) *config.Loaded {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Places{Local: path}.Load()
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func made(t *testing.T, options profile.Options) []byte {
	t.Helper()
	if options.Identifier == "" {
		options.Identifier = "com.example.usher"
	}
	content, err := profile.Make(options)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// allowed are the keys of each payload with their types, after Apple's documentation [APPLE-DM]; usher's own are the
// configuration's.
var allowed = map[string]map[string]string{
	"Configuration": {
		"PayloadContent": "array", "PayloadDescription": "string", "PayloadDisplayName": "string",
		"PayloadIdentifier": "string", "PayloadOrganization": "string",
		"PayloadRemovalDisallowed": "boolean", "PayloadScope": "string", "PayloadType": "string",
		"PayloadUUID": "string", "PayloadVersion": "integer",
	},
	"com.apple.servicemanagement": {"Rules": "array"},
	"rule": {"RuleType": "string", "RuleValue": "string", "Comment": "string",
		"TeamIdentifier": "string"},
	"com.apple.extensiblesso": {
		"Type": "string", "ExtensionIdentifier": "string", "TeamIdentifier": "string", "URLs": "array",
		"ExtensionData": "dictionary",
	},
}

// common are the keys that every payload has.
var common = []string{"PayloadDisplayName", "PayloadIdentifier", "PayloadType", "PayloadUUID", "PayloadVersion"}

func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case uint64:
		return "integer"
	case []any:
		return "array"
	case map[string]any:
		return "dictionary"
	}
	return fmt.Sprintf("%T", value)
}

func wantKeys(t *testing.T, what string, dictionary map[string]any, allowed map[string]string) {
	t.Helper()
	for key, value := range dictionary {
		if kind := kindOf(value); allowed[key] != kind {
			t.Errorf("%s has %s, %s %v; allowed is %q", what, key, kind, value, allowed[key])
		}
	}
}

// Every profile has only keys from Apple's documentation, with their types, and another reader finds the same in it.
func TestProfilesHaveKnownKeysAlone(t *testing.T) {
	values := load(t, "").Values()
	for name, options := range map[string]profile.Options{
		"settings": {Kind: profile.Settings, Values: values, All: true,
			Organization: "Example & Söhne"},
		"background items":           {Kind: profile.BackgroundItems},
		"background items of a team": {Kind: profile.BackgroundItems, TeamID: "A1B2C3D4E5"},
		"single sign-on":             {Kind: profile.SingleSignOn},
	} {
		t.Run(name, func(t *testing.T) {
			content := made(t, options)
			var whole map[string]any
			if _, err := plist.Unmarshal(content, &whole); err != nil {
				t.Fatal(err)
			}
			wantKeys(t, "the profile", whole, allowed["Configuration"])
			payloads := whole["PayloadContent"].([]any)
			if len(payloads) != 1 {
				t.Fatalf("%d payloads", len(payloads))
			}
			payload := payloads[0].(map[string]any)
			kind := payload["PayloadType"].(string)
			for _, key := range common {
				if payload[key] == nil || whole[key] == nil {
					t.Errorf("%s is missing", key)
				}
			}
			if payload["PayloadUUID"] == whole["PayloadUUID"] ||
				payload["PayloadIdentifier"] == whole["PayloadIdentifier"] {
				t.Error("profile and payload have one identity")
			}
			keys := map[string]string{}
			for key, kind := range allowed[kind] {
				keys[key] = kind
			}
			for _, key := range common {
				keys[key] = allowed["Configuration"][key]
			}
			if kind == config.Domain {
				for _, key := range config.Keys("darwin") {
					keys[key.Name] = map[string]string{"boolean": "boolean", "uid": "integer", "list": "array",
						"list of host:port": "array", "list of names": "array", "list of URLs": "array"}[key.Type]
					if keys[key.Name] == "" {
						keys[key.Name] = "string"
					}
					if payload[key.Name] == nil {
						t.Errorf("with --all %s is missing", key.Name)
					}
				}
			}
			wantKeys(t, kind, payload, keys)
			if rules, ok := payload["Rules"].([]any); ok {
				for _, rule := range rules {
					wantKeys(t, "a rule", rule.(map[string]any), allowed["rule"])
				}
			}
			samePlistlib(t, content, whole)
		})
	}
}

// samePlistlib reads the profile with python3, and compares the result with ours.
func samePlistlib(t *testing.T, content []byte, ours map[string]any) {
	t.Helper()
	python := exec.CommandContext(t.Context(), "python3", "-c",
		"import json, plistlib, sys; json.dump(plistlib.loads(sys.stdin.buffer.read()), sys.stdout)")
	python.Stdin = bytes.NewReader(content)
	output, err := python.CombinedOutput()
	if err != nil {
		t.Fatalf("python3: %v: %s", err, output)
	}
	var theirs, again any
	text, err := json.Marshal(ours)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(output, &theirs); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(theirs, again) {
		t.Errorf("plistlib finds\n%s\nwe find\n%s", output, text)
	}
}

// The profile gives a Mac exactly the configuration, as managed values.
func TestSettingsComeBackAsManaged(t *testing.T) {
	given := load(t, `
tenant.id: 8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11
registration.sign_in_timeout: 45m
identity.look_automatically: false
identity.sources: [login_keychain, jamf_agent]
preflight.endpoints: []
delivery.mode: api
delivery.api.url: https://example.jamfcloud.com
delivery.api.client_id: "id & <more>"
delivery.api.client_secret_file: /etc/usher/secret
development.helper_uid: 501
`)
	var whole struct{ PayloadContent []map[string]any }
	if _, err := plist.Unmarshal(made(t, profile.Options{Kind: profile.Settings, Values: given.Values()}),
		&whole); err != nil {
		t.Fatal(err)
	}
	managed, err := plist.Marshal(whole.PayloadContent[0], plist.BinaryFormat)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "org.usher.plist")
	if err := os.WriteFile(path, managed, 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Places{Managed: path}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(loaded.Config, given.Config) {
		t.Errorf("came back as\n%+v\nwas\n%+v", loaded.Config, given.Config)
	}
	for i, value := range loaded.Values() {
		if was := given.Values()[i].Layer; (value.Layer == config.LayerManaged) != (was == config.LayerLocal) {
			t.Errorf("%s is %s, and was %s", value.Key, value.Layer, was)
		}
	}
}

// A Mac replaces a profile that has the same identifier and UUID, and keeps those of others.
func TestIdentityOfAProfile(t *testing.T) {
	one := made(t, profile.Options{Kind: profile.BackgroundItems})
	if again := made(t, profile.Options{Kind: profile.BackgroundItems}); !bytes.Equal(one, again) {
		t.Error("made twice it differs")
	}
	var seen []string
	for _, options := range []profile.Options{
		{Kind: profile.BackgroundItems}, {Kind: profile.SingleSignOn}, {Kind: profile.Settings},
		{Kind: profile.Settings, Identifier: "org.example.other"},
	} {
		var whole struct{ PayloadUUID string }
		if _, err := plist.Unmarshal(made(t, options), &whole); err != nil || len(whole.PayloadUUID) != 36 ||
			slices.Contains(seen, whole.PayloadUUID) {
			t.Errorf("%q after %q, %v", whole.PayloadUUID, seen, err)
		}
		seen = append(seen, whole.PayloadUUID)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for want, options := range map[string]profile.Options{
		"there is no kind":     {Kind: "smoke", Identifier: "com.example"},
		"is not an identifier": {Kind: profile.Settings, Identifier: "two words"},
		`"" is not an ident`:   {Kind: profile.Settings},
		"is not a Team ID":     {Kind: profile.BackgroundItems, Identifier: "com.example", TeamID: "a1b2c3d4e5"},
		"A1B2C3D4E is not a T": {Kind: profile.BackgroundItems, Identifier: "com.example", TeamID: "A1B2C3D4E"},
	} {
		if _, err := profile.Make(options); err == nil ||
			!strings.Contains(strings.ReplaceAll(err.Error(), `"A1B2C3D4E"`, "A1B2C3D4E"), want) {
			t.Errorf("%+v: got %v, want %q", options, err, want)
		}
	}
}
