//go:build linux

package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
	"usher.internal/sim/session"
)

var chaosFor = flag.Duration("chaos", time.Minute, "how long TestChaos kills things")

// The chaos kills helper, agents and portals at random, also together and while usherd starts, or stops them beyond
// their deadlines. Jamf Pro fails at random. Meanwhile users register, gather and are looked at. Afterwards nothing is
// lost: every registration has ended, with a reason where it failed. No portal ran twice for one, every report has
// arrived, and a last registration succeeds. `go test ./e2e -run TestChaos -chaos 10m` runs for longer.
func TestChaos(t *testing.T) {
	s := newStory(t, everySource(
		map[string]any{"identity.look_automatically": true, "jamf.gather_after_portal": true,
			"registration.identity_timeout": "2s"}))
	var cancel context.CancelFunc
	s.ctx, cancel = context.WithTimeout(t.Context(), *chaosFor+2*time.Minute)
	defer cancel()
	s.withJamfPro()
	s.start()
	users := []*mac.User{s.loggedIn("c-jane"), s.loggedIn("c-john")}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	killed := map[string]int{}
	for deadline := time.Now().Add(*chaosFor); time.Now().Before(deadline); {
		u := users[random.IntN(len(users))]
		s.must(u.SetPortal(mac.PortalSettings{
			"wait": fmt.Sprintf("%dms", random.IntN(400)), "exit_code": []int{0, 0, 0, 66, 64}[random.IntN(5)],
			"leave": []string{"all", "all", "nothing", "half"}[random.IntN(4)],
		}))
		s.must(u.SetAppSSO(session.AppSSO{
			State: []string{session.NotConfigured, session.NotConfigured, session.Configured}[random.IntN(3)]}))
		s.must(s.jamfPro.AddFault(jamfpro.Fault{
			Kind:  []jamfpro.FaultKind{jamfpro.FaultReset, jamfpro.FaultHTML, jamfpro.FaultLostAnswer}[random.IntN(3)],
			Count: random.IntN(2) + 1}))
		// A kill can cut off any of these; the test asks for their results at the end.
		commands := [][]string{{"clean", "--yes", "--force"}, {"register"}}
		if random.IntN(4) == 0 {
			commands = [][]string{{"gather", "--wait=false"}, {"status", "--look"}}
		}
		for _, arguments := range commands {
			_, err := s.Control(s.ctx, append(arguments, "--user", u.Name)...)
			s.must(err)
		}
		s.pause(time.Duration(random.IntN(300)) * time.Millisecond)
		what := []string{"helper", "helper", "starting helper", "agent", "helper and agents", "portal",
			"stopped helper", "stopped agent", "nothing"}[random.IntN(9)]
		killed[what]++
		switch what {
		case "helper":
			s.KillHelper()
			s.start()
		case "starting helper":
			s.KillHelper()
			s.killWhileItStarts(time.Duration(random.IntN(200)) * time.Millisecond)
			s.start()
		case "agent":
			u.Agent.Kill()
			s.must(u.StartAgent(s.ctx))
		case "helper and agents":
			for _, one := range users {
				one.Agent.Kill()
			}
			s.KillHelper()
			s.start()
			for _, one := range users {
				s.must(one.StartAgent(s.ctx))
			}
		case "stopped helper":
			s.stopped(s.Helper, time.Duration(random.IntN(4000))*time.Millisecond)
		case "stopped agent":
			s.stopped(u.Agent, time.Duration(random.IntN(4000))*time.Millisecond)
		case "portal":
			_, err := u.Run(s.ctx, "/usr/bin/pkill", "-KILL", "-U", fmt.Sprint(u.UID), "-f", s.Programs.Portal)
			s.must(err)
		}
	}
	s.jamfPro.ClearFaults()
	t.Logf("killed %v", killed)

	// The chaos is over. A last registration of each user succeeds; it waits for earlier ones that still run.
	for _, u := range users {
		s.must(u.SetPortal(nil))
		s.must(u.SetAppSSO(session.AppSSO{}))
		s.control(0, "outbox", "flush")
		s.settled(u)
		result, err := s.Control(s.ctx, "register", "--user", u.Name, "--wait")
		s.must(err)
		if result.ExitCode != 0 {
			t.Errorf("the last registration of %s ended with %d: %s", u.Name, result.ExitCode, result.Stderr)
		}
	}
	for _, one := range s.registrations() {
		if one.State != "REGISTRATION_STATE_SUCCEEDED" && one.State != "REGISTRATION_STATE_FAILED" &&
			one.State != "REGISTRATION_STATE_CANCELLED" {
			t.Errorf("registration %s is %s", one.ID, one.State)
		}
		if one.State == "REGISTRATION_STATE_FAILED" &&
			(one.FailureReason == "" || one.FailureReason == "FAILURE_REASON_INTERNAL" || one.FailureDetail == "") {
			t.Errorf("registration %s failed with %q: %s", one.ID, one.FailureReason, one.FailureDetail)
		}
	}
	for _, u := range users {
		runs, err := u.PortalRuns()
		s.must(err)
		seen := map[string]bool{}
		for _, run := range runs {
			_, id, _ := strings.Cut(run, "registration=")
			if seen[id] {
				t.Errorf("Company Portal ran twice for %s:\n%s", id, strings.Join(runs, "\n"))
			}
			seen[id] = true
		}
		t.Logf("%s: %d portals", u.Name, len(runs))
	}
	for _, one := range s.deliveries("--all") {
		if one.State == "DELIVERY_STATE_REFUSED" {
			t.Errorf("delivery: %+v", one)
		}
	}
}

// pause is a time in which anything can happen.
func (s *story) pause(length time.Duration) {
	select {
	case <-time.After(length):
	case <-s.ctx.Done():
	}
}

// killWhileItStarts starts usherd and kills it after a while, at any point of its start.
func (s *story) killWhileItStarts(after time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, after)
	defer cancel()
	if err := s.StartHelper(ctx); err == nil {
		s.KillHelper()
	} else if ctx.Err() == nil {
		s.t.Fatalf("usherd did not start: %v", err)
	}
}

// stopped stops a process for that long, as a debugger or a Mac without free memory does.
func (s *story) stopped(process *mac.Process, length time.Duration) {
	s.t.Helper()
	s.must(process.Signal(syscall.SIGSTOP))
	s.pause(length)
	s.must(process.Signal(syscall.SIGCONT))
}

// outcome is a registration with the reason of its failure.
type outcome struct {
	registered
	FailureReason string `json:"failure_reason"`
	FailureDetail string `json:"failure_detail"`
	User          struct{ Name string }
}

func (s *story) registrations() []outcome {
	s.t.Helper()
	return decode[struct {
		Data struct{ Registrations []outcome }
	}](s.t, s.control(0, "registrations", "list", "--limit", "1000", "--json").Stdout).Data.Registrations
}

// settled waits until no registration of the user is active.
func (s *story) settled(u *mac.User) {
	s.t.Helper()
	for _, one := range s.registrations() {
		if one.User.Name == u.Name {
			began := time.Now()
			result, err := s.Control(s.ctx, "registrations", "watch", one.ID)
			s.must(err)
			if took := time.Since(began); took > 2*time.Second {
				s.t.Logf("waited %s for\n%s", took, result.Stdout)
			}
		}
	}
}
