package doctor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"usher.internal/helper/doctor"
	"usher.internal/internal/command"
)

// profilesPrint is a stand-in for profiles(1) that prints a text.
func profilesPrint(t *testing.T, text string, exitCode string) command.Command {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "printed"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(directory, "profiles")
	script := `#!/bin/sh
[ "$*" = "show -output stdout-xml" ] || exit 64
cat ` + directory + `/printed
echo "profiles says why" >&2
exit ` + exitCode + "\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return command.Profiles.At(program).Within(10 * time.Second)
}

func TestAttestedDeviceComplianceIsRecognised(t *testing.T) {
	item := func(kind string, content map[string]any) map[string]any {
		return map[string]any{"PayloadType": kind, "PayloadContent": content,
			"PayloadIdentifier": "com.example." + kind}
	}
	relay := func(content map[string]any) map[string]any {
		content["Relays"] = []any{map[string]any{"HTTP3RelayURL": "https://relay.example.com",
			"AdditionalHTTPHeaderFields": map[string]any{"Authorization": "Bearer hunter2"}}}
		return item("com.apple.relay.managed", content)
	}
	installed := func(scope string, items ...any) string {
		printed, err := plist.MarshalIndent(map[string]any{
			"_computerlevel": []any{map[string]any{"ProfileDisplayName": "MDM Profile",
				"ProfileItems": []any{item("com.apple.mdm",
					map[string]any{"ServerURL": "https://example.jamfcloud.com"})}}},
			scope: []any{map[string]any{"ProfileDisplayName": "Jamf\x1bRelay", "ProfileItems": items}},
		}, plist.XMLFormat, " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(printed)
	}
	acme := item("com.apple.security.acme", map[string]any{"Attest": true, "DirectoryURL": "https://acme.example.com"})
	list := func(texts ...any) []any { return texts }
	trust, none := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(trust, "com.jamf.trust.plist"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		printed  string
		exitCode string
		managed  string
		result   doctor.Result
		says     string
	}{
		"a relay for sign-ins, attested": {
			installed("jane", relay(map[string]any{"MatchDomains": list("microsoftonline.com")}), acme), "0", none,
			doctor.Warning, "an identity that Apple attests is configured too"},
		"a relay for sign-ins": {
			installed("_x", relay(map[string]any{"MatchDomains": list("example.org", "Login.MicrosoftOnline.com.")})),
			"0", none, doctor.Warning, "no identity that Apple attests"},
		"by its name": {
			installed("_x", relay(map[string]any{"MatchFQDNs": list("login.microsoftonline.com")})), "0", none,
			doctor.Warning, "network relay"},
		"a relay for everything": {installed("_x", relay(map[string]any{})), "0", none, doctor.Warning,
			"network relay"},
		"shown without its content": {
			installed("_x", map[string]any{"PayloadType": "com.apple.relay.managed",
				"MatchFQDNs": list("login.microsoftonline.com")}), "0", none, doctor.Warning, "network relay"},
		"a name below it": {
			installed("_x", relay(map[string]any{"MatchFQDNs": list("microsoftonline.com")})), "0", none,
			doctor.NotApplicable, "No profile"},
		"a name that ends alike": {installed("_x", relay(map[string]any{"MatchDomains": list("online.com")})),
			"0", none, doctor.NotApplicable, "No profile"},
		"sign-ins are excluded": {
			installed("_x", relay(map[string]any{"ExcludedDomains": list("microsoftonline.com")}), acme), "0", none,
			doctor.NotApplicable, "No profile"},
		"one name is excluded": {
			installed("_x", relay(map[string]any{"MatchDomains": list("microsoftonline.com"),
				"ExcludedFQDNs": list("login.microsoftonline.com")})), "0", none, doctor.NotApplicable, "No profile"},
		"an attested identity only": {installed("_x", acme), "0", none, doctor.NotApplicable,
			"Jamf Trust is not configured. Relays of declarations (macOS 27) are not seen."},
		"Jamf Trust": {installed("_x"), "0", trust, doctor.NotApplicable,
			"Jamf Trust is configured; whether Entra lets this Mac in because of it is not seen"},
		"no profile": {"There are no configuration profiles installed in the system domain\n", "0",
			none, doctor.NotApplicable, "No profile"},
		"garbage": {"\x1b[31m<plist", "0", none, doctor.Warning,
			"Could not look: profiles did not show"},
		"another shape": {
			"<plist><dict><key>_computerlevel</key><string>secret</string></dict></plist>", "0", none, doctor.Warning,
			"Could not look: profiles did not show"},
		"no items": {
			"<plist><dict><key>_computerlevel</key><array><string>secret</string></array></dict></plist>", "0", none,
			doctor.Warning, "Could not look: profiles did not show"},
		"it fails": {"", "1", none, doctor.Warning, "exit code 1: profiles says why"},
	} {
		t.Run(name, func(t *testing.T) {
			found := named(t, examine(t, doctor.Config{
				Profiles: profilesPrint(t, test.printed, test.exitCode), ManagedPreferences: test.managed,
				CloudHost: "login.microsoftonline.com",
			}), "attested-device-compliance")
			if found.Result != test.result || !strings.Contains(found.Evidence, test.says) ||
				strings.ContainsAny(found.Evidence, "\x1b") {
				t.Errorf("%s: %s, want %s with %q", found.Result, found.Evidence, test.result, test.says)
			}
			for _, secret := range []string{"hunter2", "secret"} {
				if strings.Contains(found.Evidence, secret) {
					t.Errorf("it shows what a profile holds: %s", found.Evidence)
				}
			}
			if advised := strings.Contains(found.Fix, "Attested Device Compliance"); advised !=
				strings.HasPrefix(found.Evidence, "The profile ") {
				t.Errorf("the fix of %q is %q", found.Evidence, found.Fix)
			}
		})
	}
	gone := command.Profiles.At(filepath.Join(t.TempDir(), "none"))
	if found := named(t, examine(t, doctor.Config{Profiles: gone, CloudHost: "login.microsoftonline.com"}),
		"attested-device-compliance"); found.Result != doctor.Warning ||
		!strings.HasPrefix(found.Evidence, "Could not look: ") {
		t.Errorf("without the program: %s: %s", found.Result, found.Evidence)
	}
}

// A Mac without device compliance may need no registration at all. A user whose registration is refused learns that.
func TestRefusedRegistrationNamesAttestedDeviceCompliance(t *testing.T) {
	_, says := trouble(t, doctor.Config{PortalExecutable: executable(t),
		JamfPreferences: preferences(t, map[string]any{"microsoftCAEnabled": false})})
	if !strings.Contains(says, "Attested Device Compliance needs no registration") {
		t.Errorf("it says %s", says)
	}
}
