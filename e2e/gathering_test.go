//go:build linux

package e2e

import (
	"os"
	"strings"
	"testing"

	"usher.internal/sim/mac"
)

// With device compliance, Jamf's own program acquires the identity after a registration; the settings need no key for
// it. Without device compliance nobody is asked to sign in once more. The current settings of Jamf decide, and the
// report says so when they cannot be read.
func TestJamfGathersWhereDeviceComplianceIsOn(t *testing.T) {
	s := newStory(t, everySource(nil))
	s.withJamfPro()
	s.start()
	gathered := func() string {
		t.Helper()
		for _, transition := range s.newest().Transitions {
			if _, said, found := strings.Cut(transition.Evidence, "; Jamf's gatherAADInfo "); found {
				return said
			}
		}
		return ""
	}
	stands := func(u *mac.User, want string) {
		t.Helper()
		if got := s.look(u).Identity; got.State != want {
			t.Errorf("%s: %s (%s), want %s", u.Name, got.State, got.Detail, want)
		}
	}
	const acquired = "ended with 0, have_an_Azure_id is true"

	jane := s.known("g-jane")
	s.control(0, "register", "--user", jane.Name, "--wait")
	if said := gathered(); said != "" {
		t.Errorf("without Jamf's settings: Jamf's gatherAADInfo %s", said)
	}
	stands(jane, "REGISTERED_NOT_REPORTED")

	s.conditionalAccess(true)
	john := s.known("g-john")
	s.control(0, "register", "--user", john.Name, "--wait")
	if said := gathered(); said != acquired {
		t.Errorf("with device compliance: Jamf's gatherAADInfo %s", said)
	}
	stands(john, "REGISTERED")

	// The advice of status for a user who registered before device compliance was on.
	s.control(0, "gather", "--user", jane.Name)
	if said := gathered(); said != acquired {
		t.Errorf("gathered: Jamf's gatherAADInfo %s", said)
	}
	stands(jane, "REGISTERED")

	s.conditionalAccess(false)
	ann := s.known("g-ann")
	s.ranPortal(ann, "all")
	s.control(0, "gather", "--user", ann.Name)
	if said := gathered(); said != "" {
		t.Errorf("with device compliance off: Jamf's gatherAADInfo %s", said)
	}

	s.must(os.WriteFile(s.JamfPreferences(), []byte("no property list"), 0o644))
	bob := s.known("g-bob")
	s.control(0, "register", "--user", bob.Name, "--wait")
	if said := gathered(); !strings.HasPrefix(said, "did not run: it is not known whether this Mac needs it, since ") {
		t.Errorf("with settings that cannot be read: Jamf's gatherAADInfo %s", said)
	}
	stands(bob, "REGISTERED_NOT_REPORTED")
}
