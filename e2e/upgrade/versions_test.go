//go:build linux

package upgrade

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/earlier"
	"usher.internal/sim/mac"
)

// each runs a test for each earlier version.
func each(t *testing.T, test func(t *testing.T, version earlier.Version, old mac.Programs)) {
	for _, version := range earlier.Versions(t) {
		t.Run(version.Name, func(t *testing.T) { test(t, version, programsOf(t, version)) })
	}
}

// A whole registration succeeds where one program has another version than the two others, and usherctl shows it.
func TestProgramsOfTwoVersions(t *testing.T) {
	each(t, func(t *testing.T, version earlier.Version, old mac.Programs) {
		for name, mix := range map[string]func(*mac.Programs){
			"old usherd":                     func(p *mac.Programs) { p.Helper = old.Helper },
			"old usher-agent":                func(p *mac.Programs) { p.Agent = old.Agent },
			"old usherctl":                   func(p *mac.Programs) { p.Control = old.Control },
			"old usherd and old usher-agent": func(p *mac.Programs) { p.Helper, p.Agent = old.Helper, old.Agent },
			"old usherd and old usherctl":    func(p *mac.Programs) { p.Helper, p.Control = old.Helper, old.Control },
		} {
			t.Run(name, func(t *testing.T) {
				programs := today
				programs.Portal = old.Portal
				mix(&programs)
				s := newStory(t, keysOnlyOfToday(t, version), programs)
				s.withJamfPro()
				s.must(s.StartHelper(s.ctx))
				jane := s.user("jane")
				s.must(jane.Login(s.ctx))
				s.control(0, "register", "--user", jane.Name, "--wait")
				s.wantInJamfPro("REGISTERED")
				s.control(0, "status", "--look", "--user", jane.Name)
				for _, arguments := range [][]string{
					{"status", "--user", jane.Name}, {"status", "--json", "--user", jane.Name}, {"ea", "state"},
					{"registrations", "list"}, {"registrations", "show", s.newest()},
					{"outbox", "list", "--all"}, {"gather", "--user", jane.Name},
					{"clean", "--user", jane.Name, "--dry-run"}, {"clean", "history"}, {"version"},
				} {
					result := s.control(0, arguments...)
					if strings.Contains(result.Stdout, "CANNOT_TELL") ||
						strings.Contains(result.Stdout+result.Stderr, "Unimplemented") {
						t.Errorf("usherctl %s:\n%s%s", strings.Join(arguments, " "), result.Stdout, result.Stderr)
					}
				}
				doctor, err := s.Control(s.ctx, "doctor")
				s.must(err)
				if !slices.Contains([]int{0, 18, 19}, doctor.ExitCode) || !strings.Contains(doctor.Stdout, jane.Name) {
					t.Errorf("doctor ended with %d:\n%s%s", doctor.ExitCode, doctor.Stdout, doctor.Stderr)
				}
				if got := s.control(0, "ea", "state").Stdout; got != "<result>REGISTERED</result>\n" {
					t.Errorf("the extension attribute is %s", got)
				}
			})
		}
	})
}

// An older usherd reports that the journal has a newer version, starts nothing, and changes nothing.
func TestOlderUsherdLeavesANewerJournal(t *testing.T) {
	each(t, func(t *testing.T, version earlier.Version, old mac.Programs) {
		s := newStory(t, keysOnlyOfToday(t, version), today)
		s.withJamfPro()
		s.must(s.StartHelper(s.ctx))
		jane := s.user("jane")
		s.must(jane.Login(s.ctx))
		s.control(0, "register", "--user", jane.Name, "--wait")
		s.must(s.StopHelper())
		journal := filepath.Join(s.StateDirectory(), "journal.db")
		before, err := os.ReadFile(journal)
		s.must(err)

		s.Programs.Helper = old.Helper
		exitCode, log, err := s.RunHelper(s.ctx)
		s.must(err)
		if exitCode == 0 || !strings.Contains(log, "newer version") || strings.Contains(log, "damaged") {
			t.Errorf("it ended with %d: %s", exitCode, log)
		}
		after, err := os.ReadFile(journal)
		s.must(err)
		if !bytes.Equal(before, after) {
			t.Error("the journal was changed")
		}
		files, err := os.ReadDir(s.StateDirectory())
		s.must(err)
		if len(files) != 3 { // the journal, its mark, and the last status
			t.Errorf("the state directory holds %v", files)
		}

		s.Programs.Helper = today.Helper
		s.must(s.StartHelper(s.ctx))
		s.control(0, "registrations", "show", s.newest())
	})
}

// usher is upgraded while a user signs in. The old usherd ends, the old agent makes way, and the registration ends with
// one Company Portal.
func TestUpgradeInTheMiddleOfARegistration(t *testing.T) {
	each(t, func(t *testing.T, version earlier.Version, old mac.Programs) {
		s := newStory(t, keysOnlyOfToday(t, version), today)
		installed := filepath.Join(s.Directory, "library", "usher-agent")
		install := func(program string) {
			content, err := os.ReadFile(program)
			s.must(err)
			s.must(os.WriteFile(installed+".new", content, 0o755))
			s.must(os.Rename(installed+".new", installed))
		}
		install(old.Agent)
		s.Programs.Helper, s.Programs.Agent, s.Programs.Portal = old.Helper, installed, old.Portal
		s.withJamfPro()
		s.must(s.StartHelper(s.ctx))
		jane := s.user("jane")
		pipe := filepath.Join(jane.Home, "sign-in")
		s.must(jane.Login(s.ctx))
		result, err := jane.Run(s.ctx, "/usr/bin/mkfifo", pipe)
		s.must(err)
		if result.ExitCode != 0 {
			t.Fatal(result.Stderr)
		}
		s.must(jane.SetPortal(mac.PortalSettings{"sign_in_pipe": pipe}))
		s.control(0, "register", "--user", jane.Name)
		id := s.newest()
		s.waitState(id, "WAITING_FOR_SIGN_IN")

		install(today.Agent)
		s.must(s.StopHelper())
		s.Programs.Helper = today.Helper
		s.must(s.StartHelper(s.ctx))
		if code := jane.Agent.ExitCode(); code == 0 {
			t.Errorf("the old agent ended with %d: %s", code, jane.Agent.Log())
		}
		s.must(jane.StartAgent(s.ctx))
		signIn, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		s.must(err)
		s.must(signIn.Close())
		s.waitState(id, "SUCCEEDED")
		s.wantInJamfPro("REGISTERED")
		if runs, err := jane.PortalRuns(); err != nil || len(runs) != 1 {
			t.Errorf("Company Portal was started %d times, %v", len(runs), err)
		}
	})
}
