//go:build linux

package e2e

import (
	"strings"
	"testing"

	"usher.internal/sim/mac"
	"usher.internal/sim/session"
)

const entraDevice = "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe"

// notRun checks that no Company Portal ran for the user.
func (s *story) notRun(u *mac.User) {
	s.t.Helper()
	runs, err := u.PortalRuns()
	s.must(err)
	if len(runs) != 0 {
		s.t.Errorf("Company Portal ran: %v", runs)
	}
}

// Where Microsoft's Platform SSO is configured only the user can register. Company Portal never runs, and the policy
// learns at once where the user has to go.
func TestRegisterBesidePlatformSSO(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.start()
	jane := s.known("p-jane")
	registered := session.AppSSO{State: session.Registered, UPN: "jane@example.com", TenantID: mac.TenantID,
		DeviceID: entraDevice}
	link := "x-apple.systempreferences:com.apple.Users-Groups-Settings.extension?showinfo*user:" + jane.Name
	for _, step := range []struct {
		name, state string
		settings    session.AppSSO
	}{
		{"configured", "PSSO_CONFIGURED", session.AppSSO{State: session.Configured}},
		{"a user who never registered", "USER_NOT_REGISTERED",
			session.AppSSO{State: session.Registered, User: session.UserNone, TenantID: mac.TenantID,
				DeviceID: entraDevice}},
		{"a user to be registered again", "NEEDS_REGISTRATION",
			session.AppSSO{State: session.Registered, User: session.UserNeedsRegistration, TenantID: mac.TenantID,
				DeviceID: entraDevice}},
		{"an invalid key", "USER_KEY_INVALID",
			session.AppSSO{State: session.Registered, User: session.UserKeyInvalid, UPN: "jane@example.com",
				TenantID: mac.TenantID, DeviceID: entraDevice}},
		{"a state that nobody knows", "CANNOT_TELL",
			session.AppSSO{State: session.Registered, User: session.UserUnknown, UPN: "jane@example.com",
				TenantID: mac.TenantID, DeviceID: entraDevice}},
	} {
		s.must(jane.SetAppSSO(step.settings))
		result := s.control(26, "register", "--user", jane.Name, "--wait")
		if !strings.Contains(result.Stderr, step.state) || !strings.Contains(result.Stderr, link) {
			t.Errorf("%s: %s", step.name, result.Stderr)
		}
		s.notRun(jane)
	}
	result := s.control(26, "register", "--user", jane.Name, "--wait", "--json")
	if !strings.Contains(result.Stdout, `"reason":"PLATFORM_SSO_USER_ACTION"`) {
		t.Errorf("--json: %s", result.Stdout)
	}
	s.wantInJamfPro(map[string]string{"Usher Registration Result": "FAILED: PLATFORM_SSO_USER_ACTION"})

	// app-sso does not answer, and a profile names Microsoft's Platform SSO. Then the profile names another one, and
	// Company Portal may run.
	s.must(jane.SetAppSSO(session.AppSSO{Trouble: session.Trouble{Garbage: "Segmentation fault: 11", ExitCode: 139}}))
	s.must(s.SetProfile("com.microsoft.CompanyPortalMac.ssoextension"))
	s.control(26, "register", "--user", jane.Name, "--wait")
	s.notRun(jane)

	// The user followed macOS; the rest is as usual.
	s.must(jane.SetAppSSO(registered))
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.notRun(jane)
	s.wantInJamfPro(map[string]string{"Usher Registration Result": "SUCCEEDED", "Usher Entra Device ID": entraDevice,
		"Usher User Principal Name": "jane@example.com"})

	s.must(s.SetProfile(session.OktaExtension))
	s.must(jane.SetAppSSO(session.AppSSO{Trouble: session.Trouble{Garbage: "Segmentation fault: 11", ExitCode: 139}}))
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.ranOnce(jane)
}

// macOS masks the user's name; the directory does not, with a session or without one.
func TestDirectoryNamesTheUser(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.start()
	jane := s.known("p-ann")
	s.must(jane.SetAppSSO(session.AppSSO{State: session.Registered, UPN: "jane@example.com", KerberosEmpty: true,
		TenantID: mac.TenantID, DeviceID: entraDevice}))
	if got := s.look(jane); got.Identity.UserPrincipalName != "" {
		t.Errorf("a masked name was taken: %q", got.Identity.UserPrincipalName)
	}
	s.must(s.SetDirectory(jane.Name, "PlatformSSO:jane@example.com"))
	s.control(0, "gather", "--user", jane.Name)
	s.wantInJamfPro(map[string]string{"Usher User Principal Name": "jane@example.com",
		"Usher Entra Device ID": entraDevice})

	s.must(jane.Agent.Stop())
	_, err := s.Helper.WaitLog(s.ctx, "session ended", 0)
	s.must(err)
	s.must(s.SetDirectory(jane.Name, "PlatformSSO:jane.doe@example.com"))
	before := s.userStatuses()[jane.Name]
	got := s.look(jane)
	if got.Identity.State != before.Identity.State || !got.LookTime.Equal(before.LookTime) {
		t.Errorf("the user's state has changed without a session: %+v", got)
	}
	for _, evidence := range got.Evidence {
		if evidence.Source == "IDENTITY_SOURCE_DIRECTORY" {
			if evidence.UserPrincipalName != "jane.doe@example.com" {
				t.Errorf("the directory: %+v", evidence)
			}
			return
		}
	}
	t.Errorf("no evidence of the directory: %+v", got.Evidence)
}

// A source that is not configured is not read for the state. usherd still sees that Company Portal must not run,
// without any profile as a file.
func TestRegisterBesidePlatformSSOThatIsNoSource(t *testing.T) {
	s := newStory(t, map[string]any{"identity.sources": []string{"login_keychain"}})
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("p-eve")
	s.must(jane.SetAppSSO(session.AppSSO{State: session.Configured}))
	result := s.control(26, "register", "--user", jane.Name, "--wait")
	if !strings.Contains(result.Stderr, "identity.sources") ||
		!strings.Contains(result.Stderr, "x-apple.systempreferences:") {
		t.Errorf("the error does not name the fix: %s", result.Stderr)
	}
	s.notRun(jane)
	s.must(jane.SetAppSSO(session.AppSSO{State: session.Registered, Extension: session.OktaExtension}))
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.ranOnce(jane)
}
