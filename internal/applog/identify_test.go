package applog_test

import (
	"os"
	"strings"
	"testing"

	"usher.internal/internal/applog"
)

func TestIdentify(t *testing.T) {
	cases := []struct {
		name, text string
		want       applog.Format
		usable     bool
	}{
		{"the log of Intune's agent",
			"2024-05-15 02:15:12:703 | IntuneMDM-Daemon | I | 11254 | SyncActivityTracer | x\r\n", applog.IntuneAgent,
			false},
		{"the same, copied from a page", "2024-05-15 02:15:12:703 | IntuneMDM-Daemon | I | 1 | A | &lt;private&gt;\n",
			applog.IntuneAgent, false},
		{"a runner's output of a script", "Exit code: 0 (Script ran successfully.)\n\nOutput:\n\nall is well\n",
			applog.ScriptOutput, false},
		{"a runner's output of a log",
			"Exit code: 0 (Script ran successfully.)\nOutput:\n2026-09-03 13:00:37.079232-0400  localhost " +
				"AppSSOAgent[1095]: x\n", applog.UnifiedSyslog, true},
		{"a script's log", "2026-08-20 12:00:00 - INFO - Starting\n2026-08-20 12:00:01 - INFO - Done\nbye\n",
			applog.ScriptOutput, false},
		{"a script's log with times in brackets", "[2026/08/20 12:00:00] INFO Starting\n[2026/08/20 12:00:01] Done\n",
			applog.ScriptOutput, false},
		{"an error", `Error Domain=MSALErrorDomain Code=-50005 "(null)"`, applog.ErrorText, false},
		{"jamf.log", "Wed Feb 01 09:12:03 MacBook Air jamf[335]: Enroll return code: 70\n", applog.JamfLog, true},
		{"nothing", "", "", false},
		{"prose", "what is this\nand this\n", "", false},
	}
	for _, c := range cases {
		got, ok := applog.Identify(c.text)
		if ok != (c.want != "") || got.Format != c.want ||
			ok && (got.Usable != c.usable || got.Name == "" || !strings.HasSuffix(got.Advice, ".")) {
			t.Errorf("%s: %+v, %t", c.name, got, ok)
		}
	}
}

// Every log in the test data is recognised as one that usher reads, and every format has a name.
func TestIdentifyTestdata(t *testing.T) {
	for _, name := range []string{"companyportal-traps", "jamf-names", "unified-ndjson", "usher", "self-service",
		"msal-traps", "sso-traps"} {
		content, err := os.ReadFile("testdata/" + name + ".log")
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := applog.Identify(string(content)); !ok || !got.Usable {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
}
