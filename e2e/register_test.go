//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"usher.internal/internal/wpj"
	"usher.internal/sim/mac"
)

// A user runs usherctl and signs in, and Jamf Pro learns their name.
func TestUserRegistersHimself(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	result := s.controlAs(jane, 0, "register", "--wait")
	for _, step := range []string{"LAUNCHING_PORTAL", "WAITING_FOR_SIGN_IN", "READING_IDENTITY", "DELIVERING",
		"SUCCEEDED"} {
		if !strings.Contains(result.Stdout, step) {
			t.Errorf("progress does not show %s:\n%s", step, result.Stdout)
		}
	}
	s.ranOnce(jane)
	s.wantInJamfPro(map[string]string{
		"Usher Registration State":  "REGISTERED",
		"Usher Registration Result": "SUCCEEDED",
		"Usher User Principal Name": jane.Name + "@example.com",
		"Usher Entra Tenant ID":     mac.TenantID,
	})
}

// Registered already: usher does not bother the user a second time.
func TestRegisteringAgainDoesNotLaunchThePortal(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.controlAs(jane, 0, "register", "--wait")
	s.controlAs(jane, 0, "register", "--wait")
	s.ranOnce(jane)
	s.controlAs(jane, 0, "gather")
	s.ranOnce(jane)
}

// A Jamf policy acts on the exit code, so each of Company Portal's comes through unchanged.
func TestEveryExitCodeOfThePortalComesThrough(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	for _, info := range wpj.ExitCodes() {
		if info.Code == wpj.ExitSuccess {
			continue
		}
		t.Run(info.Name, func(t *testing.T) {
			s.must(jane.SetPortal(mac.PortalSettings{"exit_code": int(info.Code), "leave": "nothing"}))
			result := s.control(int(info.Code), "register", "--user", jane.Name, "--wait")
			if !strings.Contains(result.Stderr, info.Name) {
				t.Errorf("the error does not name %s: %s", info.Name, result.Stderr)
			}
			s.wantInJamfPro(map[string]string{
				"Usher Registration Result": fmt.Sprintf("FAILED: %s", info.Code),
			})
		})
	}
}

// For each end of Company Portal, the JSON says how it ended and what an admin and the user can do. The ends are an
// exit code, a signal, and an unwatched end that Company Portal's log does not explain either.
func TestEveryKindOfEndHasItsAdvice(t *testing.T) {
	s := newStory(t, map[string]any{"registration.identity_timeout": "2s"})
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	type registration struct {
		Data struct {
			ID         string
			PortalExit struct {
				Code, Signal *int
				Unknown      bool
				Name         string
				AdminAdvice  string `json:"admin_advice"`
				UserAdvice   string `json:"user_advice"`
				RetryCanHelp bool   `json:"retry_can_help"`
			} `json:"portal_exit"`
		}
	}
	want := func(exit wpj.Exit, exitCode int, arguments ...string) {
		t.Helper()
		lines := strings.Split(strings.TrimSpace(s.control(exitCode, append(arguments, "--json")...).Stdout), "\n")
		printed := decode[registration](t, lines[max(0, len(lines)-2)]) // the error follows it
		shown := decode[registration](t, s.control(0, "registrations", "show", printed.Data.ID, "--json").Stdout)
		for _, got := range []registration{printed, shown} {
			info, end := exit.Info(), got.Data.PortalExit
			if end.Name != info.Name || end.AdminAdvice != info.Admin || end.UserAdvice != info.User ||
				end.RetryCanHelp != info.RetryCanHelp || end.Unknown != exit.Unknown() ||
				(end.Code != nil) != (exit.Code != nil) || (end.Signal != nil) != (exit.Signal != 0) {
				t.Errorf("%s is reported as %+v", exit, end)
			}
		}
	}
	limit := wpj.ExitRegistrationDeviceCapError
	s.must(jane.SetPortal(mac.PortalSettings{"exit_code": int(limit), "leave": "nothing"}))
	want(wpj.Exit{Code: &limit}, int(limit), "register", "--user", jane.Name, "--wait")
	s.must(jane.SetPortal(mac.PortalSettings{"kill_self": int(syscall.SIGKILL)}))
	want(wpj.Exit{Signal: syscall.SIGKILL}, 15, "register", "--user", jane.Name, "--wait")

	s.must(jane.SetPortal(mac.PortalSettings{"hang": true, "lose_exit_event": true}))
	s.control(0, "register", "--user", jane.Name)
	id := s.waitState("WAITING_FOR_SIGN_IN")
	jane.Agent.Kill()
	_, err := s.Run(s.ctx, "/usr/bin/pkill", "-KILL", "-U", fmt.Sprint(jane.UID), "companyportal")
	s.must(err)
	s.must(jane.StartAgent(s.ctx))
	want(wpj.Exit{}, 15, "registrations", "watch", id)
}

// The items that the portal leaves behind decide the result, not only its exit code.
func TestWhatThePortalLeaves(t *testing.T) {
	for leave, exitCode := range map[string]int{"nothing": 7, "half": 9, "expired": 9, "other_tenant": 9, "two": 9} {
		t.Run(leave, func(t *testing.T) {
			s := newStory(t, map[string]any{"registration.identity_timeout": "2s"})
			s.withJamfPro()
			s.start()
			jane := s.loggedIn("jane")
			s.must(jane.SetPortal(mac.PortalSettings{"leave": leave}))
			s.control(exitCode, "register", "--user", jane.Name, "--wait")
			s.ranOnce(jane)
		})
	}
}

// Half of Microsoft's device certificates have a negative serial number. Such a registration succeeds like any other,
// with the device ID everywhere.
func TestRegistersWithANegativeSerialNumber(t *testing.T) {
	s := newStory(t, map[string]any{"identity.proof_of_possession": true})
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.must(jane.SetPortal(mac.PortalSettings{"leave": "negative_serial"}))
	s.controlAs(jane, 0, "register", "--wait")
	s.ranOnce(jane)
	got := s.look(jane)
	device := got.Identity.DeviceID
	if len(device) != 36 || got.Evidence[0].Possession != "POSSESSION_PROVED" {
		t.Fatalf("device %q, evidence %+v", device, got.Evidence)
	}
	if listed := s.control(0, "registrations", "list", "--user", jane.Name, "--json").Stdout; !strings.Contains(listed,
		device) {
		t.Errorf("the registration does not have the device ID %s:\n%s", device, listed)
	}
	s.wantInJamfPro(map[string]string{
		"Usher Registration State":  "REGISTERED",
		"Usher Registration Result": "SUCCEEDED",
		"Usher Entra Device ID":     device,
	})
}

// A device certificate that cannot be parsed is reported as that: neither as no registration, nor with an empty device
// ID.
func TestCertificateThatCannotBeParsed(t *testing.T) {
	s := newStory(t, map[string]any{"registration.identity_timeout": "2s"})
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.must(jane.SetPortal(mac.PortalSettings{"leave": "damaged"}))
	result := s.controlAs(jane, 8, "register", "--wait")
	if !strings.Contains(result.Stderr, "cannot be parsed") {
		t.Errorf("the error does not say that the certificate cannot be parsed: %s", result.Stderr)
	}
	got := s.look(jane)
	if got.Identity.State != "UNREADABLE" || got.Identity.DeviceID != "" ||
		!strings.Contains(got.Identity.Detail, "cannot be parsed") {
		t.Errorf("%+v", got.Identity)
	}
	if evidence := got.Evidence[0]; evidence.Finding != "FINDING_FOUND" ||
		!strings.Contains(evidence.Detail, "1 that cannot be parsed") {
		t.Errorf("%+v", evidence)
	}
	if shown := s.control(8, "status", "--user", jane.Name).Stdout; !strings.Contains(shown, "cannot be parsed") {
		t.Errorf("status does not say it:\n%s", shown)
	}
	s.wantInJamfPro(map[string]string{"Usher Registration State": "UNREADABLE"})
}

// A locked keychain is "could not look: locked", never "not registered".
func TestLockedKeychainIsNotNotRegistered(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.controlAs(jane, 0, "register", "--wait")
	s.must(jane.Keyring.Lock(s.ctx))
	result := s.controlAs(jane, 8, "gather")
	if !strings.Contains(result.Stderr, "locked") {
		t.Errorf("the error does not say locked: %s", result.Stderr)
	}
	s.wantInJamfPro(map[string]string{"Usher Registration State": "UNREADABLE"})
}

// Nobody is logged in: the registration waits, and continues at login.
func TestRegistrationGoesOnAtLogin(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	s.control(5, "register", "--wait")
	jane := s.user("jane")
	s.control(0, "register", "--user", jane.Name)
	s.must(jane.Login(s.ctx))
	s.controlAs(jane, 0, "register", "--wait")
	s.ranOnce(jane)
}

// Nobody logs in within the limit.
func TestWaitingForLoginEnds(t *testing.T) {
	s := newStory(t, map[string]any{"registration.session_timeout": "1s"})
	s.withJamfPro()
	s.start()
	jane := s.user("jane")
	s.control(5, "register", "--user", jane.Name, "--wait")
}

// Fast user switching: two users register side by side, and neither gets the other's identity.
func TestTwoUsersRegisterAtOnce(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	users := []*mac.User{s.loggedIn("jane"), s.loggedIn("john")}
	var wait sync.WaitGroup
	for _, u := range users {
		wait.Go(func() {
			result, err := u.Control(s.ctx, "register", "--wait")
			if err != nil || result.ExitCode != 0 {
				t.Errorf("%s: exit code %d, %v: %s", u.Name, result.ExitCode, err, result.Stderr)
			}
		})
	}
	wait.Wait()
	for _, u := range users {
		s.ranOnce(u)
		result := s.control(0, "registrations", "list", "--user", u.Name, "--json")
		if !strings.Contains(result.Stdout, u.Name+"@example.com") {
			t.Errorf("registration of %s does not hold their own identity:\n%s", u.Name, result.Stdout)
		}
	}
}

// The agent is killed while the user signs in; its successor follows the same portal until it ends.
func TestAgentKilledDuringThePortal(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.must(jane.SetPortal(mac.PortalSettings{"wait": "2s"}))
	s.control(0, "register", "--user", jane.Name)
	s.waitState("WAITING_FOR_SIGN_IN")
	jane.Agent.Kill()
	s.must(jane.StartAgent(s.ctx))
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.ranOnce(jane)
	s.wantInJamfPro(map[string]string{"Usher Registration State": "REGISTERED"})
}

// The user gives up: cancelling ends the portal too.
func TestCancelEndsThePortal(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.must(jane.SetPortal(mac.PortalSettings{"wait": "10m"}))
	s.control(0, "register", "--user", jane.Name)
	id := s.waitState("WAITING_FOR_SIGN_IN")
	s.controlAs(jane, 0, "registrations", "cancel", id)
	s.control(13, "registrations", "watch", id)
	if result, err := s.Run(s.ctx, "/usr/bin/pgrep", "--runstates", "D,R,S,T", "-U", fmt.Sprint(jane.UID),
		"companyportal"); err != nil || result.ExitCode != 1 {
		t.Errorf("a portal of %s still runs: %+v, %v", jane.Name, result, err)
	}
}
