package thismac_test

import (
	"os"
	"path/filepath"
	"testing"

	"howett.net/plist"

	"usher.internal/helper/thismac"
)

func TestMicrosoftPlatformSSO(t *testing.T) {
	microsoft := map[string]any{
		"ExtensionIdentifier": "com.microsoft.CompanyPortalMac.ssoextension", "TeamIdentifier": "UBF8T346G9",
		"Type":        "Redirect",
		"PlatformSSO": map[string]any{"AuthenticationMethod": "UserSecureEnclaveKey"},
	}
	with := func(key string, value any) map[string]any {
		changed := map[string]any{}
		for name, kept := range microsoft {
			changed[name] = kept
		}
		if changed[key] = value; value == nil {
			delete(changed, key)
		}
		return changed
	}
	old := with("PlatformSSO", nil)
	old["AuthenticationMethod"] = "Password"
	for name, test := range map[string]struct {
		place   string
		profile any
		want    bool
		fails   bool
	}{
		"Microsoft's":                   {"com.apple.extensiblesso.plist", microsoft, true, false},
		"Microsoft's, for the user":     {"jane/com.apple.extensiblesso.plist", microsoft, true, false},
		"Microsoft's, for another user": {"john/com.apple.extensiblesso.plist", microsoft, false, false},
		"as macOS 13 has it":            {"com.apple.extensiblesso.plist", old, true, false},
		"single sign-on without Platform SSO": {"com.apple.extensiblesso.plist", with("PlatformSSO", nil), false,
			false},
		"another provider's": {"com.apple.extensiblesso.plist",
			with("ExtensionIdentifier", "com.okta.mobile.auth-service-extension"), false, false},
		"nobody's": {"com.apple.extensiblesso.plist", with("ExtensionIdentifier", nil),
			false, false},
		"a value of an unexpected type": {"com.apple.extensiblesso.plist",
			with("ExtensionIdentifier", []string{"x"}), false, true},
		"no property list":                        {"com.apple.extensiblesso.plist", nil, false, true},
		"another profile":                         {"com.apple.dock.plist", microsoft, false, false},
		"a profile that only looks like the file": {"com.apple.extensiblesso.plist.old", microsoft, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			path := filepath.Join(directory, test.place)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			content := []byte("no property list { at all")
			if test.profile != nil {
				var err error
				if content, err = plist.Marshal(test.profile, plist.BinaryFormat); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := thismac.MicrosoftPlatformSSO(directory, "jane")
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("%t, %v", got, err)
			}
		})
	}
	if got, err := thismac.MicrosoftPlatformSSO("", "jane"); got || err != nil {
		t.Errorf("without a folder: %t, %v", got, err)
	}
	if got, err := thismac.MicrosoftPlatformSSO(t.TempDir(), "../x"); got || err != nil {
		t.Errorf("for a name that is a path: %t, %v", got, err)
	}
}
