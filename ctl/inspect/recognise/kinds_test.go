package recognise_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"usher.internal/ctl/inspect/recognise"
	"usher.internal/sim/entra"
)

// facts are the facts of a report, as "name: value".
func facts(report recognise.Report) []string {
	var all []string
	for _, thing := range report.Things {
		for _, fact := range thing.Facts {
			all = append(all, fact.Name+": "+fact.Value)
		}
	}
	return all
}

// shows is a text and its expected result: formats in their order, and facts as in [answer].
type shows struct {
	text    string
	formats string
	facts   []string
}

func (s shows) check(t *testing.T) {
	t.Helper()
	report, err := recognise.Read([]byte(s.text), now)
	var formats []string
	for _, thing := range report.Things {
		formats = append(formats, thing.Format)
	}
	if got := strings.Join(formats, " "); got != s.formats {
		t.Errorf("%q, want %q:\n%s", got, s.formats, shown(report, err))
	}
	all := strings.Join(facts(report), "\n") + "\n"
	for _, fact := range s.facts {
		if name, absent := strings.CutPrefix(fact, "!"); absent == strings.Contains(all, name) {
			t.Errorf("%s:\n%s", fact, shown(report, err))
		}
	}
}

func TestLists(t *testing.T) {
	const agent, settings = "jamf-agent-state", "jamf-settings"
	for name, test := range map[string]shows{
		"defaults read after its command": {
			"jane@mac ~ % defaults read com.jamf.management.jamfAAD\n{\n    \"have_an_Azure_id\" = 0;\n    " +
				"\"last_aad_token_timestamp\" = 0;\n}\n", agent,
			[]string{"have_an_Azure_id: false", "last token: never"}},
		"settings": {
			"{\n    jss_url = \"https://x.jamfcloud.com/\";\n    microsoftCAEnabled = 1;\n    " +
				"microsoftCANativeClientAppId = \"b03c10a8-71c7-45f9-b44a-3335ab76e970\";\n    nested =     {\n      " +
				"  a =         (\n            1,\n            \"two three\"\n        );\n    };\n}", settings,
			[]string{"microsoftCAEnabled: true", "client id: b03c10a8-71c7-45f9-b44a-3335ab76e970"}},
		"both": {"{\n have_an_Azure_id = 1;\n}\n{\n microsoftCAEnabled = 0;\n}\n",
			agent + " " + settings, []string{"have_an_Azure_id: true", "microsoftCAEnabled: false"}},
		"with data": {"{\n blob = {length = 3, bytes = 0x010203};\n have_an_Azure_id = 1;\n}\n",
			agent, []string{"have_an_Azure_id: true"}},
		"cut": {"{\n    \"have_an_Azure_id\" = 1;\n    \"last_aad_token_timest", agent,
			[]string{"have_an_Azure_id: true", "!last token"}},
		"without its braces": {"    \"have_an_Azure_id\" = 1;\n", agent,
			[]string{"have_an_Azure_id: true"}},
		"one key, with the command": {"% defaults read com.jamf.management.jamfAAD have_an_Azure_id\n1\n",
			agent, []string{"have_an_Azure_id: true"}},
		"one key of a path with spaces": {
			"% defaults read '/Library/Preferences/com.jamfsoftware.jamf.plist' microsoftCAEnabled\n0\n", settings,
			[]string{"microsoftCAEnabled: false"}},
		"one key that is missing": {
			"2026-01-01 10:00:00.000 defaults[99:1] \nThe domain/default pair of (com.jamf.management.jamfAAD, " +
				"have_an_Azure_id) does not exist\n", agent, []string{"have_an_Azure_id: missing"}},
		"all domains": {
			"Found 2 keys in domain 'com.jamf.management.jamfAAD': {\n    \"have_an_Azure_id\" = 1;\n}\n", agent,
			[]string{"have_an_Azure_id: true"}},
		"XML that is cut": {
			"<?xml version=\"1.0\"?>\n<plist " +
				"version=\"1.0\">\n<dict>\n<key>have_an_Azure_id</key>\n<true/>\n<key>last_aad_tok", agent,
			[]string{"have_an_Azure_id: true"}},
		"XML cut before the value": {
			"<plist version=\"1.0\"><dict><key>microsoftCANativeClientAppId</key><string>x</string><key>" +
				"microsoftCAEnabled</key>", settings, []string{"microsoftCAEnabled: not shown"}},
		"a value that cannot be": {"<plist><dict><key>have_an_Azure_id</key><array/></dict></plist>", agent,
			nil},
		"a list of something else": {"<plist><dict><key>x</key><true/></dict></plist>", "property-list", nil},
		"only a number": {"1\n", "number",
			[]string{"if it is of getPSSOStatus: 1 EnabledNotRegistered",
				"if it is of `defaults read … have_an_Azure_id`: 1"}},
		"only a larger number": {"3\n", "number",
			[]string{"if it is of getPSSOStatus: 3 RegistrationNeedsRepair", "!have_an_Azure_id"}},
		"a record of the directory": {
			"AltSecurityIdentities:\n Kerberos:jane@EXAMPLE.COM PlatformSSO:jane@example.com\n " +
				"X509:<T>x<S>y\nRealName: Jane\n", "directory-record", []string{"user principal: jane@example.com"}},
		"a record without Platform SSO": {"dsAttrTypeStandard:AltSecurityIdentities: Kerberos:jane@EXAMPLE.COM\n",
			"directory-record", []string{"Platform SSO: not there", "!user principal"}},
		"gather failed": {"No AAD ID found\n", "gather", []string{"Entra ID: not acquired"}},
		"app-sso, cut in its first section": {"Device Configuration:\n {\n  \"registrationCompleted\" :", "app-sso",
			nil},
		"app-sso, cut in its last section": {
			"Device Configuration:\n {\"registrationCompleted\": true}\nUser Configuration:\n {\"state\" : \"POUser",
			"app-sso", []string{"registration completed: true", "user section: cannot be read"}},
		"timed out": {"% 'Jamf Conditional Access' getPSSOStatus\nWarning:Timedout\n",
			"psso-status", []string{"status: Warning:Timedout", "!device id"}},
	} {
		t.Run(name, test.check)
	}
}

func TestValuesOfExtensionAttributes(t *testing.T) {
	const format = "extension-attribute"
	for name, test := range map[string]shows{
		"in tags": {"<result>Not Registered for user home /Users/jane</result>\n", format,
			[]string{": Not Registered for user home /Users/jane"}},
		"bare": {"WPJ Key Present. AAD ID not acquired for user home: /Users/jane\n", format,
			[]string{": WPJ Key Present. AAD ID not acquired for user home: /Users/jane"}},
		"wrong end tag": {"<result>APPLE: Registered Properly\\nJAMF: Not Registerd (1)</results>", format,
			[]string{": APPLE: Registered Properly", ": JAMF: Not Registerd (1)"}},
		"no end tag": {"<result>Registered", format, []string{": Registered"}},
		"several users": {"<result>pSSO Enabled and registered (2) | jane@example.com | " +
			"38d94132-e90a-4e9d-bfdc-a52633ed2772 | /Users/jane\\nNot Registered for user home /Users/john\\n</result>",
			format, []string{": pSSO Enabled and registered (2) |", ": Not Registered for user home /Users/john"}},
		"two results": {"<result>WPJ Key is in Secure Enclave, but AAD ID not acquired for user home: " +
			"/Users/j</result>\n<result>Not Registered for user home /Users/j</result>\n", format + " " + format, nil},
		"a device id": {"<result>38D94132-E90A-4E9D-BFDC-A52633ED2772</result>", format,
			[]string{"value: 38D94132"}},
		"a number":        {"<result>1</result>", format, []string{"value: 1"}},
		"empty":           {"<result></result>", format, []string{"value: empty"}},
		"of another kind": {"<result>FileVault is On</result>", format, []string{"value: FileVault is On"}},
		"usher's": {"<result>jane: REGISTERED\njohn: NOT_REGISTERED</result>", format,
			[]string{"state, when it was reported: jane: REGISTERED",
				"state, when it was reported: john: NOT_REGISTERED"}},
		"usher's, bare": {"NOT_REGISTERED\n", format, []string{"state, when it was reported: NOT_REGISTERED"}},
		"usher's error": {"<result>usher: usherd cannot be reached: no such file</result>", format,
			[]string{": usher: usherd cannot be reached"}},
		"lightweight": {"User: jane\nHome: /Users/jane\nRegistration: Registered\nPSSO Status: 2 (pSSO Enabled " +
			"and registered)\nJamfAAD have_an_Azure_id: 1\n", format + " psso-status",
			[]string{"status: 2 EnabledAndRegistered", ": JamfAAD have_an_Azure_id: 1"}},
		"a GUID":           {"38d94132-e90a-4e9d-bfdc-a52633ed2772", "guid", nil},
		"the script":       {"#!/bin/sh\necho \"<result>$value</result>\"\n", "script", nil},
		"an escaped value": {"&lt;result&gt;Registered&lt;/result&gt;", format, []string{": Registered"}},
	} {
		t.Run(name, test.check)
	}
}

// sso is a profile with one payload for Microsoft's extension, changed.
func sso(change func(payload, platform map[string]any)) map[string]any {
	platform := map[string]any{"AuthenticationMethod": "UserSecureEnclaveKey", "UseSharedDeviceKeys": true}
	payload := map[string]any{"PayloadType": "com.apple.extensiblesso",
		"ExtensionIdentifier": "com.microsoft.CompanyPortalMac.ssoextension", "TeamIdentifier": "UBF8T346G9",
		"Type": "Redirect", "URLs": []any{"https://login.microsoftonline.com/", "https://login.microsoft.com",
			"https://sts.windows.net"}, "PlatformSSO": platform}
	if change != nil {
		change(payload, platform)
	}
	return map[string]any{"PayloadType": "Configuration", "PayloadDisplayName": "SSO", "PayloadContent": []any{payload}}
}

func TestProfiles(t *testing.T) {
	const format = "configuration-profile"
	twice := sso(nil)
	twice["PayloadContent"] = append(twice["PayloadContent"].([]any), sso(nil)["PayloadContent"].([]any)...)
	installed := map[string]any{
		"_computerlevel": []any{map[string]any{"ProfileDisplayName": "Installed", "ProfileItems": []any{
			map[string]any{"PayloadType": "com.apple.extensiblesso",
				"PayloadContent": sso(nil)["PayloadContent"].([]any)[0]}}}}}
	for name, test := range map[string]struct {
		profile map[string]any
		formats string
		facts   []string
	}{
		"as it should be": {sso(nil), format,
			[]string{"provider: Microsoft", "method: UserSecureEnclaveKey", "!public cloud", "!error",
				"registration token: not there"}},
		"a URL is missing": {sso(func(p, _ map[string]any) { p["URLs"] = []any{"https://login.microsoftonline.com"} }),
			format,
			[]string{"missing URLs, public cloud: https://login.microsoft.com, https://sts.windows.net", "!error"}},
		"no URLs": {sso(func(p, _ map[string]any) { delete(p, "URLs") }), format,
			[]string{"error 10001: the URLs are missing"}},
		"the method is missing": {sso(func(_, sso map[string]any) { delete(sso, "AuthenticationMethod") }), format,
			[]string{"method: missing", "error 10001: the method is missing"}},
		"the method of macOS 13": {sso(func(p, sso map[string]any) {
			delete(sso, "AuthenticationMethod")
			p["AuthenticationMethod"] = "Password"
		}), format, []string{"error 10001: the method is at the wrong place", "method at the old place: Password"}},
		"only the method of 13": {
			sso(func(p, _ map[string]any) { delete(p, "PlatformSSO"); p["AuthenticationMethod"] = "Password" }), format,
			[]string{"error 10001: the method is at the wrong place"}},
		"of the wrong type": {sso(func(p, _ map[string]any) { p["Type"] = "Credential" }), format,
			[]string{"error 10001: the type is Credential"}},
		"with a setting of Kerberos": {sso(func(p, _ map[string]any) { p["Hosts"] = []any{"x"} }), format,
			[]string{"error 10001: Hosts is set"}},
		"the wrong team": {sso(func(p, _ map[string]any) { p["TeamIdentifier"] = "ABCDE12345" }), format,
			[]string{"team id: ABCDE12345", "!error"}},
		"single sign-on only": {sso(func(p, _ map[string]any) { delete(p, "PlatformSSO") }), format,
			[]string{"Platform SSO: not configured", "!error"}},
		"a registration token": {sso(func(p, _ map[string]any) { p["RegistrationToken"] = "secret-token" }),
			format, []string{"registration token: present", "!secret-token"}},
		"Intune's placeholder": {
			sso(func(p, _ map[string]any) { p["RegistrationToken"] = "{{DEVICEREGISTRATION}}" }), format,
			[]string{"registration token: a placeholder"}},
		"two payloads": {twice, format + " " + format,
			[]string{"error 10002: 2 payloads for this extension"}},
		"another provider": {sso(func(p,
			_ map[string]any) {
			p["ExtensionIdentifier"] = "com.okta.mobile.auth-service-extension"
		}), format,
			[]string{"provider: another one", "extension: com.okta", "!missing URLs"}},
		"as profiles prints it": {installed, format,
			[]string{"profile: Installed", "method: UserSecureEnclaveKey", "!error"}},
		"as a managed preference": {sso(nil)["PayloadContent"].([]any)[0].(map[string]any), format,
			[]string{"provider: Microsoft", "!error"}},
		"with something else in it": {
			map[string]any{"PayloadType": "Configuration",
				"PayloadContent": []any{map[string]any{"PayloadType": "com.apple.wifi.managed"}}}, format,
			[]string{"payloads: com.apple.wifi.managed"}},
		"Microsoft's as a declaration": {
			map[string]any{"Type": "com.apple.configuration.extensible-sso", "Payload": map[string]any{
				"ExtensionComposedIdentifier": "com.microsoft.CompanyPortalMac.ssoextension (UBF8T346G9)",
				"Type":                        "Redirect", "URLs": []any{"https://login.microsoftonline.com"}}},
			"declaration",
			[]string{"provider: Microsoft", "team id: UBF8T346G9",
				"missing URLs, public cloud: https://login.microsoft.com, https://sts.windows.net"}},
		"Platform SSO in a declaration, without a method": {
			map[string]any{"Type": "com.apple.configuration.extensible-sso", "Payload": map[string]any{
				"ExtensionComposedIdentifier": "com.microsoft.CompanyPortalMac.ssoextension (UBF8T346G9)",
				"Type":                        "Redirect", "URLs": []any{"https://login.microsoftonline.com"},
				"PlatformSSO": map[string]any{"UseSharedDeviceKeys": true}}}, "declaration",
			[]string{"error 10001: the method is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			for form, format := range map[string]int{"XML": plist.XMLFormat, "binary": plist.BinaryFormat,
				"old-style": plist.OpenStepFormat, "JSON": 0} {
				content, err := json.MarshalIndent(test.profile, "", "  ")
				if form != "JSON" {
					content, err = plist.MarshalIndent(test.profile, format, "    ")
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Run(form, shows{string(content), test.formats, test.facts}.check)
			}
		})
	}
}

// run runs openssl.
func run(t *testing.T, arguments ...string) {
	t.Helper()
	if output, err := exec.CommandContext(t.Context(), "openssl", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("openssl %s: %v\n%s", arguments[0], err, output)
	}
}

func TestSignedProfiles(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("this test signs with openssl")
	}
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	run(t, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", in("key"),
		"-out", in("crt"), "-subj", "/CN=Signer", "-days", "2")
	for form, format := range map[string]int{"XML": plist.XMLFormat, "binary": plist.BinaryFormat} {
		content, err := plist.Marshal(sso(func(p, _ map[string]any) { p["Filler"] = strings.Repeat("x", 10_000) }),
			format)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(in("profile"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		for how, more := range map[string][]string{"DER": nil, "BER in pieces": {"-stream", "-indef"}} {
			t.Run(form+"/"+how, func(t *testing.T) {
				run(t, append([]string{"cms", "-sign", "-nodetach", "-binary", "-outform", "DER", "-signer", in("crt"),
					"-inkey", in("key"), "-in", in("profile"), "-out", in("signed")}, more...)...)
				signed, err := os.ReadFile(in("signed"))
				if err != nil {
					t.Fatal(err)
				}
				shows{string(signed), "configuration-profile",
					[]string{"signature: signed; the signature was not verified", "provider: Microsoft",
						"method: UserSecureEnclaveKey"}}.check(t)
				if form == "XML" { // the end of a binary one has the positions of everything
					shows{string(signed[:len(signed)*9/10]), "configuration-profile",
						[]string{"provider: Microsoft"}}.check(t)
				}
				armoured := pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: signed})
				shows{string(armoured), "configuration-profile", []string{"provider: Microsoft"}}.check(t)
			})
		}
	}
	run(t, "cms", "-encrypt", "-binary", "-outform", "DER", "-in", in("profile"), "-out", in("encrypted"), in("crt"))
	encrypted, err := os.ReadFile(in("encrypted"))
	if err != nil {
		t.Fatal(err)
	}
	shows{string(encrypted), "encrypted", nil}.check(t)
	run(t, "pkcs12", "-export", "-inkey", in("key"), "-in", in("crt"), "-passout", "pass:x", "-out", in("p12"))
	store, err := os.ReadFile(in("p12"))
	if err != nil {
		t.Fatal(err)
	}
	shows{string(store), "private-key", nil}.check(t)
}

func TestCertificates(t *testing.T) {
	ca, err := entra.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	issue := func(device entra.Device) []byte {
		issued, err := ca.Issue(device)
		if err != nil {
			t.Fatal(err)
		}
		return issued.DER
	}
	armoured := func(label string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
	}
	const older, newer = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	first := armoured("CERTIFICATE",
		issue(entra.Device{DeviceID: older, NotBefore: begin, NotAfter: begin.AddDate(10, 0, 0)}))
	second := armoured("CERTIFICATE",
		issue(entra.Device{DeviceID: newer, NotBefore: begin.AddDate(0, 1, 0),
			NotAfter: begin.AddDate(10, 1, 0)}.NegativeSerial()))
	others, err := entra.NewForeignCA()
	if err != nil {
		t.Fatal(err)
	}
	other := armoured("CERTIFICATE", others.Certificate().Raw)
	key := armoured("EC PRIVATE KEY", []byte("not one"))
	const one, two = "certificate-pem", "certificate-pem certificate-pem"
	for name, test := range map[string]shows{
		"one": {first, one, []string{"device id: " + older, "!newest"}},
		"several, the newest last": {other + first + second, two + " certificate-pem",
			[]string{"device id: " + older, "device id: " + newer, "newest: yes", "other certificates: 1"}},
		"the same twice":     {first + first, one, []string{"!newest"}},
		"on one line":        {strings.ReplaceAll(first, "\n", ""), one, []string{"device id: " + older}},
		"long dashes":        {strings.ReplaceAll(first, "-----", "—–"), one, []string{"device id: " + older}},
		"cut":                {first[:len(first)/2], one, nil},
		"cut before another": {first[:len(first)/2] + "\n" + second, two, []string{"device id: " + newer}},
		"damaged": {strings.Replace(first, "MII", "MI!", 1) + second, two,
			[]string{"device id: " + newer}},
		"others only": {other, one, []string{"device certificates: none"}},
		"with a key":  {first + key, one + " private-key", []string{"device id: " + older}},
		"only a key":  {key, "private-key", nil},
		"DER, two": {
			string(issue(entra.Device{DeviceID: older})) + string(issue(entra.Device{DeviceID: newer})),
			"certificate-der certificate-der", []string{"device id: " + older, "device id: " + newer}},
		"DER, cut": {string(issue(entra.Device{})[:400]), "certificate-der", nil},
	} {
		t.Run(name, test.check)
	}
	report, _ := recognise.Read([]byte(second+first), now)
	if got := report.Things[0].Name; got != "device certificate 1 of 2, the newest" {
		t.Errorf("the newest first: %q", got)
	}
	for _, thing := range report.Things {
		if thing.Evidence != nil || thing.Note == "" {
			t.Errorf("a certificate gives no state, and says why: %+v", thing)
		}
	}
}

func TestListingsOfSecurity(t *testing.T) {
	listing := string(samples(t)["19-security-find-certificate-aZ.txt"])
	certificate := samples(t)["27-wpj-device-negative-serial-1.der"]
	printed := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	const ours = "device id: 38d94132-e90a-4e9d-bfdc-a52633ed2772"
	_, last, _ := strings.Cut(listing, "SHA-256 hash: B2CC")
	var grepped []string
	for line := range strings.Lines(listing) {
		if strings.Contains(line, `"alis"`) || strings.Contains(line, `"issu"`) {
			grepped = append(grepped, line)
		}
	}
	for name, test := range map[string]shows{
		"-a -p -Z": {"SHA-256 hash: B2CC" + last + printed, "certificate-pem", []string{ours, "valid: now"}},
		"by grep": {strings.Join(grepped, ""), "keychain-listing keychain-listing",
			[]string{ours, "device id: 6a82637e"}},
		"cut": {listing[:len(listing)-400], "keychain-listing keychain-listing", []string{ours}},
		"dump-keychain": {"keychain: \"/Users/j/Library/Keychains/login.keychain-db\"\nversion: 512\nclass: " +
			"\"genp\"\nattributes:\n    0x00000007 <blob>=\"jane@example.com\"\n    " +
			"\"acct\"<blob>=\"com.microsoft.workplacejoin.registeredUserPrincipalName\"\n    " +
			"\"svce\"<blob>=\"jane@example.com\"\nkeychain: \"/Users/j/Library/Keychains/login.keychain-db\"\nclass: " +
			"0x00000010 \nattributes:\n    0x00000001 <blob>=\"Microsoft Workplace Join Key\"\n",
			"keychain-listing keychain-listing",
			[]string{"user principal: jane@example.com", "key: Microsoft Workplace Join Key"}},
		"find-identity": {"Policy: X.509 Basic\n  Matching identities\n  1) 4F7667FC421FA6B484C637E884E241406D4FBF4B " +
			"\"38d94132-e90a-4e9d-bfdc-a52633ed2772\" (CSSMERR_TP_CERT_EXPIRED)\n  2) " +
			"B3D1477FAC3F89093CE28C24FEDFF8E314105615 \"Apple Development: x\"\n     2 identities found\n\n  Valid " +
			"identities only\n     0 valid identities found\n",
			"identity-listing", []string{"device id, probably: 38d94132", "thumbprint: 4f7667fc",
				"other identity: Apple Development: x", "identities named by a GUID: 1"}},
		"find-identity, nothing": {"     0 valid identities found\n", "identity-listing",
			[]string{"identities named by a GUID: 0"}},
	} {
		t.Run(name, test.check)
	}
}

func TestSeveralThingsInOnePaste(t *testing.T) {
	all := samples(t)
	text := "Hi, here is what you asked for:\n\n" + string(all["21b-getpsso-alone.txt"]) + "\n\n```\n" +
		string(all["01-appsso-terminal-2026.txt"]) + "```\n\n" +
		string(all["15-jamfaad-defaults-read.txt"]) + "\n" + string(all["19-security-find-certificate-aZ.txt"])
	shows{text, "psso-status app-sso jamf-agent-state keychain-listing keychain-listing",
		[]string{"have_an_Azure_id: true", "user state: POUserStateNormal (0)"}}.check(t)
	shows{string(all["25-appsso-okta.txt"]) + "\n" + string(all["01-appsso-terminal-2026.txt"]), "app-sso app-sso",
		[]string{"provider: another one", "provider: Microsoft"}}.check(t)
}

func TestWhatIsNotRead(t *testing.T) {
	for format, texts := range map[string][]string{
		"intune-agent": {"2026-01-02 10:11:12:345 | IntuneMDM-Daemon | I | 123456 | " +
			"SyncActivityTracer | Finished\n"},
		"jamf-policy-output": {"Executing Policy X\n", "  Script exit code: 1\n"},
		"jamf-log":           {"Wed Feb  1 09:10:36 mac jamf[899]: x\n"},
		"picture":            {"\x89PNG\r\n\x1a\n\x00"}, "document": {"%PDF-1.7\n", "{\\rtf1\\ansi x}"},
		"archive": {"PK\x03\x04\x00", "\x1f\x8b\x08\x00"}, "web-page": {"<!DOCTYPE html><html><body>x</body></html>"},
		"script-output": {"2026-08-20 12:00:00 - INFO - Starting\n2026-08-20 12:00:01 - INFO - Done\n",
			"[2026/08/20 12:00:00] INFO Starting\n"},
		"runbook":    {"Device Registration: REGISTERED\nUser Registration: REGISTERED\n"},
		"error-text": {"Error Domain=MSALErrorDomain Code=-50002"},
		"unified-syslog": {"Timestamp                       (process)[PID]    \n2026-09-03 13:00:37.079232-0400  " +
			"localhost AppSSOAgent[1]: x\n"},
		"property-list": {"<?xml version=\"1.0\"?><plist><dict><key>a</key></dict>", "bplist00xxxx"},
		"keychain":      {"kych\x00\x01"}, "usher-json": {`{"schema":"usher.v1","command":"status"}`},
	} {
		for _, text := range texts {
			report, err := recognise.Read([]byte(text), now)
			if err != nil || report.Usable() || report.Things[0].Format != format || report.Things[0].Advice == "" {
				t.Errorf("%q:\n%s", text, shown(report, err))
			}
		}
	}
	for _, text := range []string{"", "\n", "hello\n", "2 of 3 things are done", "4\n", strings.Repeat("\x00", 1000),
		"{ a = b; }", `{"a": 1}`} {
		if report, err := recognise.Read([]byte(text), now); !errors.Is(err, recognise.ErrNotRecognised) {
			t.Errorf("%q:\n%s", text, shown(report, err))
		}
	}
	if _, err := recognise.Read(make([]byte, recognise.MaximumSize+1), now); !errors.Is(err, recognise.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

// A hostile text costs time in proportion to its length: if a part of the allowed length took long, the whole would
// never end.
func TestLongTextsEnd(t *testing.T) {
	for _, piece := range []string{"[", "{", "{\n", "\"", "<plist>", "<dict>", "-----BEGIN CERTIFICATE-----\n",
		"Device Configuration:\n {", "\"alis\"<blob>=\"x\"\n", "0\x82", "primary_registration_metadata_",
		"[primary_registration_metadata_x: 1\n", "<result>", "{ a = ", "a = b;\n", "\x1b]", "&amp;", "> ", "1\n",
		"{\"PayloadType\":", "SHA-1 hash: 00\n", " AltSecurityIdentities: x\n", "AltSecurityIdentities:\n x"} {
		content := []byte(strings.Repeat(piece, recognise.MaximumSize/32/len(piece)))
		began := time.Now()
		report, _ := recognise.Read(content, now)
		if took := time.Since(began); took > 10*time.Second || len(report.Things) > 100 {
			t.Errorf("%q: %s, %d things", piece, took, len(report.Things))
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, content := range samples(f) {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		report, err := recognise.Read(content, now)
		if (err == nil) != (len(report.Things) > 0) {
			t.Fatalf("%v, %d things", err, len(report.Things))
		}
		for _, thing := range report.Things {
			if thing.Format == "" || thing.Name == "" || thing.Problem == "" && len(thing.Facts) == 0 ||
				thing.Problem != "" && thing.Advice == "" {
				t.Errorf("%+v", thing)
			}
			for _, fact := range thing.Facts {
				if fact.Name == "" || fact.Value == "" || bytes.ContainsAny([]byte(fact.Value), "\n\x1b\x00") {
					t.Errorf("%+v", fact)
				}
			}
		}
	})
}
