//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
	"usher.internal/sim/session"
)

// says fails the test unless the output of a command holds every text.
func (s *story) says(what string, result mac.Result, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(result.Stdout+result.Stderr, text) {
			s.t.Errorf("%s does not say %q:\n%s%s", what, text, result.Stdout, result.Stderr)
		}
	}
}

// The leftovers of a stale registration are listed, removed from the real keyring and the home, and recorded; a healthy
// registration remains.
func TestClean(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.start()
	jane, john := s.loggedIn("t-jane"), s.loggedIn("t-john")
	s.ranPortal(jane, "half")
	s.gathered(jane, session.JamfAgent{})
	state := filepath.Join(jane.Home, "Library/Preferences/com.jamf.management.jamfAAD.plist")

	s.says("the list", s.control(0, "clean", "--user", jane.Name, "--dry-run"), "certificate",
		"com.microsoft.workplacejoin.thumbprint", "com.jamf.management.jamfAAD")
	if got := s.look(jane).Identity.State; got != "ORPHANED" {
		t.Fatalf("a dry run ended with %s", got)
	}
	s.says("without --yes", s.control(2, "clean", "--user", jane.Name), "--yes removes what is listed")
	s.controlAs(john, 4, "clean", "--user", jane.Name, "--yes")
	s.says("the removal", s.controlAs(jane, 0, "clean", "--yes"), "removed")
	if got := s.look(jane).Identity; got.State != "NOT_REGISTERED" || got.Rule != "nothing there" {
		t.Errorf("after the removal: %+v", got)
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("Jamf's state is still there: %v", err)
	}
	s.says("the record", s.control(0, "clean", "history"), jane.Name)
	if result := s.controlAs(john, 0, "clean", "history"); strings.Contains(result.Stdout, jane.Name) {
		t.Errorf("the record shows John something of Jane: %s", result.Stdout)
	}

	s.ranPortal(jane, "all")
	device := s.look(jane).Identity.DeviceID
	s.says("a healthy one", s.control(2, "clean", "--user", jane.Name, "--yes"), "nothing was removed", "--force")
	if got := s.look(jane).Identity.DeviceID; got != device || device == "" {
		t.Errorf("a healthy registration was touched: %q became %q", device, got)
	}
	s.must(jane.Keyring.Lock(s.ctx))
	s.control(8, "clean", "--user", jane.Name, "--yes")
	s.must(jane.Keyring.Unlock(s.ctx))
	s.control(0, "clean", "--user", jane.Name, "--yes", "--force")
	if got := s.look(jane).Identity.State; got != "NOT_REGISTERED" {
		t.Errorf("with force: %s", got)
	}
}

// The secret goes into a file that only root can read, and is never shown; without it doctor and check say so.
func TestJamfProIsSetUp(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	secret := s.Settings["delivery.api.client_secret_file"].(string)
	s.must(os.Remove(secret))
	s.start()
	jane := s.loggedIn("t-jane")
	s.says("doctor without a secret", s.control(19, "doctor", "--quiet"), secret)
	s.control(17, "jamf", "credentials", "check")

	set := exec.CommandContext(s.ctx, s.Programs.Control, "--config", s.ConfigFile(), "jamf", "credentials", "set")
	set.Stdin = strings.NewReader(jamfpro.DefaultClientSecret + "\n")
	if output, err := set.CombinedOutput(); err != nil ||
		strings.Contains(string(output), jamfpro.DefaultClientSecret) {
		t.Fatalf("set: %v: %s", err, output)
	}
	if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the secret's file is %v, %v", info, err)
	}
	s.control(2, "jamf", "credentials", "set", "a-secret")
	s.controlAs(jane, 4, "jamf", "credentials", "check")
	s.says("check", s.control(0, "jamf", "credentials", "check"), "Update Computers")

	s.says("a dry run", s.control(0, "jamf", "provision", "--dry-run"), "Usher Registration State")
	if made := len(s.jamfPro.Definitions()); made != 0 {
		t.Fatalf("a dry run made %d definitions", made)
	}
	s.control(0, "jamf", "provision")
	made := s.jamfPro.Definitions()
	if len(made) < 6 {
		t.Fatalf("definitions: %+v", made)
	}
	s.control(0, "jamf", "provision")
	if again := s.jamfPro.Definitions(); len(again) != len(made) {
		t.Errorf("provisioned twice, there are %d definitions and not %d", len(again), len(made))
	}
	s.control(0, "register", "--user", jane.Name, "--wait")
	for _, arguments := range [][]string{{"jamf", "credentials", "check", "--json"}, {"doctor", "--json"},
		{"status", "--json"}} {
		result, err := s.Control(s.ctx, arguments...)
		s.must(err)
		if strings.Contains(result.Stdout+result.Stderr, jamfpro.DefaultClientSecret) {
			t.Errorf("%v shows the secret", arguments)
		}
	}
	s.control(0, "jamf", "credentials", "remove")
	s.control(17, "jamf", "credentials", "check")
}

// Every check has its evidence, and the exit code is that of the worst result. A user sees nothing of others.
func TestDoctor(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.must(s.UseJamf(s.jamfSettings(registerScript, nil)))
	s.must(s.Set(map[string]any{"delivery.mode": "api"}))
	s.conditionalAccess(true)
	s.start()
	jane, john := s.loggedIn("t-jane"), s.loggedIn("t-john")
	checks := func(u *mac.User) map[string]string {
		t.Helper()
		run := s.Control
		if u != nil {
			run = u.Control
		}
		result, err := run(s.ctx, "doctor", "--json")
		s.must(err)
		found := map[string]string{}
		for line := range strings.Lines(strings.TrimSpace(result.Stdout)) {
			one := decode[struct {
				Data struct {
					Check struct{ Name, Result, Evidence, Fix, User string }
				}
			}](t, line).Data.Check
			if one.Name == "" {
				one = decode[struct {
					Data struct{ Name, Result, Evidence, Fix, User string }
				}](t, line).Data
			}
			if one.Evidence == "" || strings.HasSuffix(one.Result, "_FAILED") && one.Fix == "" {
				t.Errorf("%+v has no evidence or fix", one)
			}
			found[one.Name+" "+one.User] = strings.TrimPrefix(one.Result, "CHECK_RESULT_")
		}
		return found
	}
	all := checks(nil)
	for name, want := range map[string]string{
		"company-portal-installed ": "OK", "agent-connected " + jane.Name: "OK", "jamf-pro-token ": "OK",
		"conditional-access-enabled ":                "OK",
		"session-source-login-keychain " + jane.Name: "OK", "session-source-login-keychain " + john.Name: "OK",
	} {
		if all[name] != want {
			t.Errorf("%s is %q, want %s; all: %v", name, all[name], want, all)
		}
	}
	for name := range checks(john) {
		if strings.Contains(name, jane.Name) {
			t.Errorf("doctor shows John something of Jane: %s", name)
		}
	}
	s.must(jane.Keyring.Lock(s.ctx))
	if all := checks(nil); all["session-source-login-keychain "+jane.Name] != "FAILED" {
		t.Errorf("a locked keychain: %v", all)
	}
	s.says("doctor", s.control(19, "doctor", "--quiet"), "unlock the login keychain")
	s.must(s.StopHelper())
	s.says("without usherd", s.control(3, "doctor"), "usherd runs")
}

// The help desk reads a user's file without a helper.
func TestInspect(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.start()
	jane := s.user("t-jane")
	s.must(jane.SetAppSSO(session.AppSSO{State: session.Registered, UPN: "jane@example.com", TenantID: mac.TenantID,
		DeviceID: "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe"}))
	s.gathered(jane, session.JamfAgent{Status: 2, DeviceID: "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe",
		UPN: "jane@example.com"})
	s.must(s.StopHelper())
	for name, program := range map[string][]string{
		"app-sso": {s.Programs.AppSSO, "platform", "-s"}, "getPSSOStatus": {s.Programs.JamfAgent, "getPSSOStatus"},
	} {
		result, err := jane.Run(s.ctx, program[0], program[1:]...)
		s.must(err)
		file := filepath.Join(s.Directory, "sent")
		s.must(os.WriteFile(file, []byte(result.Stdout), 0o600))
		s.says(name, s.control(0, "inspect", file), "REGISTERED", "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe")
	}
	s.says("preferences", s.control(0, "inspect",
		filepath.Join(jane.Home, "Library/Preferences/com.jamf.management.jamfAAD.plist")), "have_an_Azure_id:  true",
		"what this file shows")
}
