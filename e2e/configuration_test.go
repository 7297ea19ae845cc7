//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"usher.internal/sim/mac"
)

const anotherTenant = "11111111-2222-3333-4444-555555555555"

// configurationShown is what `usherctl status --json` reports about the configuration.
type configurationShown struct {
	Data struct {
		Helper struct {
			ConfigurationError   string   `json:"configuration_error"`
			PendingConfiguration []string `json:"pending_configuration"`
		}
		Problems []string
	}
}

// A profile comes, becomes wrong and is fixed, while everything runs. Each version takes effect when it is there, and
// the last good one remains in force.
func TestConfigurationCountsWhileUsherRuns(t *testing.T) {
	s := newStory(t, map[string]any{"registration.identity_timeout": "3s"})
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")

	// Another tenant.
	helperAt := s.set(s.Helper, 0, "key=tenant.id", map[string]any{"tenant.id": anotherTenant})
	s.control(9, "register", "--user", jane.Name, "--wait")

	// A file that is invalid.
	good, err := os.ReadFile(s.ConfigFile())
	s.must(err)
	s.must(os.WriteFile(s.ConfigFile(),
		append([]byte("registration.sign_in_timeout: soon\nclient_secret: THE-SECRET\n"), good...), 0o644))
	helperAt, err = s.Helper.WaitLog(s.ctx, "the configuration cannot be used", helperAt)
	s.must(err)
	result := s.control(9, "status", "--json")
	status := decode[configurationShown](t, result.Stdout).Data
	if !strings.Contains(status.Helper.ConfigurationError, "registration.sign_in_timeout") ||
		!strings.Contains(strings.Join(status.Problems, "\n"), "last good one remains in force") {
		t.Errorf("status says %q, %q", status.Helper.ConfigurationError, status.Problems)
	}
	if text := s.control(9, "status"); !strings.Contains(text.Stdout, "The configuration cannot be used") {
		t.Errorf("status prints\n%s", text.Stdout)
	}
	if doctor := s.control(19, "doctor"); !strings.Contains(doctor.Stdout, "sign_in_timeout") {
		t.Errorf("doctor prints\n%s", doctor.Stdout)
	}
	// Only admins are shown the wrong value.
	if own := decode[configurationShown](t,
		s.controlAs(jane, 9, "status", "--json").Stdout).Data; own.Helper.ConfigurationError != "" ||
		strings.Contains(strings.Join(own.Problems, ""), "configuration") {
		t.Errorf("jane is shown %q, %q", own.Helper.ConfigurationError, own.Problems)
	}
	for _, text := range []string{result.Stdout, s.Helper.Log()} {
		if strings.Contains(text, "THE-SECRET") {
			t.Error("the value of an unknown key is shown")
		}
	}
	s.control(9, "register", "--user", jane.Name, "--wait") // as before

	// Fixed.
	s.set(s.Helper, helperAt, "can be read again", map[string]any{"tenant.id": mac.TenantID})
	s.control(0, "register", "--user", jane.Name, "--wait")

	// The agent looks at the new places from its next look on. usherd logs that a key takes effect only after a
	// restart.
	s.set(jane.Agent, 0, "key=identity.sources",
		map[string]any{"identity.sources": []string{"jamf_agent"}, "state_directory": s.StateDirectory() + "-new"})
	s.waitHelperLog("counts at the next start")
	looked, err := s.Control(s.ctx, "status", "--look", "--json") // jamf's agent knows no user
	s.must(err)
	evidence := decode[struct {
		Data struct {
			Users []struct{ Evidence []struct{ Source string } }
		}
	}](t, looked.Stdout).Data.Users[0].Evidence
	if sources := fmt.Sprint(evidence); !strings.Contains(sources, "JAMF_AGENT") ||
		strings.Contains(sources, "LOGIN_KEYCHAIN") {
		t.Errorf("looked at %s", sources)
	}
	if pending := decode[configurationShown](t, looked.Stdout).Data.Helper.PendingConfiguration; len(pending) != 1 ||
		pending[0] != "state_directory" {
		t.Errorf("pending is %q", pending)
	}
}

// set changes the configuration and waits until a process has noticed. The process logs that after line from.
func (s *story) set(process *mac.Process, from int, text string, settings map[string]any) (next int) {
	s.t.Helper()
	s.must(s.Set(settings))
	next, err := process.WaitLog(s.ctx, text, from)
	s.must(err)
	return next
}

func (s *story) waitHelperLog(text string) {
	s.t.Helper()
	_, err := s.Helper.WaitLog(s.ctx, text, 0)
	s.must(err)
}
