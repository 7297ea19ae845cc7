package config_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"howett.net/plist"

	"usher.internal/internal/config"
	"usher.internal/internal/earlier"
)

// Each form of an earlier version's configuration loads without an error and keeps its meaning.
func TestConfigurationOfAnEarlierVersion(t *testing.T) {
	for _, version := range earlier.Versions(t) {
		read := func(name string) string {
			content, err := os.ReadFile(version.Path(name))
			if err != nil {
				t.Fatal(err)
			}
			// This is the only key that got another name since then. Nobody ran a fleet.
			return strings.ReplaceAll(string(content), "fleet.device", "fleet.mac")
		}
		var said struct {
			Data []struct{ Key, Value, Origin string }
		}
		if err := json.Unmarshal([]byte(read("said/config.json")), &said); err != nil {
			t.Fatal(err)
		}
		if len(said.Data) < 30 {
			t.Fatalf("%s lists only %d values", version.Name, len(said.Data))
		}
		for name, places := range map[string]config.Places{
			"config.yaml": {Local: write(t, "config.yaml", read("config.yaml"))},
			"org.usher.plist": {Managed: write(t, "org.usher.plist",
				renamed(t, read("org.usher.plist")))},
			"org.usher.mobileconfig": {Managed: write(t, "org.usher.plist",
				payload(t, read("org.usher.mobileconfig")))},
		} {
			t.Run(version.Name+"/"+name, func(t *testing.T) {
				loaded := load(t, places)
				for _, was := range said.Data {
					now := valueOf(t, loaded, was.Key)
					if now.Value != was.Value {
						t.Errorf("%s was %q and is now %q", was.Key, was.Value, now.Value)
					}
					if isSet := !strings.HasPrefix(was.Origin, "default"); isSet && now.Layer == config.LayerDefault {
						t.Errorf("%s was set and now has its default", was.Key)
					}
				}
			})
		}
	}
}

// renamed gives the fleet's key in a property list its new name.
func renamed(t *testing.T, preferences string) string {
	t.Helper()
	var all map[string]any
	if _, err := plist.Unmarshal([]byte(preferences), &all); err != nil {
		t.Fatal(err)
	}
	fleet := all["fleet"].(map[string]any)
	fleet["mac"] = fleet["device"]
	delete(fleet, "device")
	written, err := plist.Marshal(all, plist.BinaryFormat)
	if err != nil {
		t.Fatal(err)
	}
	return string(written)
}

// payload returns the settings of a profile as macOS installs them: its payload of the domain, with the payload's own
// keys.
func payload(t *testing.T, profile string) string {
	t.Helper()
	var content struct {
		PayloadContent []map[string]any
	}
	if _, err := plist.Unmarshal([]byte(profile), &content); err != nil {
		t.Fatal(err)
	}
	for _, one := range content.PayloadContent {
		if one["PayloadType"] != config.Domain {
			continue
		}
		settings, err := plist.Marshal(one, plist.BinaryFormat)
		if err != nil {
			t.Fatal(err)
		}
		return string(settings)
	}
	t.Fatalf("the profile has no payload of %s", config.Domain)
	return ""
}
