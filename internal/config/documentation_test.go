package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"howett.net/plist"

	"usher.internal/internal/config"
	"usher.internal/internal/documented"
)

const documentation = "../../docs/"

// generated checks a file against the table of keys. `go test ./internal/config -update` writes it.
func generated(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s does not match the keys: run `go test ./internal/config -update` and read the difference", path)
	}
}

func code(text string) string {
	if text == "" {
		return "empty"
	}
	return "`" + text + "`"
}

func TestKeyTableOfTheDocumentation(t *testing.T) {
	var table strings.Builder
	darwin, linux := config.Keys("darwin"), config.Keys("linux")
	for i, key := range darwin {
		fallback := code(key.Default)
		if other := linux[i]; other.Default != key.Default {
			fallback += ", on Linux " + code(other.Default)
		}
		fmt.Fprintf(&table, "\n### `%s`\n\n%s\n\n- Default: %s\n- Allowed: %s\n", key.Name, key.Description, fallback,
			key.Allowed)
	}
	documented.Part(t, documentation+"configuration.md", "keys", "go test ./internal/config -update", table.String(),
		*update)
}

// The example has every key with its default, commented out.
func TestExampleFile(t *testing.T) {
	var example strings.Builder
	example.WriteString("# /etc/usher/config.yaml: every key with its default on Linux. Remove the # from what you " +
		"want to change.\n")
	for _, key := range config.Keys("linux") {
		text, err := json.Marshal(key.Default) // a JSON text is a YAML text
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&example, "\n# %s\n# Allowed: %s.\n#%s: %s\n", key.Description, key.Allowed, key.Name, text)
	}
	path := documentation + "examples/config.yaml"
	generated(t, path, example.String())

	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	active := regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(string(content), "$1")
	loaded := load(t, config.Places{Local: write(t, "config.yaml", active)})
	for _, value := range loaded.Values() {
		if value.Layer != config.LayerLocal {
			t.Errorf("%s is not in the example", value.Key)
		}
	}
}

// The configuration profile is written by hand. Its settings must load and come back unchanged.
func TestExampleProfile(t *testing.T) {
	content, err := os.ReadFile(documentation + "examples/org.usher.mobileconfig")
	if err != nil {
		t.Fatal(err)
	}
	var profile struct {
		PayloadType    string
		PayloadScope   string
		PayloadContent []map[string]any
	}
	if _, err := plist.Unmarshal(content, &profile); err != nil {
		t.Fatal(err)
	}
	if profile.PayloadType != "Configuration" || profile.PayloadScope != "System" || len(profile.PayloadContent) != 1 {
		t.Fatalf("profile: %+v", profile)
	}
	payload := profile.PayloadContent[0]
	if payload["PayloadType"] != "org.usher" {
		t.Errorf("type of the payload: %v", payload["PayloadType"])
	}
	managed, err := plist.Marshal(payload, plist.BinaryFormat)
	if err != nil {
		t.Fatal(err)
	}
	loaded := load(t, config.Places{Managed: write(t, "org.usher.plist", string(managed))})
	for _, value := range loaded.Values() {
		if setting, ok := payload[value.Key]; ok &&
			(value.Layer != config.LayerManaged || fmt.Sprint(setting) != value.Value) {
			t.Errorf("%s: %q from %s, the profile has %v", value.Key, value.Value, value.Origin, setting)
		}
	}
}

// Jamf Pro builds a form of the keys from the JSON schema (Application & Custom Settings, custom schema).
func TestSchemaForJamfPro(t *testing.T) {
	schema, err := config.Schema("darwin")
	if err != nil {
		t.Fatal(err)
	}
	generated(t, documentation+"examples/org.usher.schema.json", string(schema))
}
