package platformsso_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/platformsso"
	"usher.internal/internal/wpj"
)

// The headings and values of the capture that the tests below change.
const (
	deviceSection = "Device Configuration:"
	loginSection  = "Login Configuration:"
	userSection   = "User Configuration:"
	completed     = `"registrationCompleted" : true`
	microsofts    = `"com.microsoft.CompanyPortalMac.ssoextension"`
	normal        = `"POUserStateNormal (0)"`
	cloudRealm    = `"realm" : "KERBEROS.MICROSOFTONLINE.COM"`
)

// read returns the result for a text. It evaluates the text a hundred times; all results must be the same.
func read(t *testing.T, text string) (wpj.Evidence, wpj.Identity) {
	t.Helper()
	report, err := platformsso.Parse([]byte(text))
	if err != nil {
		return wpj.Evidence{}, wpj.Identity{}
	}
	evidence := report.Evidence()
	given := wpj.Conditions{Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
	identity := wpj.Evaluate([]wpj.Evidence{evidence}, given)
	for range 100 {
		if again := wpj.Evaluate([]wpj.Evidence{evidence}, given); !reflect.DeepEqual(again, identity) {
			t.Fatalf("%+v, and then %+v", identity, again)
		}
	}
	return evidence, identity
}

// capture returns a capture, with changes given as pairs; each must change something.
func capture(t *testing.T, file string, changes ...string) string {
	t.Helper()
	content, err := os.ReadFile("testdata/" + file + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s has no %q", file, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	return text
}

// The results for other forms of one capture: values of another kind, other cases, orders and line ends, and several
// runs.
func TestOtherShapes(t *testing.T) {
	base := capture(t, "terminal-2026")
	device, login, user := strings.Index(base, deviceSection), strings.Index(base, loginSection),
		strings.Index(base, userSection)
	with := func(changes ...string) string { return capture(t, "terminal-2026", changes...) }
	const needs = userSection + "\n {\"state\":\"POUserStateNeedsRegistration (2)\"}\n\n"
	for name, test := range map[string]struct {
		text     string
		state    wpj.State
		provider wpj.Provider
	}{
		"as it is": {base, wpj.StateRegistered, wpj.ProviderMicrosoft},
		// The word true in another form is not a registration, and does not affect the provider.
		"completed as text": {with(completed, `"registrationCompleted" : "true"`), wpj.StateCannotTell,
			wpj.ProviderMicrosoft},
		"completed as number": {with(completed, `"registrationCompleted" : 1`), wpj.StateCannotTell,
			wpj.ProviderMicrosoft},
		"completed is null": {with(completed, `"registrationCompleted" : null`), wpj.StateCannotTell,
			wpj.ProviderMicrosoft},
		"completed twice": {with(completed, `"registrationCompleted" : false, `+completed),
			wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"completed in another case": {with(completed, `"RegistrationCompleted" : true`), wpj.StateCannotTell,
			wpj.ProviderMicrosoft},
		"another field in that case": {with(completed, completed+`, "REGISTRATIONCOMPLETED" : false`),
			wpj.StateRegistered, wpj.ProviderMicrosoft},
		"state in another case": {with(`"state" : `, `"State" : `), wpj.StateCannotTell,
			wpj.ProviderMicrosoft},
		"state is a number": {with(normal, `0`), wpj.StateRegistered, wpj.ProviderMicrosoft},
		"state is a huge number": {with(normal, `100000000000000000000000000`), wpj.StateCannotTell,
			wpj.ProviderMicrosoft},
		"state is null":   {with(normal, `null`), wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"state is false":  {with(normal, `false`), wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"state is a list": {with(normal, `[`+normal+`]`), wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"certificate is a list": {
			with(`"deviceSigningCertificate" : "`, `"deviceSigningCertificate" : [], "x" : "`), wpj.StateUnreadable,
			wpj.ProviderMicrosoft},
		"certificate is null": {
			with(`"deviceSigningCertificate" : "`, `"deviceSigningCertificate" : null, "x" : "`), wpj.StateCannotTell,
			wpj.ProviderMicrosoft},
		"a field of a later macOS": {
			with(completed, completed+`, "declaration" : {"registrationCompleted" : false}`), wpj.StateRegistered,
			wpj.ProviderMicrosoft},
		"identifier in another case": {with(microsofts, `" com.microsoft.companyportalmac.SSOExtension "`),
			wpj.StateRegistered, wpj.ProviderMicrosoft},
		"identifier is (null)": {with(microsofts, `"(null)"`), wpj.StateRegistered, wpj.ProviderMicrosoft},
		"identifier is a list": {with(microsofts, `[`+microsofts+`]`), wpj.StateCannotTell,
			wpj.ProviderMicrosoft},
		"another one's": {with(microsofts, `"com.okta.mobile.auth-service-extension"`),
			wpj.StateNotRegistered, wpj.ProviderOther},
		"another one's, not readable": {
			with(microsofts, `"com.okta.mobile.auth-service-extension"`, completed, `"registrationCompleted" : "true"`),
			wpj.StateNotRegistered, wpj.ProviderOther},
		"another one's, Microsoft's issuer": {capture(t, "okta", "example.okta.com", "login.microsoftonline.com"),
			wpj.StateNotRegistered, wpj.ProviderOther},
		"Microsoft's, another issuer": {with("https://login.microsoftonline.com/", "https://example.okta.com/"),
			wpj.StateRegistered, wpj.ProviderMicrosoft},
		"by the issuer": {with(`"extensionIdentifier"`, `"x"`), wpj.StateRegistered,
			wpj.ProviderMicrosoft},
		"by an issuer without a scheme": {
			with(`"extensionIdentifier"`, `"x"`, "https://login.microsoftonline.com/", "login.microsoftonline.com/"),
			wpj.StateRegistered, wpj.ProviderMicrosoft},
		"by an issuer that only looks so": {
			with(`"extensionIdentifier"`, `"x"`, "https://login.microsoftonline.com/",
				"https://login.microsoftonline.com.example/"), wpj.StateNotRegistered, wpj.ProviderOther},
		"issuer with a user": {
			with(`"extensionIdentifier"`, `"x"`, "https://login.microsoftonline.com/",
				"https://login.microsoftonline.com@example.com/"), wpj.StateNotRegistered, wpj.ProviderOther},

		// Sections that are null, missing, in another order or repeated.
		"no device, but a user": {base[:device] + deviceSection + "\n (null)\n\n" + base[login:],
			wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"login is null": {base[:login] + loginSection + "\n (null)\n\n" + base[user:],
			wpj.StateRegistered, wpj.ProviderMicrosoft},
		"login is missing": {base[:login] + base[user:], wpj.StateRegistered, wpj.ProviderMicrosoft},
		"user is null": {base[:user] + userSection + "\n (null)\n", wpj.StateUserNotRegistered,
			wpj.ProviderMicrosoft},
		"user is missing":   {base[:user], wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"device is missing": {base[:device] + base[login:], wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"the other way round": {base[user:] + "\n" + base[login:user] + "\n" + base[device:login],
			wpj.StateRegistered, wpj.ProviderMicrosoft},
		"user twice, the same": {base + "\n" + base[user:strings.Index(base, "SSO Tokens:")],
			wpj.StateRegistered, wpj.ProviderMicrosoft},
		"user twice, normal last":     {base[:user] + needs + base[user:], wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"user twice, normal first":    {base + "\n" + needs, wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"two runs":                    {base + base, wpj.StateRegistered, wpj.ProviderMicrosoft},
		"two runs, the last unhappy":  {base + base[:user] + needs, wpj.StateNeedsRegistration, wpj.ProviderMicrosoft},
		"two runs, the first unhappy": {base[:user] + needs + base, wpj.StateRegistered, wpj.ProviderMicrosoft},
		"two runs, the last cut":      {base + base[:user], wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"two runs without time, cut":  {base + base[device:user], wpj.StateCannotTell, wpj.ProviderMicrosoft},
		"two runs, the last only time": {base + "Time: 2026-04-26 09:41:29 +0000\n", wpj.StateRegistered,
			wpj.ProviderMicrosoft},

		"CRLF": {strings.ReplaceAll(base, "\n", "\r\n"), wpj.StateRegistered, wpj.ProviderMicrosoft},
		"CR":   {strings.ReplaceAll(base, "\n", "\r"), wpj.StateRegistered, wpj.ProviderMicrosoft},
		"quoted in a mail": {"> " + strings.ReplaceAll(base, "\n", "\n> "), wpj.StateRegistered,
			wpj.ProviderMicrosoft},
		"indented":        {strings.ReplaceAll(base, "\n", "\n\t"), wpj.StateRegistered, wpj.ProviderMicrosoft},
		"byte order mark": {"\ufeff" + base[device:], wpj.StateRegistered, wpj.ProviderMicrosoft},
		"control characters": {with(normal, "\"\x01POUserStateNormal (0)\""), wpj.StateCannotTell,
			wpj.ProviderMicrosoft},
		"wrapped certificate": {with(`"deviceSigningCertificate" : "MI`, "\"deviceSigningCertificate\" : \"M\nI"),
			wpj.StateRegistered, wpj.ProviderMicrosoft},
	} {
		t.Run(name, func(t *testing.T) {
			evidence, identity := read(t, test.text)
			if evidence.PlatformSSO == nil {
				t.Fatal("the text is not recognised")
			}
			if provider := evidence.PlatformSSO.Provider(); identity.State != test.state || provider != test.provider {
				t.Errorf("%s (%s), provider %q, want %s, %q", identity.State, identity.Detail, provider, test.state,
					test.provider)
			}
			if test.provider == wpj.ProviderOther &&
				(evidence.UserPrincipalName != "" || evidence.TenantID != "" || len(evidence.Certificates) > 0 ||
					len(identity.Contradictions) > 0) {
				t.Errorf("another provider's says %+v, %+v", evidence, identity.Contradictions)
			}
		})
	}
}

// A text that is cut anywhere never shows a registered user, unless the user's section is complete. This is also true
// if another run comes before it: that run says nothing about the cut one.
func TestCutAnywhere(t *testing.T) {
	base := capture(t, "terminal-2026")
	tokens, device := strings.Index(base, "SSO Tokens:"), strings.Index(base, deviceSection)
	whole := strings.TrimRight(base[:tokens], "\n")
	for end := range base {
		for _, before := range []string{"", base + "\n"} {
			if before != "" && end%5 != 0 {
				continue // the same text again
			}
			report, err := platformsso.Parse([]byte(before + base[:end]))
			if err != nil {
				continue
			}
			state := wpj.Evaluate([]wpj.Evidence{report.Evidence()},
				wpj.Conditions{Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}).State
			hasBegun := before == "" || end >= device+len(deviceSection)
			if state.Registered() && hasBegun && end < len(whole) {
				t.Fatalf("%s, cut after %d of %d bytes behind %d others", state, end, len(whole), len(before))
			}
			if !state.Registered() && end >= len(whole) {
				t.Fatalf("%s, cut after %d of %d bytes behind %d others", state, end, len(whole), len(before))
			}
		}
	}
}

// Names come from an entry of Entra's realm, with any text around it, or from an unmasked login name. Any other text is
// not a name.
func TestNames(t *testing.T) {
	const entry, atRealm = `{"realm" : "KERBEROS.MICROSOFTONLINE.COM", "upn" : "`, `@KERBEROS.MICROSOFTONLINE.COM"}`
	const local = `{"realm" : "CORP.EXAMPLE.COM", "upn" : "other@CORP.EXAMPLE.COM"}`
	for kerberos, want := range map[string]string{
		`[` + entry + `jane@example.com` + atRealm +
			`]`: "jane@example.com",
		`[` + local + `, ` + entry + `jane@example.com` + atRealm +
			`]`: "jane@example.com",
		`[` + strings.ToLower(entry+`jane@example.com`+atRealm) +
			`]`: "jane@example.com",
		`[` + entry + `jane\\@example.com` + atRealm +
			`]`: "jane@example.com",
		`[` + entry +
			`jane@example.com"}]`: "jane@example.com",
		`[` + entry + `jane_partner.com#EXT#@example.com` + atRealm +
			`]`: "jane_partner.com#EXT#@example.com",
		`[{"realm" : 5, "upn" : []}, null, "x", ` + entry + `jane@example.com` + atRealm +
			`]`: "jane@example.com",
		`[` + entry + `j***@example.com` + atRealm + `, ` + entry + `jane@example.com` + atRealm +
			`]`: "jane@example.com",
		`[` + entry + `j***@example.com` + atRealm +
			`]`: "login@example.com",
		`[` + local + `]`:                                      "login@example.com",
		`[` + entry + `jane` + atRealm + `]`:                   "login@example.com",
		`[` + entry + `@example.com` + atRealm + `]`:           "login@example.com",
		`[` + entry + `jane@example.com@CORP.EXAMPLE.COM"}]`:   "login@example.com",
		`[` + entry + `jane\u0000@example.com` + atRealm + `]`: "login@example.com",
		`[` + entry + "ja\nne@example.com" + atRealm + `]`:     "login@example.com",
		`{"a" : ` + entry + `jane@example.com` + atRealm + `}`: "login@example.com",
		`null`: "login@example.com",
	} {
		for login, wantLogin := range map[string]string{
			`{"loginUserName" : "login@example.com"}`:   "login@example.com",
			`{"loginUserName" : "login\\@example.com"}`: "login@example.com",
			`{"loginUserName" : "l***@example.com"}`:    "",
			`{"loginUserName" : "login"}`:               "",
			`{"loginUserName" : ["login@example.com"]}`: "",
			`{"loginUserName" : "log\nin@example.com"}`: "",
			`null`: "",
			`[]`:   "",
		} {
			report, err := platformsso.Parse(
				[]byte(userSection + "\n {\"kerberosStatus\" : " + kerberos + ", \"userLoginConfiguration\" : " +
					login + "}"))
			if err != nil {
				t.Fatal(err)
			}
			expected := want
			if want == "login@example.com" {
				expected = wantLogin
			}
			if got := string(report.User.UserPrincipalName); got != expected {
				t.Errorf("%s, %s: %q, want %q", kerberos, login, got, expected)
			}
		}
	}
}

// The state of the tokens is macOS's remark if usher knows it. Otherwise it follows from the times.
func TestTokens(t *testing.T) {
	base := capture(t, "terminal-2026") // printed on 2026-04-25
	before := base[:strings.Index(base, "SSO Tokens:")]
	for expiration, want := range map[string]bool{
		"2026-05-09T09:17:43Z (Not Expired)":      false,
		"2020-05-09T09:17:43Z (Not  expired)":     false,
		"2026-05-09T09:17:43Z (Expired)":          true,
		"2026-05-09T09:17:43Z(EXPIRED)":           true,
		"2026-05-09 09:17:43 +0000 (Expired)":     true,
		"(Expired)":                               true,
		"2020-05-09T09:17:43Z (Abgelaufen)":       true,
		"2026-05-09T09:17:43Z (Nicht abgelaufen)": false,
		"2020-05-09 09:17:43 +0000":               true,
		"2026-05-09T09:17:43Z":                    false,
		"(null)":                                  false,
		"":                                        false,
	} {
		evidence, identity := read(t,
			before+"SSO Tokens:\nReceived:\n2026-04-25T09:17:44Z\nExpiration:\n"+expiration+"\n")
		if evidence.PlatformSSO.TokensExpired != want || identity.State != wpj.StateRegistered ||
			(len(identity.Contradictions) > 0) != want {
			t.Errorf("%q: expired %t, %s, %+v", expiration, evidence.PlatformSSO.TokensExpired, identity.State,
				identity.Contradictions)
		}
	}
}
