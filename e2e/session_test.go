//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"usher.internal/sim/mac"
)

// seatFile is where systemd-logind records the user in front of the computer; the machines that test usher have no
// logind.
const seatFile = "/run/systemd/seats/seat0"

// onConsole puts a user in front of the computer until the test ends; nil is nobody.
func (s *story) onConsole(u *mac.User) {
	s.t.Helper()
	before, err := os.ReadFile(seatFile)
	existed := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	content := "# This is private data. Do not parse.\nIS_SEAT0=1\nCAN_MULTI_SESSION=1\nCAN_TTY=1\nCAN_GRAPHICAL=1\n"
	if u != nil {
		content += fmt.Sprintf("ACTIVE=c%d\nACTIVE_UID=%d\n", u.UID, u.UID)
	}
	s.must(os.MkdirAll(filepath.Dir(seatFile), 0o755))
	s.must(os.WriteFile(seatFile, []byte(content), 0o644))
	s.t.Cleanup(func() {
		if existed {
			s.must(os.WriteFile(seatFile, before, 0o644))
		} else {
			s.must(os.Remove(seatFile))
		}
	})
}

// A policy that names nobody means the user in front of the Mac.
func TestRootRegistersTheUserOnTheConsole(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane, john := s.loggedIn("p-jane"), s.loggedIn("p-john")

	s.onConsole(nil)
	result := s.control(2, "register", "--wait")
	for _, want := range []string{"several users are logged in", "hint: name one with --user"} {
		if !strings.Contains(result.Stderr, want) {
			t.Errorf("the error does not say %q: %s", want, result.Stderr)
		}
	}
	s.onConsole(john)
	s.control(0, "register", "--wait")
	s.ranOnce(john)
	if runs, err := jane.PortalRuns(); err != nil || len(runs) != 0 {
		t.Errorf("Company Portal of %s was started too: %q, %v", jane.Name, runs, err)
	}
	var users []string
	for _, line := range strings.Split(s.control(0, "status").Stdout, "\n") {
		if cells := strings.Split(line, "\t"); len(cells) == 6 {
			users = append(users, cells[0]+": "+cells[1])
		}
	}
	slices.Sort(users)
	if want := []string{jane.Name + ": logged in", john.Name + ": on console"}; !slices.Equal(users, want) {
		t.Errorf("status shows %q, want %q", users, want)
	}
	// If two users hold a registration, the one on the console is the primary user, in either order of registration.
	s.control(0, "register", "--user", jane.Name, "--wait")
	upns := func(primary, other *mac.User) {
		t.Helper()
		for key, want := range map[string]string{"upn": primary.Name + "@example.com",
			"other-users": other.Name + ": REGISTERED"} {
			if got := s.control(0, "ea", key).Stdout; got != "<result>"+want+"</result>\n" {
				t.Errorf("%s is %s, want %s", key, got, want)
			}
		}
	}
	upns(john, jane)
	s.onConsole(jane)
	upns(jane, john)

	// A user in front of the Mac without an agent is not passed over for users with one.
	ann := s.user("p-ann")
	s.onConsole(ann)
	if problems := strings.Join(s.problems(), "\n"); !strings.Contains(problems,
		ann.Name+" is logged in, but their usher-agent is not connected") {
		t.Errorf("status says %q", problems)
	}
}

// A registration that nobody wants any more ends, in any state.
func TestCancel(t *testing.T) {
	t.Run("WAITING_FOR_SESSION", func(t *testing.T) {
		s := newStory(t, nil)
		s.withJamfPro()
		s.start()
		jane := s.user("p-jane")
		s.control(0, "register", "--user", jane.Name)
		id := s.waitState("WAITING_FOR_SESSION")
		s.controlAs(jane, 0, "registrations", "cancel", id)
		s.control(13, "registrations", "watch", id)
		s.control(14, "registrations", "cancel", id)
		s.must(jane.Login(s.ctx))
		s.wantInJamfPro(map[string]string{"Usher Registration Result": "CANCELLED"})
		s.control(0, "register", "--user", jane.Name, "--wait")
		s.ranOnce(jane)
	})
	t.Run("DELIVERING", func(t *testing.T) {
		s := newStory(t, nil)
		s.withJamfPro()
		s.jamfPro.down()
		s.start()
		jane := s.loggedIn("p-jane")
		s.control(0, "register", "--user", jane.Name)
		id := s.waitState("DELIVERING")
		s.control(0, "registrations", "cancel", id)
		s.control(13, "registrations", "watch", id)
		s.jamfPro.up()
		s.control(0, "outbox", "flush")
		s.waitHelper(deliveredLine)
		// The reading is true, so Jamf Pro gets it.
		s.wantOneTruth(jane, "SUCCEEDED")
		s.control(0, "register", "--user", jane.Name, "--wait")
		s.ranOnce(jane)
	})
}

// A caller who stops waiting ends nothing.
func TestNotWaitingAnyMore(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("p-jane")
	s.must(jane.SetPortal(mac.PortalSettings{"wait": "1500ms"}))
	result := s.control(6, "register", "--user", jane.Name, "--wait", "--timeout", "200ms")
	if !strings.Contains(result.Stderr, "continues") {
		t.Errorf("the error does not say that the registration continues: %s", result.Stderr)
	}
	waiting, err := s.StartControl("register", "--user", jane.Name, "--wait")
	s.must(err)
	_, err = waiting.WaitLog(s.ctx, "WAITING_FOR_SIGN_IN", 0)
	s.must(err)
	s.must(waiting.Signal(syscall.SIGINT))
	if code := waiting.ExitCode(); code != 130 {
		t.Errorf("usherctl ended with %d after SIGINT, want 130:\n%s", code, waiting.Log())
	}
	if !strings.Contains(waiting.Log(), "continues") {
		t.Errorf("usherctl does not say that the registration continues:\n%s", waiting.Log())
	}
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.ranOnce(jane)
	s.wantOneTruth(jane, "SUCCEEDED")
}

// usherd is upgraded, or dies, during a `register --wait` of a policy. The command waits for the next usherd and ends
// as usual.
func TestWaitingSurvivesARestart(t *testing.T) {
	for name, end := range map[string]func(*story){
		"SIGTERM": func(s *story) { s.must(s.StopHelper()) },
		"kill -9": func(s *story) { s.KillHelper() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, nil)
			s.withJamfPro()
			s.start()
			jane := s.loggedIn("p-jane")
			s.must(jane.SetPortal(mac.PortalSettings{"wait": "1s"}))
			waiting, err := s.StartControl("register", "--user", jane.Name, "--wait")
			s.must(err)
			_, err = waiting.WaitLog(s.ctx, "WAITING_FOR_SIGN_IN", 0)
			s.must(err)
			end(s)
			s.start()
			if code := waiting.ExitCode(); code != 0 {
				t.Errorf("usherctl ended with %d:\n%s", code, waiting.Log())
			}
			for _, state := range states[1:] {
				if count := strings.Count(waiting.Log(), "  "+state+"  "); count != 1 {
					t.Errorf("usherctl shows %s %d times, want once:\n%s", state, count, waiting.Log())
				}
			}
			s.ranOnce(jane)
			s.wantOneTruth(jane, "SUCCEEDED")
		})
	}
}
