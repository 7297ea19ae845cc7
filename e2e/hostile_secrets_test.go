//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/sim/mac"
)

// secretsInLogs are lines as programs write them into a user's logs, each with a secret that must not leave the Mac.
var secretsInLogs = map[string][]string{
	"client_secret=Qm9:x~88-planted-1":                                           {"planted-1"},
	"Authorization: Negotiate cGxhbnRlZC0y":                                      {"cGxhbnRlZC0y"},
	`{"password":"p with blanks planted-3"}`:                                     {"planted-3"},
	"GET https://login.example/cb?code=0.AXplanted-4&state=1":                    {"planted-4"},
	"Cookie: ESTSAUTH=planted-5; buid=planted-6":                                 {"planted-5", "planted-6"},
	"-----BEGIN PRIVATE KEY----- cGxhbnRlZC03 -----END PRIVATE KEY-----":         {"cGxhbnRlZC03"},
	`account PLANTED8\quinn.planted9 signed in, displayName="Quentin Planted10"`: {"PLANTED8", "planted9", "Planted10"},
}

// The secrets in a user's logs are in no redacted bundle or page, neither the user's nor root's. The code that explains
// the failure remains.
func TestSecretsOfAUsersLogsStayOnTheMac(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("p-jane")
	s.controlAs(jane, 0, "register", "--wait")
	at := time.Now().Format("Mon Jan _2 15:04:05") + " mias-mac jamf[512]: "
	log := at + "Executing Policy Register with Entra\n"
	for line := range secretsInLogs {
		log += at + line + "\n"
	}
	log += at + "Error: AADSTS50076\n"
	s.does(jane, "mkdir -p Library/Logs/JAMF; cat >Library/Logs/JAMF/jamf.log <<'END'\n"+log+"END")
	closed, open := map[string]string{}, map[string]string{} // redacted, and in full
	for who, control := range map[string]func(int, ...string) mac.Result{
		"root": s.control,
		"Jane": func(exit int, arguments ...string) mac.Result { return s.controlAs(jane, exit, arguments...) },
	} {
		folder := filepath.Join(jane.Home, "of-"+who)
		s.does(jane, "mkdir -m 0777 of-"+who)
		logs := filepath.Join(jane.Home, "Library/Logs")
		for _, redacted := range []bool{true, false} {
			to, flag := closed, "--redact"
			if !redacted {
				to, flag = open, "--no-redact"
			}
			page, bundle := filepath.Join(folder, flag+".html"), filepath.Join(folder, flag+".zip")
			control(0, "timeline", "--all", "--html", page, flag, logs)
			content, err := os.ReadFile(page)
			s.must(err)
			to["the page of "+who] = string(content)
			if redacted {
				control(0, "bundle", "--yes", "--user", jane.Name, "--output", bundle)
			} else {
				control(0, "bundle", "--yes", "--user", jane.Name, "--output", bundle, flag)
			}
			for name, content := range unzipped(t, bundle) {
				to["the bundle of "+who] += name + "\n" + content
			}
		}
	}
	for what, text := range closed {
		if !strings.Contains(text, "50076") {
			t.Errorf("%s does not have the code:\n%.2000s", what, text)
		}
		for line, secrets := range secretsInLogs {
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s has %q of %q", what, secret, line)
				}
				if !strings.Contains(open[what], secret) {
					t.Errorf("%s does not have %q even without redaction: this test shows nothing", what, secret)
				}
			}
		}
	}
}

// usher estimates no clock difference between two users' logs; it would move the events of one by the other's.
func TestClocksOfTwoUsersAreNotCompared(t *testing.T) {
	s := newStory(t, nil)
	jane, john := s.user("t-jane"), s.user("t-john")
	s.does(jane,
		`mkdir -p 'Library/Logs/Company Portal'
cat >'Library/Logs/Company Portal/com.microsoft.CompanyPortalMac.log' <<'END'
2026-04-27 12:00:00.000 VERB com.microsoft.ssp.telemetry TID=10971 AriaTelemetryService.swift: 283 (sendEvent(featureArea:type:eventTitle:)) Sending event using aria: InAppProcess : {
    context = partnerFlow;
    eventTitle = CompanyPortalExited;
    featureArea = General;
    result = Failed;
    resultData = 66;
}
END`)
	journal := func(of, at *mac.User) string {
		path := filepath.Join(at.Home, "Library/Logs/usher/journal.json")
		s.does(at, "mkdir -p Library/Logs/usher; cat >'"+path+"' <<'END'\n"+
			fmt.Sprintf(
				`{"schema": "usher.v1", "command": "registrations show", "data": {"id": "0199b3a2-4c1d-7000-8000-000000000001", "kind": "REGISTRATION_KIND_REGISTER", "user": {"name": %q, "uid": %d}, "state": "REGISTRATION_STATE_FAILED", "failure_reason": "FAILURE_REASON_PORTAL_FAILED", "failure_detail": "it ended", "portal_exit": {"code": 66, "name": "registrationDeviceCapError"}, "transitions": [{"state": "REGISTRATION_STATE_LAUNCHING_PORTAL", "time": "2026-04-27T12:00:40.000Z", "evidence": "seen"}, {"state": "REGISTRATION_STATE_FAILED", "time": "2026-04-27T12:01:30.000Z", "evidence": "seen"}], "milestones": []}}
`, of.Name, of.UID)+"END")
		return path
	}
	skews := func() int {
		return len(decode[struct {
			Data struct{ Skews []any }
		}](t, s.control(0, "timeline", "--zone", "UTC", "--json", jane.Home, john.Home).Stdout).Data.Skews)
	}
	path := journal(john, john)
	if found := skews(); found != 0 {
		t.Errorf("%d differences between the clocks of two users", found)
	}
	s.must(os.Remove(path))
	journal(jane, jane)
	if found := skews(); found != 1 {
		t.Errorf("%d differences between the clocks of one user's logs", found)
	}
}

// The keys of a fleet are written into no folder of another user, whatever path leads there.
func TestKeysOfAFleetGoIntoNoFolderOfOthers(t *testing.T) {
	s := newStory(t, nil)
	jane, john := s.user("k-jane"), s.user("k-john")
	s.does(jane, "chmod 0755 .; mkdir mine; mkdir -m 0777 open; umask 002; mkdir group; ln -s '"+s.Directory+"' out")
	initialise := func(u *mac.User, directory string) mac.Result {
		t.Helper()
		arguments := []string{"fleet", "init", "--server", "nats.example.org", "--output", directory}
		result, err := s.Control(s.ctx, arguments...)
		if u != nil {
			result, err = u.Control(s.ctx, arguments...)
		}
		s.must(err)
		return result
	}
	for what, test := range map[string]struct {
		by   *mac.User
		into string
	}{
		"root into Jane's":       {nil, filepath.Join(jane.Home, "mine", "fleet")},
		"root into an empty one": {nil, filepath.Join(jane.Home, "mine")},
		"root by her link":       {nil, filepath.Join(jane.Home, "out", "fleet")},
		"John into one for all":  {john, filepath.Join(jane.Home, "open", "fleet")},
		"Jane into one for all":  {jane, filepath.Join(jane.Home, "open", "fleet")},
	} {
		if result := initialise(test.by, test.into); result.ExitCode == 0 ||
			!strings.Contains(result.Stderr, "hint: use a folder of your own") {
			t.Errorf("%s: %d: %s", what, result.ExitCode, result.Stderr)
		}
		if entries, err := os.ReadDir(test.into); len(entries) > 0 {
			t.Errorf("%s wrote %v (%v)", what, entries, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(s.Directory, "fleet")); err == nil {
		t.Error("root followed a link of Jane's")
	}
	for _, own := range []string{"mine/fleet", "group/fleet"} {
		if result := initialise(jane, filepath.Join(jane.Home, own)); result.ExitCode != 0 {
			t.Errorf("Jane into %s: %s", own, result.Stderr)
		}
	}
}
