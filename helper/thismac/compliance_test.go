package thismac_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howett.net/plist"

	"usher.internal/helper/thismac"
)

// Jamf's own program gathers only if device compliance is on for this Mac.
func TestDeviceCompliance(t *testing.T) {
	for name, test := range map[string]struct {
		settings any
		want     bool
		fails    string
	}{
		"on":              {map[string]any{"microsoftCAEnabled": true}, true, ""},
		"on, as a number": {map[string]any{"microsoftCAEnabled": 1}, true, ""},
		"off": {map[string]any{"microsoftCAEnabled": false,
			"microsoftCANativeClientAppId": "b03c10a8-71c7-45f9-b44a-3335ab76e970"}, false, ""},
		"of a Jamf before": {map[string]any{"jss_url": "https://example.jamfcloud.com/"}, false, ""},
		"neither":          {map[string]any{"microsoftCAEnabled": "perhaps"}, false, "microsoftCAEnabled"},
		"garbage":          {nil, false, "com.jamfsoftware.jamf.plist"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "com.jamfsoftware.jamf.plist")
			content := []byte("\x00 no list")
			if test.settings != nil {
				var err error
				if content, err = plist.Marshal(test.settings, plist.BinaryFormat); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := thismac.DeviceCompliance(path)
			if got != test.want || (err != nil) != (test.fails != "") ||
				err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%t, %v", got, err)
			}
		})
	}
	if got, err := thismac.DeviceCompliance(filepath.Join(t.TempDir(), "none.plist")); got || err != nil {
		t.Errorf("without Jamf's settings: %t, %v", got, err)
	}
	if got, err := thismac.DeviceCompliance(""); got || err == nil ||
		!strings.Contains(err.Error(), "preflight.jamf_preferences") {
		t.Errorf("with the check turned off: %t, %v", got, err)
	}
}
