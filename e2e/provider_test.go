//go:build linux

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/mac"
	"usher.internal/sim/session"
)

const (
	loginKeychain = "IDENTITY_SOURCE_LOGIN_KEYCHAIN"
	platformSSO   = "IDENTITY_SOURCE_PLATFORM_SSO"
)

// of returns the evidence of a source.
func (one userStatus) of(source string) (found []seen) {
	for _, e := range one.Evidence {
		if e.Source == source {
			found = append(found, e)
		}
	}
	return found
}

func (one userStatus) contradictions() string {
	var names []string
	for _, c := range one.Identity.Contradictions {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// lookedByItself logs a user in again, so that usherd looks at them, and returns their state after that.
func (s *story) lookedByItself(u *mac.User) userStatus {
	s.t.Helper()
	before := s.userStatuses()[u.Name].LookTime
	s.must(u.Agent.Stop())
	s.must(u.StartAgent(s.ctx))
	connection, err := link.Dial(s.HelperSocket(), uint32(os.Getuid()))
	s.must(err)
	defer connection.Close()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	stream, err := usherv1.NewStatusServiceClient(connection).WatchStatus(ctx, &usherv1.WatchStatusRequest{})
	s.must(err)
	for {
		message, err := stream.Recv()
		s.must(err)
		for _, user := range message.GetStatus().GetUsers() {
			if user.GetUser().GetName() == u.Name && user.GetSession() != nil &&
				contract.Time(user.GetLookTime()).After(before) {
				return s.userStatuses()[u.Name]
			}
		}
	}
}

// doctor is the output of `usherctl doctor`, with any exit code.
func (s *story) doctor() mac.Result {
	s.t.Helper()
	result, err := s.Control(s.ctx, "doctor")
	s.must(err)
	return result
}

// Okta's Platform SSO says nothing about Entra. A registration in the login keychain beside it is the user's
// registration, and clean does not remove it without force. Without a registration, Company Portal runs as if Platform
// SSO were absent.
func TestAnotherProvidersPlatformSSO(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.must(s.SetProfile(session.OktaExtension))
	s.start()
	jane := s.known("p-jane")
	s.must(jane.SetAppSSO(session.AppSSO{State: session.Registered, Extension: session.OktaExtension,
		UPN: "jane@example.okta.com", Certificate: session.CertificateNone}))
	s.ranPortal(jane, "all")
	s.gathered(jane, session.JamfAgent{})
	got := s.look(jane)
	if got.Identity.State != "REGISTERED" || got.Identity.Source != loginKeychain || got.Identity.DeviceID == "" ||
		got.contradictions() != "" {
		t.Fatalf("beside Okta's: %+v", got.Identity)
	}
	if of := got.of(platformSSO); len(of) != 1 || !strings.Contains(of[0].Detail, "Platform SSO of another provider") ||
		!strings.Contains(of[0].Detail, session.OktaExtension) {
		t.Errorf("the evidence does not name the provider: %+v", of)
	}
	s.wantInJamfPro(map[string]string{"Usher Registration State": "REGISTERED",
		"Usher Entra Device ID": got.Identity.DeviceID})

	// clean names it, in words and for programs, and leaves it untouched.
	s.says("clean", s.control(2, "clean", "--user", jane.Name, "--yes"), "nothing was removed",
		"device "+got.Identity.DeviceID, "login keychain, certificate ", session.OktaExtension, "--force")
	s.says("clean --dry-run", s.control(0, "clean", "--user", jane.Name, "--dry-run"), "device "+got.Identity.DeviceID)
	listed := decode[struct {
		Data struct {
			Objection string
			AtRisk    []struct {
				DeviceID, TenantID, Source, Place, Reason string
			} `json:"at_risk"`
		}
	}](t, strings.ReplaceAll(strings.ReplaceAll(
		s.control(0, "clean", "--user", jane.Name, "--dry-run", "--json").Stdout, `"device_id"`, `"DeviceID"`),
		`"tenant_id"`, `"TenantID"`)).Data
	if len(listed.AtRisk) != 1 || listed.AtRisk[0].DeviceID != got.Identity.DeviceID ||
		listed.AtRisk[0].TenantID != mac.TenantID || listed.AtRisk[0].Source != loginKeychain ||
		listed.AtRisk[0].Place == "" || listed.AtRisk[0].Reason == "" || listed.Objection == "" {
		t.Errorf("clean --dry-run --json: %+v", listed)
	}
	if again := s.look(jane); again.Identity.DeviceID != got.Identity.DeviceID || again.Identity.State != "REGISTERED" {
		t.Errorf("after clean: %+v", again.Identity)
	}

	// With force clean removes it, and status knows that without another look.
	s.control(0, "clean", "--user", jane.Name, "--yes", "--force")
	if got := s.userStatuses()[jane.Name]; got.Identity.State != "NOT_REGISTERED" || got.Identity.DeviceID != "" {
		t.Errorf("after clean --force: %+v", got.Identity)
	}
	before, err := jane.PortalRuns()
	s.must(err)
	s.control(0, "register", "--user", jane.Name, "--wait")
	after, err := jane.PortalRuns()
	s.must(err)
	fresh := s.newest().Identity.DeviceID
	if len(after) != len(before)+1 || fresh == "" || fresh == got.Identity.DeviceID {
		t.Errorf("register ran Company Portal %d times, and made %q", len(after)-len(before), fresh)
	}
	if got := s.look(jane); got.Identity.Source != loginKeychain || got.Identity.DeviceID != fresh {
		t.Errorf("registered: %+v", got.Identity)
	}
}

// Once Platform SSO holds the identity, usherd reads the login keychain only on request. The last reading remains, with
// its time, whatever happens to the keychain meanwhile.
func TestLoginKeychainIsReadOnDemandOnly(t *testing.T) {
	s := newStory(t, everySource(map[string]any{"identity.look_automatically": true}))
	s.withJamfPro()
	s.start()
	jane := s.known("p-jane")
	s.ranPortal(jane, "all")
	old := s.look(jane).Identity.DeviceID
	sso := session.AppSSO{State: session.Registered, UPN: "jane@example.com", TenantID: mac.TenantID,
		DeviceID: "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe"}
	s.must(jane.SetAppSSO(sso))
	first := s.look(jane)
	const oldKey = "old-key-beside-platform-sso"
	if first.Identity.Source != platformSSO || !strings.Contains(first.contradictions(), oldKey) ||
		first.Identity.DeviceID == old {
		t.Fatalf("beside Platform SSO: %+v", first.Identity)
	}
	read := first.of(loginKeychain)[0].ObserveTime

	unchanged := func(what string) {
		t.Helper()
		got := s.lookedByItself(jane)
		of := got.of(loginKeychain)
		if got.Identity.State != first.Identity.State || got.contradictions() != first.contradictions() ||
			got.Identity.DeviceID != first.Identity.DeviceID ||
			len(of) != 1 || of[0].Finding != "FINDING_FOUND" || !of[0].ObserveTime.Equal(read) {
			t.Errorf("%s: %+v, %+v", what, got.Identity, of)
		}
	}
	unchanged("as it was")
	s.must(jane.Keyring.Lock(s.ctx))
	unchanged("locked")
	s.must(s.StopHelper())
	s.start()
	s.must(jane.Agent.Stop())
	s.must(jane.StartAgent(s.ctx))
	unchanged("locked, and usherd started again")

	// A service that does not answer would delay a look that asks it.
	s.must(jane.Keyring.Suspend())
	began := time.Now()
	unchanged("the keychain's service hangs")
	s.says("doctor", s.doctor(), "It was not read: the identity is elsewhere")
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("it took %s", took)
	}
	s.must(jane.Keyring.Resume())

	// On request usherd reads the keychain; the earlier reading remains beside the note that it is locked now.
	asked := s.look(jane)
	of := asked.of(loginKeychain)
	if len(of) != 2 || of[0].Obstacle != "OBSTACLE_LOCKED" || !of[0].ObserveTime.After(read) ||
		of[1].Finding != "FINDING_FOUND" || !of[1].ObserveTime.Equal(read) ||
		asked.Identity.State != first.Identity.State || asked.contradictions() != first.contradictions() {
		t.Errorf("asked for, locked: %+v, %+v", asked.Identity, of)
	}
	s.must(jane.Keyring.Unlock(s.ctx))
	asked = s.look(jane)
	if of = asked.of(loginKeychain); len(of) != 1 || !of[0].ObserveTime.After(read) ||
		asked.contradictions() != first.contradictions() {
		t.Errorf("asked for, unlocked: %+v, %+v", asked.Identity, of)
	}

	// The old key is certainly superseded, so clean removes it without force, and nobody has to look again.
	s.control(0, "clean", "--user", jane.Name, "--yes")
	for _, got := range []userStatus{s.userStatuses()[jane.Name], s.lookedByItself(jane)} {
		if of := got.of(loginKeychain); strings.Contains(got.contradictions(), oldKey) || len(of) != 1 ||
			of[0].Finding != "FINDING_NOT_THERE" || got.Identity.Source != platformSSO {
			t.Errorf("after clean: %+v, %+v", got.Identity, of)
		}
	}

	// Where Platform SSO holds nothing any more, the registration may be in the login keychain, so usherd reads it.
	s.ranPortal(jane, "all")
	s.must(jane.SetAppSSO(session.AppSSO{}))
	if got := s.lookedByItself(jane); got.Identity.Source != loginKeychain || got.Identity.DeviceID == "" ||
		got.Identity.DeviceID == old {
		t.Errorf("without Platform SSO: %+v", got.Identity)
	}
}

// Where macOS has renamed the login keychain, status and doctor name that as the cause of a lost identity, also for a
// user who has logged out.
func TestRenamedLoginKeychainIsNamed(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.start()
	jane := s.known("p-jane")
	s.ranPortal(jane, "all")
	s.look(jane)
	if result := s.doctor(); strings.Contains(result.Stdout, "login_renamed") {
		t.Errorf("before: %s", result.Stdout)
	}
	s.control(0, "clean", "--user", jane.Name, "--yes", "--force") // macOS's new one has no identity
	keychains := filepath.Join(jane.Home, "Library", "Keychains")
	s.must(os.MkdirAll(keychains, 0o700))
	s.must(os.WriteFile(filepath.Join(keychains, "login_renamed_1.keychain-db"), []byte("kych"), 0o600))
	s.look(jane)
	named := func(problem string) bool {
		return strings.Contains(problem, jane.Name+" has lost the identity") &&
			strings.Contains(problem, "login_renamed_1.keychain-db")
	}
	if problems := s.problems(); !slices.ContainsFunc(problems, named) {
		t.Errorf("problems: %q", problems)
	}
	s.says("doctor", s.doctor(), "login_renamed_1.keychain-db", "register again")
	s.must(jane.Agent.Stop())
	_, err := s.Helper.WaitLog(s.ctx, "session ended", 0)
	s.must(err)
	s.says("doctor, logged out", s.doctor(), "login_renamed_1.keychain-db")
	s.must(jane.StartAgent(s.ctx))
	s.control(0, "register", "--user", jane.Name, "--wait")
	if problems := s.problems(); slices.ContainsFunc(problems, named) {
		t.Errorf("registered again: %q", problems)
	}
}
