package recognise_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"usher.internal/ctl/inspect/recognise"
	"usher.internal/internal/wpj"
)

// answer is the expected result for a sample.
type answer struct {
	// facts are name: value. One that begins with "!" must be absent, and one without a value may have any value.
	facts []string
	// state is the one that follows; "" for none.
	state wpj.State
	// refused is the format of a text that cannot be used.
	refused string
}

const (
	device38d9 = "device id: 38d94132-e90a-4e9d-bfdc-a52633ed2772"
	device6a82 = "device id: 6a82637e-6910-4ce6-9e28-931ae32ceb3e"
	tenant0dde = "tenant id: 0dde70e6-f430-449f-8bce-f4d0a9eca2a4"
	user1      = "user principal: user1@example.org.uk"
	thumb4f76  = "thumbprint: 4f7667fc421fa6b484c637e884e241406d4fbf4b"
)

var (
	answer01 = answer{facts: []string{"provider: Microsoft", device38d9, tenant0dde,
		"user object id: e09b2724-fe3a-4f11-945e-13e71da12922", user1, thumb4f76,
		"registration completed: true", "user state: POUserStateNormal (0)",
		"valid: now: from 2026-04-25T08:43:42Z to 2036-04-25T09:13:42Z"}, state: wpj.StateRegistered}
	answer03 = answer{facts: []string{"registration completed: true", "user state: POUserStateNormal (0)",
		"user principal: test.alias@contoso.com",
		"tenant id: 72f988bf-86f1-41af-91ab-2d7cd011db47", "device certificate: not shown", "!device id", "!extension"}}
	answer14 = answer{facts: []string{"have_an_Azure_id: true", "last token: 2022-09-07T16:00:00Z"}}
	answer21 = answer{facts: []string{"status: 2 EnabledAndRegistered", device38d9, tenant0dde, user1,
		"cloud host: login.microsoftonline.com", "full mode: No"}, state: wpj.StateRegistered}
	answer27 = answer{facts: []string{device38d9, tenant0dde, "user object id: e09b2724-fe3a-4f11-945e-13e71da12922",
		thumb4f76, "serial number: f91174168aacebb64d178e6d04ecbc07"}}
)

// answers are the results in the index of the samples.
var answers = map[string]answer{
	"01-appsso-terminal-2026.txt":            answer01,
	"03-appsso-two-realms-2026.txt":          answer03,
	"03b-appsso-onprem-first.txt":            answer03,
	"04-appsso-zsh-echo-2026.txt":            answer01,
	"06-fleet52629-syslog-2026.log":          {refused: "unified-syslog"},
	"08-jamf-enrol-permission-2023.log":      {refused: "jamf-log"},
	"10-companyportal5-msalcolumns-2025.log": {refused: "msal"},
	"11-msal-nserror-aadsts50076-2021.txt":   {refused: "error-text"},
	"14-jamfaad-real.plist":                  answer14,
	"15-jamfaad-defaults-read.txt":           answer14,
	"17-psso-entra-fleet.mobileconfig": {
		facts: []string{"provider: Microsoft", "method: UserSecureEnclaveKey", "shared device keys: true",
			"team id: UBF8T346G9",
			"URLs: https://login.microsoftonline.com, https://login.microsoft.com, https://sts.windows.net",
			"!missing URLs, public cloud",
			"missing URLs, government clouds: US: https://login.microsoftonline.us, " +
				"https://login-us.microsoftonline.com",
			"missing URLs, government clouds: China: https://login.partner.microsoftonline.cn, " +
				"https://login.chinacloudapi.cn", "!error 10001", "!error 10002"}},
	"19-security-find-certificate-aZ.txt": {
		facts: []string{device6a82, device38d9, "thumbprint: b3d1477fac3f89093ce28c24fedff8e314105615", thumb4f76,
			"serial number: f4c29c91f3fdd985429952a6f1e99bfa", "serial number: f91174168aacebb64d178e6d04ecbc07",
			"private key: not shown", "valid: not shown", "newest: cannot be said"}},
	"20-security-mitmproxy-real-2026.txt": {
		facts: []string{"device certificates: none", "!device id"}},
	"21-getpsso-collector-2026.txt": {
		facts: append([]string{"Entra ID: acquired"}, answer21.facts...), state: wpj.StateRegistered},
	"21b-getpsso-alone.txt": answer21,
	"24-appsso-userkeyinvalid.txt": {
		facts: []string{device6a82, "user state: POUserStateUserKeyInvalid (5)"}, state: wpj.StateUserKeyInvalid},
	"25-appsso-okta.txt": {
		facts: []string{"provider: another one", "extension: com.okta.mobile.auth-service-extension", "!device id",
			"!tenant id"}},
	"27-wpj-device-negative-serial-1.der":   answer27,
	"29-jamf-policylog-dp-mount.txt":        {refused: "jamf-policy-output"},
	"31-companyportal5-msal-usercancel.log": {refused: "msal"},
	"app-sso-configured-device-not-registered-macos26.txt": {
		facts: []string{"provider: Microsoft", "registration completed: false", "user section: (null)", "!device id"},
		state: wpj.StatePlatformSSOConfigured},
	"app-sso-not-configured.txt": {
		facts: []string{"Platform SSO: not configured"}},
	"app-sso-registered-password-macos15.6-vm-second-registration.txt": {
		facts: []string{"device id: c9f7fcba-c5d8-4994-8d4c-2c2785b993c1", "user state: POUserStateNormal (0)",
			"method: POLoginTypePassword (1)"}, state: wpj.StateRegistered},
	"app-sso-registered-secure-enclave-macos15.5.txt": {
		facts: []string{"device id: c9f7fcba-c5d8-4994-8d4c-2c2785b993c1",
			"user principal: foobar@contoso.onmicrosoft.com", "method: POLoginTypeUserSecureEnclaveKey (2)"},
		state: wpj.StateRegistered},
	"app-sso-usage-man-page-2026.txt": {refused: "app-sso-usage"},
	"app-sso-user-section-needs-registration-macos26-27.txt": {
		facts: []string{"user state: POUserStateNeedsRegistration (2)", "provider: unknown",
			"device section: missing"}},
	"ddm-extensible-sso-redirect-macos27.json": {
		facts: []string{"provider: another one", "extension: com.example.sso.extension", "type: Redirect",
			"!error 10001"}},
	"jamf-gather.txt": {
		facts: []string{"Entra ID: acquired", "account: jane"}},
	"log-lines-errors.txt": {refused: "error-text"},
}

// variants are changes that people, programs and editors make to a text.
var variants = map[string]func(string) []byte{
	"as it is":                     func(text string) []byte { return []byte(text) },
	"CRLF":                         func(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) },
	"UTF-8 with a byte order mark": func(text string) []byte { return []byte("\ufeff" + text) },
	"UTF-16 LE":                    func(text string) []byte { return in16(text, binary.LittleEndian, true) },
	"UTF-16 BE":                    func(text string) []byte { return in16(text, binary.BigEndian, true) },
	"UTF-16 LE without a mark":     func(text string) []byte { return in16(text, binary.LittleEndian, false) },
	"UTF-16 BE without a mark":     func(text string) []byte { return in16(text, binary.BigEndian, false) },
	"in a terminal": func(text string) []byte {
		return []byte("Last login: Sat Apr 25 02:36:33 on ttys000\n\x1b[1mjane\x1b[0m@mac ~ % command\n" + text +
			"\njane@mac ~ % \x1b[K")
	},
	"quoted":          func(text string) []byte { return []byte("On Monday Jane wrote:\n" + eachLine(text, "> ")) },
	"quoted twice":    func(text string) []byte { return []byte(eachLine(text, "> > ")) },
	"in a fence":      func(text string) []byte { return []byte("Here it is:\n\n```text\n" + text + "\n```\n") },
	"in a Jira block": func(text string) []byte { return []byte("{noformat}\n" + text + "\n{noformat}") },
	"indented":        func(text string) []byte { return []byte(eachLine(text, "    ")) },
	"indented by non-breaking spaces": func(text string) []byte {
		return []byte(strings.ReplaceAll(eachLine(text, "  "), "  ", "\u00a0\u00a0"))
	},
	"HTML entities": func(text string) []byte {
		return []byte(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text))
	},
	"typographic quotes": func(text string) []byte {
		open := false
		return []byte(strings.Map(func(letter rune) rune {
			if letter != '"' {
				return letter
			}
			if open = !open; open {
				return '“'
			}
			return '”'
		}, text))
	},
	"wrapped": func(text string) []byte { return []byte(wrapped(text, 100)) },
}

func eachLine(text, prefix string) string {
	return prefix + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+prefix) + "\n"
}

// wrapped breaks long lines, as a terminal of some width does when they are copied.
func wrapped(text string, width int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		for len(line) > width+1 {
			out.WriteString(line[:width] + "\n")
			line = line[width:]
		}
		out.WriteString(line)
	}
	return out.String()
}

func in16(text string, order binary.AppendByteOrder, mark bool) []byte {
	if mark {
		text = "\ufeff" + text
	}
	var content []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		content = order.AppendUint16(content, unit)
	}
	return content
}

func (a answer) check(t *testing.T, content []byte) {
	t.Helper()
	report, err := recognise.Read(content, now)
	if err != nil {
		t.Fatal(err)
	}
	if a.refused != "" {
		if len(report.Things) != 1 || report.Things[0].Format != a.refused || report.Things[0].Problem == "" ||
			report.Things[0].Advice == "" {
			t.Errorf("not refused as %s:\n%s", a.refused, shown(report, err))
		}
		return
	}
	have := map[string]bool{}
	state := wpj.State("")
	for _, thing := range report.Things {
		if thing.Problem != "" {
			t.Errorf("%s: %s", thing.Name, thing.Problem)
		}
		for _, fact := range thing.Facts {
			have[fact.Name+": "+fact.Value], have[fact.Name] = true, true
		}
		if thing.Evidence != nil && thing.Evidence.Finding == wpj.Found {
			if identity := wpj.Evaluate([]wpj.Evidence{*thing.Evidence},
				wpj.Conditions{Now: now}); !identity.State.Unknown() {
				state = identity.State
			}
		}
	}
	for _, fact := range a.facts {
		if name, absent := strings.CutPrefix(fact, "!"); absent == have[name] {
			if !absent {
				name = fact
			}
			if absent || !have[fact] {
				t.Errorf("%s:\n%s", fact, shown(report, err))
			}
		} else if !absent && !have[fact] {
			t.Errorf("%s is missing:\n%s", fact, shown(report, err))
		}
	}
	if state != a.state {
		t.Errorf("state %q, want %q", state, a.state)
	}
}

func TestAnswersOfTheSamples(t *testing.T) {
	contents := samples(t)
	for name := range contents {
		if _, known := answers[name]; !known {
			t.Errorf("%s has no answer", name)
		}
	}
	for name, answer := range answers {
		content, there := contents[name]
		if !there {
			t.Fatalf("%s is missing", name)
		}
		if !utf8.Valid(content) {
			t.Run(name, func(t *testing.T) { answer.check(t, content) })
			continue
		}
		for how, change := range variants {
			if answer.refused != "" && (how == "wrapped" || how == "in a terminal") {
				continue // its lines then begin elsewhere
			}
			t.Run(name+"/"+how, func(t *testing.T) { answer.check(t, change(string(content))) })
		}
	}
}
