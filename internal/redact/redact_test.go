package redact_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/redact"
	"usher.internal/internal/timeline"
)

// planted are values that must not survive, by their kind.
var planted = []string{
	"mia.keller", "Mia.Keller@contoso.example.org", "mia.keller%40contoso.example.org",
	`mia.keller\@contoso.example.org`, "MIA.KELLER@CONTOSO.EXAMPLE.ORG",
	"Mia Keller", "Mia’s MacBook Air (2)", "Mia's MacBook Air (2)", "lab-07.corp.contoso.de", "jamf.contoso.cloud",
	"contoso.onmicrosoft.com",
	"34b1ba9a-3b2d-4c6c-ab4b-615f4b143eab", "34B1BA9A-3B2D-4C6C-AB4B-615F4B143EAB", "10.20.30.40", "203.0.113.77",
	"fe80::1c2d:3e4f:5a6b:7c8d", "2a02:8070::17",
	"3c:22:fb:12:34:56", "C02XK1ABJGH5", "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
	"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
	"MIIDQTCCAimgAwIBAgITBmyfz5m/jAo54vB4ikPmljZbyjANBgkqhkiG9w0BAQsFADA5MQswCQYDVQQG",
	"jörg.müller", "studio-17",
}

// document has each of them in the places where logs of each format have them.
var document = []string{
	`Sun Apr 26 22:06:14 Mia’s MacBook Air (2) jamf[1480]: Checking for policies triggered by "login" for user ` +
		`"mia.keller"...`,
	`Sun Apr 26 22:06:14 Mia's MacBook Air (2) jamf[1480]: Executing Policy Register mia.keller`,
	`default 2020-04-26 22:08:09.659507 -0500 JamfAAD AAD ID acquired for macOS user account mia.keller`,
	`default 2020-04-26 22:08:09.647316 -0500 JamfAAD commited ` +
		`/Users/mia.keller/Library/Keychains/login.keychain-db.sb-XX to /Users/jörg.müller/Library`,
	`2020-04-27 03:07:10.363 VERB com.microsoft.ssp.telemetry TID=1 A.swift: 283 (f()) x : { upn = ` +
		`"Mia.Keller@contoso.example.org"; device = "34b1ba9a-3b2d-4c6c-ab4b-615f4b143eab"; full = "Mia Keller"; }`,
	`{"timestamp":"2026-05-07 19:48:34.701580-0500","eventMessage":"GET ` +
		`https:\/\/jamf.contoso.cloud\/api?` +
		`login_hint=mia.keller%40contoso.example.org&id=34B1BA9A-3B2D-4C6C-AB4B-615F4B143EAB"}`,
	`kerberosStatus upn mia.keller\@contoso.example.org@KERBEROS.MICROSOFTONLINE.COM realm`,
	`authority https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2 by MIA.KELLER@CONTOSO.EXAMPLE.ORG`,
	`host lab-07.corp.contoso.de at 10.20.30.40 and 203.0.113.77:443, fe80::1c2d:3e4f:5a6b:7c8d%en0, ` +
		`[2a02:8070::17], mac 3c:22:fb:12:34:56`,
	`serial number: C02XK1ABJGH5, thumbprint 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567 ` +
		`key=0a1b2c3d4e5f60718293a4b5c6d7e8f901234567`,
	`bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl, x5c ` +
		`MIIDQTCCAimgAwIBAgITBmyfz5m/jAo54vB4ikPmljZbyjANBgkqhkiG9w0BAQsFADA5MQswCQYDVQQG`,
	`2023-05-26 13:42:44.136083+0200  studio-17 Company Portal[77]: (MSAL) failed on studio-17`,
	`user=jörg.müller state=x (jörg.müller), "JÖRG" user: mia.keller.`,
}

// kept are values that must not be replaced by mistake.
var kept = []string{
	"com.microsoft.ssp.telemetry", "A.swift: 283 (f())", "login.microsoftonline.com", "MSAL 1.2.4.5", "version 5.2.1.0",
	"root", "_mbsetupuser", "127.0.0.1", "::1",
	"2020-04-27 03:07:10.363", "82dbaca4-3e81-46ca-9c73-0950c1eaca97", "Error Domain=MSALErrorDomain Code=-50005",
	"Company Portal.app/Contents/MacOS/Company Portal",
	"sendEvent(featureArea:type:eventTitle:duration:result:target:location:resultData:error:context)",
	"WorkPlaceJoinState(rawValue: 2)", "login.keychain-db",
}

func newRedactor(text string) *redact.Redactor {
	r := redact.New(redact.Options{Users: []string{"Mia Keller"}})
	r.LearnText(text)
	return r
}

func TestNothingPlantedSurvives(t *testing.T) {
	whole := strings.Join(document, "\n")
	for _, value := range planted {
		if !strings.Contains(whole, value) {
			t.Errorf("%q is not planted", value)
		}
	}
	r := newRedactor(whole)
	text := r.Text(whole)
	for _, value := range planted {
		if strings.Contains(strings.ToLower(text), strings.ToLower(value)) {
			t.Errorf("%q survives in\n%s", value, text)
		}
	}
	if again := r.Text(text); again != text {
		t.Errorf("redacted twice:\n%s\nonce:\n%s", again, text)
	}
	if other := newRedactor(text).Text(text); other != text {
		t.Errorf("redacted by another redactor:\n%s\nby one:\n%s", other, text)
	}
}

func TestTheSameIsCalledTheSame(t *testing.T) {
	r := newRedactor(strings.Join(document, "\n"))
	for _, same := range [][]string{
		{"mia.keller", "MIA.KELLER", "Mia.Keller"},
		{"34b1ba9a-3b2d-4c6c-ab4b-615f4b143eab", "34B1BA9A-3B2D-4C6C-AB4B-615F4B143EAB"},
		{"Mia.Keller@contoso.example.org", "mia.keller%40contoso.example.org"},
		{"Mia’s MacBook Air (2)", "Mia's MacBook Air (2)"},
	} {
		for _, one := range same[1:] {
			if got, want := r.Text(one), r.Text(same[0]); got != want {
				t.Errorf("%q is %q, %q is %q", one, got, same[0], want)
			}
		}
	}
	if r.Text("10.20.30.40") == r.Text("203.0.113.77") {
		t.Error("two addresses have one pseudonym")
	}
	if user, upn := r.Text("mia.keller"), r.Text("mia.keller@contoso.example.org"); !strings.HasPrefix(upn, user+"@") {
		t.Errorf("user is %q, sign-in name %q", user, upn)
	}
}

func TestWhatIsNotPersonalStays(t *testing.T) {
	r := newRedactor(strings.Join(document, "\n"))
	for _, value := range kept {
		if got := r.Text(value); got != value {
			t.Errorf("%q became %q", value, got)
		}
	}
}

// A value may be in the lines of a log below its label. Each line is a text of its own.
func TestLinesBelowALabel(t *testing.T) {
	lines := []string{"password: |", "  pl4nted one", "  pl4nted two", "port: 3", "tokens = (", "    pl4nted3,",
		"    pl4nted4", ");", "Authorization:", "  Bearer pl4nted.5",
		"secrets:", "- pl4nted6", "- pl4nted7", "name: password", "value: pl4nted8", "client_secret: >",
		"2026-05-07 19:48:34.701 | login | 22168 | Login started", "count: 2"}
	report := &timeline.Report{}
	for _, line := range lines {
		report.Lines = append(report.Lines, timeline.Line{Raw: line, Message: line})
	}
	if err := redact.Report(t.Context(), report, redact.New(redact.Options{})); err != nil {
		t.Fatal(err)
	}
	for i, line := range report.Lines {
		planted := strings.Contains(lines[i], "pl4nted")
		if strings.Contains(line.Raw+line.Message, "pl4nted") ||
			!planted && !strings.Contains(lines[i], ">") && line.Raw != lines[i] {
			t.Errorf("%q became %q, %q", lines[i], line.Raw, line.Message)
		}
	}
}

// A pair whose value is before its name may span several lines. If a text ends between the two, the value remains.
func TestAValueBeforeItsName(t *testing.T) {
	r := redact.New(redact.Options{})
	got := r.Text("{\n  \"value\" : \"pl4nted\",\n  \"key\" : \"password\"\n},\n{\n  \"value\" : \"30\",\n  \"key\" " +
		": \"timeout\"\n}")
	if strings.Contains(got, "pl4nted") || !strings.Contains(got, `"30"`) {
		t.Error(got)
	}
}

// A report is redacted in every text that it can contain: the planted values are in a log, and the report is built from
// that log.
func TestReport(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "Users", "mia.keller")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	start := "default 2020-04-26 22:06:15.055131 -0500 JamfAAD Launching Company Portal for mia.keller\n"
	lines := start
	for _, line := range document {
		lines += "error 2020-04-26 22:06:16.055131 -0500 JamfAAD No AAD ID found: " + line + "\n"
	}
	if err := os.WriteFile(filepath.Join(folder, "unified.log"), []byte(lines+strings.Join(document, "\n")),
		0o600); err != nil {
		t.Fatal(err)
	}
	logs, err := applog.Find(t.Context(), []string{folder}, applog.FindOptions{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := timeline.Build(t.Context(), logs, timeline.Options{Lines: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Attempts) == 0 || len(report.Lines) < len(document) {
		t.Fatalf("%d attempts, %d lines", len(report.Attempts), len(report.Lines))
	}
	if err := redact.Report(t.Context(), report, redact.New(redact.Options{Users: []string{"Mia Keller"}})); err !=
		nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.ToLower(strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\u0026`, "&").Replace(string(text)))
	for _, value := range planted {
		if strings.Contains(plain, strings.ToLower(value)) {
			t.Errorf("%q survives", value)
		}
	}
	if !report.Redacted {
		t.Error("the report does not say that it is redacted")
	}
}

func FuzzText(f *testing.F) {
	for _, line := range document {
		f.Add(line)
	}
	for _, entry := range plantedEntries(f) {
		f.Add(entry.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newRedactor(text)
		once := r.Text(text)
		if twice := r.Text(once); twice != once {
			t.Errorf("once  %q\ntwice %q", once, twice)
		}
		for _, value := range []string{"34b1ba9a-3b2d-4c6c-ab4b-615f4b143eab", "mia.keller@contoso.example.org"} {
			if got := r.Text(text + " " + value + " " + text); strings.Contains(got, value) {
				t.Errorf("%q survives in %q", value, got)
			}
		}
	})
}

// No text of a user in a log makes redacting slow: the time depends only on the length of a text.
func BenchmarkHostile(b *testing.B) {
	for _, one := range hostile {
		b.Run(one.name, func(b *testing.B) {
			text := strings.Repeat(one.text, 1<<20/len(one.text)) + one.text
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				newRedactor(text).Text(text)
			}
		})
	}
}

// TestHostileTextsTakeLinearTime compares the time for a text with the time for a text that is eight times as long.
func TestHostileTextsTakeLinearTime(t *testing.T) {
	for _, one := range hostile {
		once := func(size int) time.Duration {
			text := strings.Repeat(one.text, size/len(one.text))
			best := time.Hour
			for range 2 {
				begin := computed(t)
				r := redact.New(redact.Options{})
				r.LearnText(text)
				r.Text(text)
				best = min(best, computed(t)-begin)
			}
			return best
		}
		short, long := once(4<<10), once(32<<10)
		if long > 20*short+50*time.Millisecond {
			t.Errorf("%s: 4 KiB take %v, 32 KiB %v", one.name, short, long)
		}
	}
}

// computed is the CPU time of this process, which does not depend on the computer's other work.
func computed(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// hostile are pieces of long texts: none of them closes what it opens.
var hostile = []struct{ name, text string }{
	{"labels", "password="},
	{"keychain's attributes", `"labl"<blob>=`},
	{"keychain's accounts", `"acct"<blob>=`},
	{"keychain's other attributes", `"cenc"<blob>=`},
	{"pipes", "|"},
	{"pipes into sudo", "echo x | sudo -S "},
	{"here-strings", "sudo -S <<<"},
	{"bytes", "kSecValueData = <68 "},
	{"purposes", "PIN for a b c d "},
	{"sudo's log", "a : TTY=x USER=y "},
	{"labels with blanks", "password: "},
	{"quotes", `password="`},
	{"lines", "password=\"\n"},
	{"escapes", `password=\\\\\\\\"`},
	{"slashes", `\`},
	{"lists", "password=["},
	{"elements", "<password>"},
	{"keys", "<key>password</key>"},
	{"keys on lines", "<key>password</key>\n<string>"},
	{"blocks", "-----BEGIN PRIVATE KEY-----"},
	{"blocks on lines", "-----BEGIN PRIVATE KEY-----\nAAAA\n"},
	{"ends", "-----BEGIN X-----END"},
	{"urls", "https://a:b"},
	{"at", "a@"},
	{"percent", "%40"},
	{"spelled", "a%2Ea"},
	{"escaped at", `\u0040a`},
	{"phones", "+1 2 3 "},
	{"domains", `AB\cd`},
	{"flags", "-p "},
	{"headers", "Authorization: Digest "},
	{"names", "displayName=Aa Bb "},
	{"claims", `"name":"Aa Bb",`},
	{"letters", "a"},
	{"hexadecimal", "0a:"},
	{"phrases", "password is "},
	{"accounts", "a:*:1:2:b:/bin/"},
	{"homes", "/Users/a"},
	{"dots", "a.b."},
	{"new lines", "password:\n"},
	{"scalars", "password: |\n "},
	{"scalars in one line", "password: | "},
	{"lists on lines", "password = (\n"},
	{"dictionaries", "password={"},
	{"brackets", "password(password["},
	{"values", `"value":"a",`},
	{"values without names", "value=1 "},
	{"cookies", "<NSHTTPCookie value:"},
	{"escaped labels", "%70%61"},
	{"invisible characters", "a\u200b"},
	{"wide labels", "\u043f="},
	{"computers", "Mia's MacBook of "},
	{"words before computers", "A's iMac Mac "},
	{"accounts in sentences", "account a.bc "},
	{"names of directories", `cn=Aa\, `},
	{"national numbers", "0151 "},
	{"american numbers", "(555) 555-"},
	{"codes", "code: 123456 "},
	{"machines", "machine login password "},
	{"tokens", "ghp_sk-"},
	{"webhooks", "hooks.slack.com/services/"},
	{"groups", "ABCD-"},
	{"servers", `\\a\users\b`},
}

func BenchmarkText(b *testing.B) {
	r := newRedactor(strings.Join(document, "\n"))
	b.SetBytes(int64(len(strings.Join(document, "\n"))))
	for b.Loop() {
		for _, line := range document {
			r.Text(line)
		}
	}
}

// BenchmarkLog redacts a typical log as a whole.
func BenchmarkLog(b *testing.B) {
	var log strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&log, "2025-08-30 17:14:%02d.%03d | login | 22168 | LoginManager.swift: 134 "+
			"(login(customWebview:loginParentView:onStateChanged:onComplete:)) | Login state changed from "+
			"'NotLoggedIn' to 'FetchingAadIntuneToken', result=Failed; code = 66\n", i/1000%60, i%1000)
		fmt.Fprintf(&log, "2025-08-30 17:14:44.107 | TID=22157 MSAL 1.9.0 Mac 15.6.1 [2025-08-30 17:14:44 - "+
			"DE0E4CE9-1961-49EA-811C-0A224969C591] [MSAL] networkHost: login.microsoftonline.com, cacheHost: "+
			"login.windows.net\n")
	}
	b.SetBytes(int64(log.Len()))
	for b.Loop() {
		r := redact.New(redact.Options{Users: []string{"Mia Keller"}})
		if err := errors.Join(r.LearnFrom(b.Context(), strings.NewReader(log.String())),
			r.Copy(b.Context(), io.Discard, strings.NewReader(log.String()))); err != nil {
			b.Fatal(err)
		}
	}
}
