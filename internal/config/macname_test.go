package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"usher.internal/internal/config"
	"usher.internal/internal/fleet"
)

// The fleet can be reached with every name that loads.
func TestMacNamesAreThoseOfTheFleet(t *testing.T) {
	for _, name := range []string{
		"all", "All", "ALL", "all1", "mac", "MAC-7", "a_b", "-", "0A1B2C3D-0000-4000-8000-00000000BEEF",
		strings.Repeat("x", 64),
		strings.Repeat("x", 65), "a.b", "*", ">", "a b", "ä", "a/b", "$SYS",
	} {
		text, err := json.Marshal(map[string]any{"fleet.mac": name}) // a JSON text is a YAML text
		if err != nil {
			t.Fatal(err)
		}
		_, err = config.Places{Local: write(t, "config.yaml", string(text))}.Load()
		if loaded := err == nil; loaded != fleet.IsMac(name) {
			t.Errorf("%q: the fleet says %v, loading says %v", name, fleet.IsMac(name), err)
		}
	}
}
