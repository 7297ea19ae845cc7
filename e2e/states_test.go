//go:build linux

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"usher.internal/internal/config"
	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
	"usher.internal/sim/session"
)

// everySource has agents look at every source.
func everySource(more map[string]any) map[string]any {
	settings := map[string]any{"identity.sources": config.IdentitySources()}
	for key, value := range more {
		settings[key] = value
	}
	return settings
}

// While usherd restarts, or does not run, Jamf's extension attributes keep their values for a day: no smart group
// changes for a moment.
func TestAttributesWhileUsherdDoesNotRun(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("ea-jane")
	s.control(0, "register", "--user", jane.Name, "--wait")
	names := []string{"state", "result", "device-id", "upn", "user", "as-of"}
	all := func() (values []string) {
		for _, name := range names {
			values = append(values, s.control(0, "ea", name).Stdout)
		}
		return values
	}
	kept := filepath.Join(s.StateDirectory(), "status.last.json")
	last := func() string { content, _ := os.ReadFile(kept); return string(content) }
	want := all()
	if !strings.Contains(last(), "REGISTERED") {
		t.Fatalf("the kept values are %s", last())
	}
	s.KillHelper()
	if got := all(); !slices.Equal(got, want) {
		t.Errorf("without usherd the attributes are %q, want %q", got, want)
	}
	if said := s.control(0, "ea", "state").Stderr; !strings.Contains(said,
		"usherd does not answer; this is what it said ") {
		t.Errorf("the age is missing: %q", said)
	}
	// Users see the answers of usherd, and nothing of the file.
	if got := s.controlAs(jane, 0, "ea", "state").Stdout; !strings.HasPrefix(got,
		"<result>usher: usherd cannot be reached") {
		t.Errorf("a user is shown %q", got)
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	s.must(os.Chtimes(kept, yesterday, yesterday))
	if got := s.control(0, "ea", "state").Stdout; !strings.HasPrefix(got, "<result>usher: usherd cannot be reached") {
		t.Errorf("after a day it is still %q", got)
	}
}

// userStatus is one user in `usherctl status --json`.
type userStatus struct {
	User     struct{ Name string }
	Identity struct {
		State, Rule, Detail, Source string
		DeviceID                    string `json:"device_id"`
		TenantID                    string `json:"tenant_id"`
		OtherIdentities             []struct {
			DeviceID string `json:"device_id"`
			TenantID string `json:"tenant_id"`
		} `json:"other_identities"`
		UserPrincipalName string `json:"user_principal_name"`
		Contradictions    []struct{ Name string }
	}
	Evidence []seen
	LookTime time.Time `json:"look_time"`
	Change   struct {
		Old string `json:"old_device_id"`
		New string `json:"new_device_id"`
	} `json:"device_id_change"`
	Session *struct{}
}

// seen is the status of a source.
type seen struct {
	Source, Finding, Obstacle, Possession, Detail string
	UserPrincipalName                             string    `json:"user_principal_name"`
	ObserveTime                                   time.Time `json:"observe_time"`
}

// userStatuses asks for the status of everybody, as root.
func (s *story) userStatuses(arguments ...string) map[string]userStatus {
	s.t.Helper()
	result, err := s.Control(s.ctx, append([]string{"status", "--json"}, arguments...)...)
	s.must(err)
	found := map[string]userStatus{}
	for _, user := range decode[struct {
		Data struct{ Users []userStatus }
	}](s.t, result.Stdout).Data.Users {
		user.Identity.State = strings.TrimPrefix(user.Identity.State, "IDENTITY_STATE_")
		found[user.User.Name] = user
	}
	return found
}

// look has everybody looked at, and returns the user's state after that.
func (s *story) look(u *mac.User) userStatus {
	s.t.Helper()
	return s.userStatuses("--look")[u.Name]
}

// ranPortal runs the user's Company Portal by hand; the settings say what it leaves.
func (s *story) ranPortal(u *mac.User, leave string) {
	s.t.Helper()
	s.must(u.SetPortal(mac.PortalSettings{"leave": leave, "wait": "1ms"}))
	result, err := u.Run(s.ctx, s.Programs.Portal, "-r")
	s.must(err)
	if result.ExitCode != 0 {
		s.t.Fatalf("Company Portal ended with %d: %s", result.ExitCode, result.Stderr)
	}
}

// gathered runs Jamf's own program by hand in the user's session.
func (s *story) gathered(u *mac.User, settings session.JamfAgent) {
	s.t.Helper()
	s.must(u.SetJamfAgent(settings))
	result, err := u.Run(s.ctx, s.Programs.JamfAgent, "gatherAADInfo")
	s.must(err)
	if result.ExitCode != 0 {
		s.t.Fatalf("gatherAADInfo ended with %d: %s", result.ExitCode, result.Stderr)
	}
}

// complies sets the Mac's compliance in Jamf Pro.
func (s *story) complies(state string, deviceIDs ...string) {
	s.t.Helper()
	computer, _ := s.jamfPro.Computer(mac.UDID)
	s.must(s.jamfPro.SetCompliance(computer.ID,
		[]jamfpro.Compliance{{Applicable: state != "", State: cmp.Or(state, "UNKNOWN"), Vendor: "INTUNE",
			DeviceIDs: deviceIDs}}))
}

// conditionalAccess writes Jamf's settings on the Mac.
func (s *story) conditionalAccess(enabled bool) {
	s.t.Helper()
	content, err := plist.Marshal(map[string]any{"microsoftCAEnabled": enabled}, plist.BinaryFormat)
	s.must(err)
	s.must(os.WriteFile(s.JamfPreferences(), content, 0o644))
}

// Every state is really reached, reported by status and by the exit code, delivered, and visible in Jamf Pro.
func TestEveryState(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.start()
	jane := s.known("s-jane")
	const other = "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe"
	registered := session.AppSSO{State: session.Registered, UPN: "jane@example.com", TenantID: mac.TenantID,
		DeviceID: other}
	enclave := session.JamfAgent{DeviceID: other, TenantID: mac.TenantID, UPN: "jane@example.com"}
	appSSO := func(change func(*session.AppSSO)) func() {
		return func() {
			settings := registered
			change(&settings)
			s.must(jane.SetAppSSO(settings))
		}
	}
	var device string
	for _, step := range []struct {
		name     string
		arrange  func()
		state    string
		exitCode int
		source   string
	}{
		{"nothing", func() {}, "NOT_REGISTERED", 7, "LOGIN_KEYCHAIN"},
		{"device compliance is off", func() { s.conditionalAccess(false) }, "NOT_APPLICABLE", 12, ""},
		{"a profile for Platform SSO",
			func() { s.conditionalAccess(true); s.must(jane.SetAppSSO(session.AppSSO{State: session.Configured})) },
			"PSSO_CONFIGURED", 7, ""},
		{"registered with it", appSSO(func(*session.AppSSO) {}), "REGISTERED_NOT_REPORTED", 21, "PLATFORM_SSO"},
		{"asked to sign in again", appSSO(func(a *session.AppSSO) { a.User = session.UserNeedsNewKeys }), "PENDING", 8,
			"PLATFORM_SSO"},
		{"signed in", appSSO(func(*session.AppSSO) {}), "REGISTERED_NOT_REPORTED", 21, "PLATFORM_SSO"},
		{"asked a second time", appSSO(func(a *session.AppSSO) { a.User = session.UserNeedsNewKeys }), "PENDING", 8,
			"PLATFORM_SSO"},
		{"signed in again", appSSO(func(*session.AppSSO) {}), "REGISTERED_NOT_REPORTED", 21, "PLATFORM_SSO"},
		{"asked a third time", appSSO(func(a *session.AppSSO) { a.User = session.UserNeedsNewKeys }), "NEEDS_KEYS", 9,
			"PLATFORM_SSO"},
		{"the key is invalid", appSSO(func(a *session.AppSSO) { a.User = session.UserKeyInvalid }), "USER_KEY_INVALID",
			9, "PLATFORM_SSO"},
		{"a new user", appSSO(func(a *session.AppSSO) { a.User = session.UserNewByNumber }), "NEEDS_BINDING", 9,
			"PLATFORM_SSO"},
		{"a user who never registered", appSSO(func(a *session.AppSSO) { a.User = session.UserNone }),
			"USER_NOT_REGISTERED", 9, "PLATFORM_SSO"},
		{"a state that nobody knows", appSSO(func(a *session.AppSSO) { a.User = session.UserUnknown }), "CANNOT_TELL",
			8, "PLATFORM_SSO"},
		{"to be registered again", appSSO(func(a *session.AppSSO) { a.User = session.UserNeedsRegistration }),
			"NEEDS_REGISTRATION", 9, "PLATFORM_SSO"},
		{"its certificate is old", appSSO(func(a *session.AppSSO) { a.Certificate = session.CertificateExpired }),
			"EXPIRED", 9, "PLATFORM_SSO"},
		{"in another tenant", appSSO(func(a *session.AppSSO) { a.TenantID = other }), "TENANT_MISMATCH", 9,
			"PLATFORM_SSO"},
		{"needs repair", func() {
			s.must(jane.SetAppSSO(registered))
			s.must(jane.SetJamfAgent(session.JamfAgent{Status: 3, DeviceID: other}))
		}, "NEEDS_REPAIR", 9, "PLATFORM_SSO"},
		{"in the Secure Enclave only",
			func() { s.must(jane.SetAppSSO(session.AppSSO{})); s.must(jane.SetJamfAgent(enclave)) },
			"REGISTERED_NOT_REPORTED", 21, "SECURE_ENCLAVE"},
		{"Jamf has acquired it", func() { s.gathered(jane, enclave) }, "REGISTERED", 0, "SECURE_ENCLAVE"},
		{"Jamf has given up", func() {
			s.gathered(jane, session.JamfAgent{Gather: session.GatherDeactivates})
			s.ranPortal(jane, "all")
		}, "DEACTIVATED", 21, "LOGIN_KEYCHAIN"},
		{"and acquires it again", func() { s.gathered(jane, session.JamfAgent{}) }, "REGISTERED", 0, "LOGIN_KEYCHAIN"},
		{"compliant", func() { device = s.look(jane).Identity.DeviceID; s.complies("COMPLIANT", device) }, "COMPLIANT",
			0, "LOGIN_KEYCHAIN"},
		{"not compliant", func() { s.complies("NON_COMPLIANT", device) }, "NON_COMPLIANT", 22, "LOGIN_KEYCHAIN"},
		{"not calculated", func() { s.complies("UNKNOWN", device) }, "COMPLIANCE_UNKNOWN", 0, "LOGIN_KEYCHAIN"},
		{"linked to another device", func() { s.complies("COMPLIANT", other) }, "DEVICE_ID_CHANGED", 21,
			"LOGIN_KEYCHAIN"},
		{"not applicable", func() { s.complies("") }, "REGISTERED", 0, "LOGIN_KEYCHAIN"},
		{"half a registration", func() { s.ranPortal(jane, "half") }, "ORPHANED", 9, "LOGIN_KEYCHAIN"},
		{"two", func() { s.ranPortal(jane, "two") }, "ORPHANED", 9, "LOGIN_KEYCHAIN"},
		{"somebody else's", func() { s.ranPortal(jane, "foreign_issuer") }, "ORPHANED", 9, "LOGIN_KEYCHAIN"},
		{"expired", func() { s.ranPortal(jane, "expired") }, "EXPIRED", 9, "LOGIN_KEYCHAIN"},
		{"of another tenant", func() { s.ranPortal(jane, "other_tenant") }, "TENANT_MISMATCH", 9, "LOGIN_KEYCHAIN"},
		{"on a curve", func() { s.ranPortal(jane, "elliptic") }, "REGISTERED", 0, "LOGIN_KEYCHAIN"},
	} {
		step.arrange()
		got := s.look(jane)
		if got.Identity.State != step.state || !strings.HasSuffix(got.Identity.Source, step.source) {
			t.Fatalf("%s: %s by %q in %s (%s), want %s in %s\n%+v", step.name, got.Identity.State, got.Identity.Rule,
				got.Identity.Source, got.Identity.Detail, step.state, step.source, got.Evidence)
		}
		s.control(step.exitCode, "status", "--user", jane.Name)
		if step.exitCode != 8 { // an unknown state is not delivered
			s.wantInJamfPro(map[string]string{"Usher Registration State": step.state})
		}
		if got := s.control(0, "ea", "state").Stdout; got != "<result>"+step.state+"</result>\n" {
			t.Errorf("%s: the extension attribute is %s", step.name, got)
		}
	}

	// A source that could not be looked at is not reported as a change, and never as "not registered".
	s.must(jane.Keyring.Lock(s.ctx))
	if got := s.look(jane); got.Identity.State != "UNREADABLE" || got.Evidence[0].Obstacle != "OBSTACLE_LOCKED" {
		t.Errorf("locked: %s, %+v", got.Identity.State, got.Evidence)
	}
	s.control(8, "status", "--user", jane.Name)
	s.wantInJamfPro(map[string]string{"Usher Registration State": "REGISTERED"})
	s.must(jane.Keyring.Unlock(s.ctx))

	// Without Company Portal nobody can register; a registered user is not affected.
	s.must(s.StopHelper())
	s.must(s.Set(map[string]any{"portal.executable": s.Programs.Portal + ".gone"}))
	s.start()
	john := s.known("s-john")
	_, err := s.Helper.WaitLog(s.ctx, "session connected", 1)
	s.must(err)
	all := s.userStatuses("--look")
	if got := all[john.Name].Identity.State; got != "PORTAL_MISSING" {
		t.Errorf("without Company Portal: %s", got)
	}
	if got := all[jane.Name].Identity.State; got != "REGISTERED" {
		t.Errorf("registered without Company Portal: %s", got)
	}
	// Of two users the registered one is the primary user. One who logs out keeps their state.
	for key, want := range map[string]string{"state": "REGISTERED", "other-users": john.Name + ": PORTAL_MISSING"} {
		if got := s.control(0, "ea", key).Stdout; got != "<result>"+want+"</result>\n" {
			t.Errorf("two users: %s is %s", key, got)
		}
	}
	s.must(john.Agent.Stop())
	_, err = s.Helper.WaitLog(s.ctx, "session ended", 0)
	s.must(err)
	before := all[john.Name].LookTime
	if got := s.look(john); got.Identity.State != "PORTAL_MISSING" || got.Session != nil ||
		!got.LookTime.Equal(before) {
		t.Errorf("logged out: %+v", got)
	}
	// A user who was never looked at has no session.
	ann := s.user("s-ann")
	s.control(0, "gather", "--user", ann.Name, "--wait=false")
	if got := s.userStatuses()[ann.Name]; got.Identity.State != "NO_SESSION" {
		t.Errorf("never logged in: %+v", got)
	}
	s.control(5, "status", "--user", ann.Name)
}

// Sources that contradict each other are reported with both sides.
func TestContradictionsAreTold(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.start()
	jane := s.known("s-jane")
	s.ranPortal(jane, "all")
	s.must(jane.SetAppSSO(session.AppSSO{State: session.Registered, UPN: "jane@example.com", TenantID: mac.TenantID,
		DeviceID: "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe"}))
	got := s.look(jane)
	var names []string
	for _, one := range got.Identity.Contradictions {
		names = append(names, one.Name)
	}
	if listed := strings.Join(names, " "); listed !=
		"old-key-beside-platform-sso registered-beside-not-registered device-ids-differ" {
		t.Errorf("contradictions: %s", listed)
	}
	if got.Identity.Source != "IDENTITY_SOURCE_PLATFORM_SSO" {
		t.Errorf("the state follows %s", got.Identity.Source)
	}
	if problems := strings.Join(s.problems(), "\n"); !strings.Contains(problems, "usherctl clean") {
		t.Errorf("status does not name the fix: %s", problems)
	}
	// clean removes the leftover and keeps the registration.
	s.control(0, "clean", "--user", jane.Name, "--yes")
	got = s.look(jane)
	if len(got.Identity.Contradictions) != 1 || got.Identity.Source != "IDENTITY_SOURCE_PLATFORM_SSO" {
		t.Errorf("after cleaning: %+v", got.Identity)
	}
}

// The helper looks by itself at login and after a registration. Jamf Pro receives the changes, with the old and the new
// device if the device has changed. Unchanged results are not sent again.
func TestLooksByItself(t *testing.T) {
	s := newStory(t, everySource(map[string]any{"identity.look_automatically": true, "jamf.gather_after_portal": true}))
	s.withJamfPro()
	s.start()
	jane := s.known("s-jane")
	s.wantInJamfPro(map[string]string{"Usher Registration State": "NOT_REGISTERED"})
	waiting, err := s.StartControl("status", "--wait", "usable", "--timeout", "1m", "--user", jane.Name)
	s.must(err)
	s.control(0, "register", "--user", jane.Name, "--wait")
	select {
	case <-waiting.Done():
	case <-s.ctx.Done():
		t.Fatal("status --wait does not end")
	}
	if waiting.ExitCode() != 0 {
		t.Errorf("status --wait ended with %d: %s", waiting.ExitCode(), waiting.Log())
	}
	first := s.newest().Identity.DeviceID
	s.wantInJamfPro(map[string]string{"Usher Registration State": "REGISTERED",
		"Usher Registration Result": "SUCCEEDED", "Usher Entra Device ID": first})

	s.ranPortal(jane, "all") // another device
	second := s.look(jane)
	if second.Change.Old != first || second.Change.New != second.Identity.DeviceID ||
		first == second.Identity.DeviceID {
		t.Errorf("change: %+v", second)
	}
	s.wantInJamfPro(map[string]string{"Usher Entra Device ID": second.Identity.DeviceID,
		"Usher Registration Result": "SUCCEEDED"})
	computer, _ := s.jamfPro.Computer(mac.UDID)
	if change := computer.Value("Usher Device ID Change"); !strings.HasSuffix(change,
		": "+first+" became "+second.Identity.DeviceID) {
		t.Errorf("Jamf Pro has received the change: %q", change)
	}
	before := len(s.deliveries("--all"))
	s.look(jane)
	s.look(jane)
	if after := len(s.deliveries("--all")); after != before {
		t.Errorf("%d deliveries became %d although nothing had changed", before, after)
	}

	// The advice of `status` helps a user whom Jamf has given up on.
	s.gathered(jane, session.JamfAgent{Gather: session.GatherDeactivates})
	s.must(jane.SetJamfAgent(session.JamfAgent{}))
	if got := s.look(jane); got.Identity.State != "DEACTIVATED" {
		t.Errorf("given up: %s (%s)", got.Identity.State, got.Identity.Detail)
	}
	s.control(0, "gather", "--user", jane.Name)
	if got := s.look(jane); got.Identity.State != "REGISTERED" {
		t.Errorf("gathered: %s (%s)", got.Identity.State, got.Identity.Detail)
	}
}

// A copied certificate does not pass for a registration once its key has to sign.
func TestProofOfPossession(t *testing.T) {
	s := newStory(t, everySource(map[string]any{"identity.proof_of_possession": true}))
	s.withJamfPro()
	s.start()
	jane := s.known("s-jane")
	for leave, want := range map[string]string{"all": "PROVED", "negative_serial": "PROVED", "elliptic": "PROVED",
		"copied": "REFUTED"} {
		s.ranPortal(jane, leave)
		got := s.look(jane)
		if got.Evidence[0].Possession != "POSSESSION_"+want {
			t.Errorf("%s: %+v", leave, got.Evidence)
		}
		if registered := got.Identity.State != "ORPHANED"; registered != (want == "PROVED") {
			t.Errorf("%s: %s (%s)", leave, got.Identity.State, got.Identity.Detail)
		}
	}
}

// If a user's hung program blocks a look, the status reports that, and in time.
func TestSourcesThatHangOrAreBroken(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.start()
	jane := s.known("s-jane")
	s.must(jane.SetJamfAgent(session.JamfAgent{Old: true}))
	if got := s.look(jane); got.Identity.State != "UNREADABLE" || got.Evidence[2].Obstacle != "OBSTACLE_UNSUPPORTED" {
		t.Errorf("an old Jamf: %s, %+v", got.Identity.State, got.Evidence)
	}
	s.must(jane.SetJamfAgent(session.JamfAgent{}))
	s.must(jane.SetAppSSO(session.AppSSO{Trouble: session.Trouble{Garbage: "\x1b[31mDevice Registration: REGISTERED"}}))
	got := s.look(jane)
	if got.Identity.State != "UNREADABLE" || got.Evidence[1].Obstacle != "OBSTACLE_FAILED" ||
		strings.Contains(got.Identity.Detail, "\x1b") {
		t.Errorf("garbage: %+v", got)
	}
	s.must(jane.SetAppSSO(session.AppSSO{Trouble: session.Trouble{Hang: true}}))
	began := time.Now()
	if got := s.look(jane); got.Identity.State != "UNREADABLE" || got.Evidence[1].Obstacle != "OBSTACLE_UNAVAILABLE" {
		t.Errorf("it hangs: %s, %+v", got.Identity.State, got.Evidence)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("looking took %s", took)
	}
	// Registered anyway, where another source says so.
	s.ranPortal(jane, "all")
	if got := s.look(jane); got.Identity.State != "REGISTERED_NOT_REPORTED" {
		t.Errorf("registered beside it: %s (%s)", got.Identity.State, got.Identity.Detail)
	}
}

// known makes a user, logs them in, and returns when usherd knows the session, some milliseconds after it has let the
// agent in.
func (s *story) known(name string) *mac.User {
	s.t.Helper()
	u := s.loggedIn(name)
	_, err := s.Helper.WaitLog(s.ctx, fmt.Sprintf("msg=\"session connected\" uid=%d pid=%d ", u.UID, u.Agent.PID()), 0)
	s.must(err)
	return u
}
