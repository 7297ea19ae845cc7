//go:build linux

package e2e

import (
	"slices"
	"testing"

	"usher.internal/sim/mac"
)

// states are all states that a happy registration passes through.
var states = []string{
	"PREFLIGHT", "WAITING_FOR_SESSION", "LAUNCHING_PORTAL", "WAITING_FOR_SIGN_IN", "READING_IDENTITY", "DELIVERING",
	"SUCCEEDED",
}

// usherd is killed right before and right after the commit of each state, and is started again. The registration ends
// as without a crash: the portal ran once, and Jamf Pro holds one truth.
func TestHelperKilledAtEachTransition(t *testing.T) {
	for _, state := range states {
		for _, moment := range []string{"COMMITTING", "COMMITTED"} {
			t.Run(moment+"_"+state, func(t *testing.T) {
				s := newStory(t, nil)
				s.withJamfPro()
				s.Programs.Helper = crashHelper
				s.start("USHER_CRASH_" + moment + "=" + state)
				jane := s.loggedIn("jane")
				// The crash can cut off the call; the test asks for its result after the restart.
				if _, err := s.Control(s.ctx, "register", "--user", jane.Name); err != nil {
					t.Fatal(err)
				}
				<-s.Helper.Done()
				if code := s.Helper.ExitCode(); code != -1 {
					t.Fatalf("usherd ended with %d before it was killed:\n%s", code, s.Helper.Log())
				}
				s.start()
				_, err := jane.Agent.WaitLog(s.ctx, "connected to the helper", 1)
				s.must(err)
				s.control(0, "register", "--user", jane.Name, "--wait")
				s.ranOnce(jane)
				s.wantInJamfPro(map[string]string{
					"Usher Registration State":  "REGISTERED",
					"Usher Registration Result": "SUCCEEDED",
				})
			})
		}
	}
}

// The same from outside, with kill -9, during a state.
func TestHelperKilledWhileAStateLasts(t *testing.T) {
	t.Run("WAITING_FOR_SESSION", func(t *testing.T) {
		s := newStory(t, nil)
		s.withJamfPro()
		s.start()
		jane := s.user("jane")
		s.control(0, "register", "--user", jane.Name)
		s.waitState("WAITING_FOR_SESSION")
		s.KillHelper()
		s.start()
		s.must(jane.Login(s.ctx))
		s.control(0, "register", "--user", jane.Name, "--wait")
		s.ranOnce(jane)
	})
	t.Run("WAITING_FOR_SIGN_IN", func(t *testing.T) {
		s := newStory(t, nil)
		s.withJamfPro()
		s.start()
		jane := s.loggedIn("jane")
		s.must(jane.SetPortal(mac.PortalSettings{"wait": "2s"}))
		s.control(0, "register", "--user", jane.Name)
		s.waitState("WAITING_FOR_SIGN_IN")
		s.KillHelper()
		s.start()
		s.control(0, "register", "--user", jane.Name, "--wait")
		s.ranOnce(jane)
	})
	t.Run("DELIVERING", func(t *testing.T) {
		s := newStory(t, nil)
		s.withJamfPro()
		s.jamfPro.down()
		s.start()
		jane := s.loggedIn("jane")
		s.control(0, "register", "--user", jane.Name)
		s.waitState("DELIVERING")
		s.KillHelper()
		s.start()
		s.jamfPro.up()
		s.control(0, "outbox", "flush")
		s.control(0, "register", "--user", jane.Name, "--wait")
		s.ranOnce(jane)
		s.wantInJamfPro(map[string]string{"Usher Registration Result": "SUCCEEDED"})
	})
}

// usherd gets SIGTERM while a user signs in. It drains at once, the portal continues, and the next usherd follows it.
func TestHelperRestartedBySIGTERM(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.must(jane.SetPortal(mac.PortalSettings{"wait": "2s"}))
	s.control(0, "register", "--user", jane.Name)
	s.waitState("WAITING_FOR_SIGN_IN")
	s.must(s.StopHelper())
	if code := s.Helper.ExitCode(); code != 0 {
		t.Errorf("usherd ended with %d after SIGTERM:\n%s", code, s.Helper.Log())
	}
	s.start()
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.ranOnce(jane)
}

// usherd is killed while reports of two users wait, and right before and right after it records the arrival of the
// first. The next usherd sends both in order, and nothing older after something newer.
func TestHelperKilledWhileReportsWaitInLine(t *testing.T) {
	waiting := func(t *testing.T) (s *story, want map[string]string) {
		s = newStory(t, nil)
		s.withJamfPro()
		s.jamfPro.down()
		s.Programs.Helper = crashHelper
		s.start()
		jane, john := s.loggedIn("jane"), s.loggedIn("john")
		for _, u := range []*mac.User{jane, john} {
			s.control(10, "register", "--user", u.Name, "--wait", "--delivery-timeout", "200ms")
		}
		// John came last and is the primary user.
		return s, map[string]string{"Usher User Principal Name": john.Name + "@example.com",
			"Usher Other Users": jane.Name + ": REGISTERED"}
	}
	arrived := func(s *story, want map[string]string) {
		s.t.Helper()
		s.wantInJamfPro(want)
		s.control(0, "registrations", "watch", s.newest().ID)
		if names := s.namesReceived(); !slices.Equal(names, []string{want["Usher User Principal Name"]}) {
			s.t.Errorf("Jamf Pro has received %v, want %v", names, want)
		}
	}
	t.Run("waiting", func(t *testing.T) {
		s, want := waiting(t)
		s.KillHelper()
		s.start()
		s.jamfPro.up()
		s.control(0, "outbox", "flush")
		arrived(s, want)
	})
	for _, moment := range []string{"COMMITTING", "COMMITTED"} {
		t.Run(moment, func(t *testing.T) {
			s, want := waiting(t)
			s.KillHelper()
			s.jamfPro.up()
			s.start("USHER_CRASH_" + moment + "=SUCCEEDED") // with the record that the first has arrived
			<-s.Helper.Done()
			if code := s.Helper.ExitCode(); code != -1 {
				t.Fatalf("usherd ended with %d before it was killed:\n%s", code, s.Helper.Log())
			}
			s.start()
			arrived(s, want)
			for _, one := range s.deliveries("--all") {
				if one.State != "DELIVERY_STATE_DELIVERED" {
					t.Errorf("the outbox has %+v", one)
				}
			}
		})
	}
}
