//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/attribute"
	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
)

// The calls of usherd during a delivery, as prefixes for faults.
const (
	tokenPath  = "/api/v1/oauth/token"
	findPath   = "/api/v4/computers-inventory"
	updatePath = "/api/v4/computers-inventory-detail/"
)

const (
	failedLine    = "delivery failed, trying again"
	deliveredLine = "delivered to Jamf Pro"
)

// fault makes Jamf Pro misbehave.
func (s *story) fault(fault jamfpro.Fault) {
	s.t.Helper()
	s.must(s.jamfPro.AddFault(fault))
}

// waitHelper waits until usherd has logged a line.
func (s *story) waitHelper(line string) {
	s.t.Helper()
	_, err := s.Helper.WaitLog(s.ctx, line, 0)
	s.must(err)
}

// waitUpdating waits until usherd is about to update the computer for the first time: the last extension attribute
// exists, and only the update is left.
func (s *story) waitUpdating() {
	s.t.Helper()
	table := attribute.Table()
	s.waitHelper(fmt.Sprintf("name=%q", table[len(table)-1].Name))
}

// wantOneTruth fails the test unless Jamf Pro holds the result of the newest registration, and nothing older came after
// it. Call it after everything has been delivered.
func (s *story) wantOneTruth(u *mac.User, result string) {
	s.t.Helper()
	if left := s.deliveries(); len(left) != 0 {
		s.t.Errorf("the outbox still holds %+v", left)
	}
	want := map[string]string{
		"Usher Registration State":  "REGISTERED",
		"Usher Registration Result": result,
		"Usher Entra Device ID":     s.newest().Identity.DeviceID,
		"Usher Entra Tenant ID":     mac.TenantID,
		"Usher User Principal Name": u.Name + "@example.com",
	}
	computer, _ := s.jamfPro.Computer(mac.UDID)
	s.wantSameInBothModes(computer)
	for name, value := range want {
		if got := computer.Value(name); got != value || value == "" {
			s.t.Errorf("%s is %q in Jamf Pro, want %q", name, got, value)
		}
		latest := slices.IndexFunc(computer.History, func(change jamfpro.Change) bool {
			return change.Name == name && slices.Equal(change.Values, []string{value})
		})
		for _, change := range computer.History[max(latest, 0):] {
			if change.Name == name && !slices.Equal(change.Values, []string{value}) {
				s.t.Errorf("%s was %q after it had been %q", name, change.Values, value)
			}
		}
	}
}

// wantSameInBothModes fails the test unless `usherctl ea` prints each attribute that the API received.
func (s *story) wantSameInBothModes(computer jamfpro.ComputerState) {
	s.t.Helper()
	for _, one := range attribute.Table() {
		if one.Key == "as-of" {
			continue // a look that finds nothing new is not delivered
		}
		if printed, written := s.control(0, "ea", one.Key).Stdout,
			"<result>"+computer.Value(one.Name)+"</result>\n"; printed != written {
			s.t.Errorf("`usherctl ea %s` prints %s and Jamf Pro has %s", one.Key, printed, written)
		}
	}
}

// Jamf Pro is away before the start and until after the registration, and comes back.
func TestJamfProIsDownForTheWholeRun(t *testing.T) {
	for _, flushed := range []bool{true, false} {
		name := map[bool]string{true: "flush", false: "back-off alone"}[flushed]
		t.Run(name, func(t *testing.T) {
			s := newStory(t, nil)
			s.withJamfPro()
			s.jamfPro.down()
			s.start()
			jane := s.loggedIn("p-jane")
			result := s.control(10, "register", "--user", jane.Name, "--wait", "--delivery-timeout", "200ms")
			s.waitHelper(failedLine)
			pending := s.pending()
			for _, want := range []string{s.jamfPro.address, "connection refused"} {
				if !strings.Contains(pending.LastError, want) {
					t.Errorf("the outbox's error does not name %q: %s", want, pending.LastError)
				}
			}
			if !strings.Contains(result.Stderr, "usherctl outbox list") {
				t.Errorf("the error does not name the next command: %s", result.Stderr)
			}
			if problems := s.problems(); len(problems) != 1 || !strings.Contains(problems[0], s.jamfPro.address) {
				t.Errorf("status says %q, want one problem that names the server", problems)
			}
			s.jamfPro.up()
			if flushed {
				s.control(0, "outbox", "flush")
			}
			s.control(0, "registrations", "watch", pending.RegistrationID)
			s.ranOnce(jane)
			s.wantOneTruth(jane, "SUCCEEDED")
			if problems := s.problems(); len(problems) != 0 {
				t.Errorf("status still says %q", problems)
			}
		})
	}
}

// A token that is revoked or expires during a delivery is replaced, and no attempt is lost.
func TestTokenEndsDuringADelivery(t *testing.T) {
	for name, fault := range map[string]jamfpro.Fault{
		"revoked at the search": {Kind: jamfpro.FaultRevokeToken, PathPrefix: findPath, Count: 1},
		"revoked at the update": {Kind: jamfpro.FaultRevokeToken, PathPrefix: updatePath, Count: 1},
		// Tokens live for one second here.
		"expired before the update": {Kind: jamfpro.FaultSlow, PathPrefix: updatePath, Delay: 1100 * time.Millisecond,
			Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, nil)
			s.withJamfPro(func(options *jamfpro.Options) {
				if fault.Kind == jamfpro.FaultSlow {
					options.TokenLifetime = time.Second
				}
			})
			s.fault(fault)
			s.start()
			jane := s.loggedIn("p-jane")
			s.control(0, "register", "--user", jane.Name, "--wait")
			if attempts := s.newest().DeliveryAttempts; attempts != 1 {
				t.Errorf("delivered after %d attempts, want 1", attempts)
			}
			refused := func(one jamfpro.Request) bool { return one.Status == http.StatusUnauthorized }
			if !slices.ContainsFunc(s.jamfPro.Requests(), refused) {
				t.Errorf("no request was refused: %+v", s.jamfPro.Requests())
			}
			s.wantOneTruth(jane, "SUCCEEDED")

			s.jamfPro.RevokeTokens()
			s.control(0, "gather", "--user", jane.Name)
			if attempts := s.newest().DeliveryAttempts; attempts != 1 {
				t.Errorf("delivered after %d attempts, want 1", attempts)
			}
			s.wantOneTruth(jane, "SUCCEEDED")
		})
	}
}

// Jamf Pro asks for a pause, and usherd keeps to it.
func TestRetryAfterIsHonoured(t *testing.T) {
	for _, asDate := range []bool{false, true} {
		t.Run(map[bool]string{true: "date", false: "seconds"}[asDate], func(t *testing.T) {
			const pause = 2 * time.Second
			s := newStory(t, nil)
			s.withJamfPro()
			s.fault(jamfpro.Fault{Kind: jamfpro.FaultStatus, PathPrefix: updatePath, Status: http.StatusTooManyRequests,
				RetryAfter: pause, RetryAfterAsDate: asDate, Count: 1})
			s.start()
			jane := s.loggedIn("p-jane")
			s.control(0, "register", "--user", jane.Name)
			id := s.waitState("DELIVERING")
			s.waitHelper(failedLine)
			var faulted time.Time
			for _, request := range s.jamfPro.Requests() {
				if request.Status == http.StatusTooManyRequests {
					faulted = request.At
				}
			}
			earliest := faulted.Add(pause)
			if asDate {
				earliest = earliest.Truncate(time.Second) // a date has no fractions
			}
			pending := s.pending()
			if pending.NextAttemptTime.Before(earliest) {
				t.Errorf("next attempt is at %v, asked was not before %v", pending.NextAttemptTime, earliest)
			}
			if !strings.Contains(pending.LastError, "429") {
				t.Errorf("the error does not say 429: %s", pending.LastError)
			}
			s.control(0, "registrations", "watch", id)
			for _, request := range s.jamfPro.Requests() {
				if request.At.After(faulted) && request.At.Before(earliest) {
					t.Errorf("asked again at %v, before %v: %+v", request.At, earliest, request)
				}
			}
			s.wantOneTruth(jane, "SUCCEEDED")
		})
	}
}

// A temporary fault of a server, or of a proxy before it, costs only an attempt.
func TestTroubleThatPasses(t *testing.T) {
	for name, story := range map[string]struct {
		fault    jamfpro.Fault
		says     string
		attempts int
	}{
		"500":              {jamfpro.Fault{Kind: jamfpro.FaultStatus, Status: 500, PathPrefix: updatePath}, "500", 2},
		"503":              {jamfpro.Fault{Kind: jamfpro.FaultStatus, Status: 503, PathPrefix: findPath}, "503", 2},
		"503 at the token": {jamfpro.Fault{Kind: jamfpro.FaultStatus, Status: 503, PathPrefix: tokenPath}, "503", 2},
		"maintenance page": {jamfpro.Fault{Kind: jamfpro.FaultHTML}, "maintenance page", 2},
		"page with 200": {jamfpro.Fault{Kind: jamfpro.FaultHTML, Status: 200, PathPrefix: updatePath},
			"maintenance page", 2},
		"captive portal": {jamfpro.Fault{Kind: jamfpro.FaultCaptivePortal, PathPrefix: tokenPath}, "captive portal",
			2},
		"reset": {jamfpro.Fault{Kind: jamfpro.FaultReset, PathPrefix: updatePath}, "connection reset", 2},
		"lost answer": {jamfpro.Fault{Kind: jamfpro.FaultLostAnswer, PathPrefix: updatePath}, "connection reset",
			2},
		"truncated": {jamfpro.Fault{Kind: jamfpro.FaultTruncated, PathPrefix: findPath}, "answer", 2},
		"slow":      {jamfpro.Fault{Kind: jamfpro.FaultSlow, Delay: time.Second, PathPrefix: updatePath}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, nil)
			s.withJamfPro()
			story.fault.Count = 1
			s.fault(story.fault)
			s.start()
			jane := s.loggedIn("p-jane")
			s.control(0, "register", "--user", jane.Name)
			id := s.waitState("DELIVERING")
			if story.attempts > 1 {
				s.waitHelper(failedLine)
				// The second attempt may have begun: full jitter can choose no pause at all.
				if log := s.Helper.Log(); !strings.Contains(log, story.says) {
					t.Errorf("usherd's log does not say %q:\n%s", story.says, log)
				}
				s.control(0, "outbox", "flush")
			}
			s.control(0, "registrations", "watch", id)
			if attempts := s.newest().DeliveryAttempts; attempts != story.attempts {
				t.Errorf("delivered after %d attempts, want %d", attempts, story.attempts)
			}
			s.ranOnce(jane)
			s.wantOneTruth(jane, "SUCCEEDED")
		})
	}
}

// A fault that only a person can fix is reported once, and disappears after the fix.
func TestRefusalIsMendedAndFlushed(t *testing.T) {
	for name, story := range map[string]struct {
		breaks, fixes func(s *story)
		says          string
	}{
		"privilege missing": {
			func(s *story) {
				s.jamfPro.SetPrivileges(jamfpro.DefaultClientID,
					[]string{"Read Computers", "Read Computer Extension Attributes",
						"Create Computer Extension Attributes"})
			},
			func(s *story) { s.jamfPro.SetPrivileges(jamfpro.DefaultClientID, nil) },
			`give the role of the API client the privilege "Update Computers"`,
		},
		"secret rotated": {
			func(s *story) { s.jamfPro.SetSecret(jamfpro.DefaultClientID, "another") },
			func(s *story) { s.jamfPro.SetSecret(jamfpro.DefaultClientID, jamfpro.DefaultClientSecret) },
			"delivery.api.client_secret_file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, nil)
			s.withJamfPro()
			story.breaks(s)
			s.start()
			jane := s.loggedIn("p-jane")
			result := s.control(11, "register", "--user", jane.Name, "--wait")
			if !strings.Contains(result.Stderr, story.says) {
				t.Errorf("the error does not say %q: %s", story.says, result.Stderr)
			}
			if problems := strings.Join(s.problems(), "\n"); strings.Count(problems, story.says) != 1 {
				t.Errorf("status does not say %q once:\n%s", story.says, problems)
			}
			s.control(0, "outbox", "list")
			story.fixes(s)
			s.control(0, "outbox", "flush")
			s.waitHelper(deliveredLine)
			s.ranOnce(jane)
			s.wantOneTruth(jane, "SUCCEEDED (delivered later)")
			if problems := s.problems(); len(problems) != 0 {
				t.Errorf("status still says %q", problems)
			}
		})
	}
}

// A refused report is delivered without anybody's action once the cause is gone: after a new secret, or after a check
// finds that the role is fixed. The registration has failed by then, and shows that it was delivered
// later.
func TestRefusedResultIsDeliveredLater(t *testing.T) {
	for name, story := range map[string]struct{ breaks, fixes func(s *story) }{
		"secret": {
			func(s *story) { s.jamfPro.SetSecret(jamfpro.DefaultClientID, "another") },
			func(s *story) {
				secret := filepath.Join(t.TempDir(), "secret")
				s.must(os.WriteFile(secret, []byte("another"), 0o600))
				s.control(0, "jamf", "credentials", "set", "--file", secret)
			},
		},
		"privilege": {
			func(s *story) { s.jamfPro.SetPrivileges(jamfpro.DefaultClientID, []string{"Read Computers"}) },
			func(s *story) {
				s.jamfPro.SetPrivileges(jamfpro.DefaultClientID, nil)
				s.control(0, "jamf", "credentials", "check")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, nil)
			s.withJamfPro()
			story.breaks(s)
			s.start()
			jane := s.loggedIn("p-jane")
			s.control(11, "register", "--user", jane.Name, "--wait")
			story.fixes(s)
			s.waitHelper(deliveredLine)
			s.ranOnce(jane)
			s.wantInJamfPro(map[string]string{"Usher Registration State": "REGISTERED",
				"Usher Registration Result": "SUCCEEDED (delivered later)"})
			shown := s.control(0, "registrations", "show", s.registrations()[0].ID).Stdout
			if !strings.Contains(shown, "DELIVERED (delivered later)") || !strings.Contains(shown, "DELIVERY_REFUSED") {
				t.Errorf("it is shown as\n%s", shown)
			}
			if ea := s.control(0, "ea", "result").Stdout; ea != "<result>SUCCEEDED (delivered later)</result>\n" {
				t.Errorf("the extension attribute is %q", ea)
			}
		})
	}
}

// Jamf Pro is upgraded while usherd runs. The new release lacks the version that usherd used; nothing is lost.
func TestJamfProIsUpgraded(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro(func(o *jamfpro.Options) { o.Version, o.RetiredInHTML = "11.22.0", true })
	s.start()
	jane := s.loggedIn("p-jane")
	s.control(0, "register", "--user", jane.Name, "--wait")
	for _, version := range []string{"11.30.1", "12.0.0"} {
		s.jamfPro.SetVersion(version)
		s.control(0, "clean", "--user", jane.Name, "--yes", "--force")
		s.control(0, "register", "--user", jane.Name, "--wait")
		s.wantInJamfPro(map[string]string{"Usher Registration Result": "SUCCEEDED"})
	}
	// A release that usherd does not know is named, and not mistaken for a wrong address.
	s.jamfPro.SetVersion("14.0.0")
	s.control(0, "clean", "--user", jane.Name, "--yes", "--force")
	result := s.control(11, "register", "--user", jane.Name, "--wait")
	if !strings.Contains(result.Stderr, "14.0.0, which is newer than what this usher knows") {
		t.Errorf("the error is: %s", result.Stderr)
	}
}

// A computer that Jamf Pro does not know may be in the middle of its enrolment. Nothing is refused, and the result
// arrives after the enrolment.
func TestComputerThatIsNotEnrolledYet(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	computer, _ := s.jamfPro.Computer(mac.UDID)
	s.jamfPro.RemoveComputer(computer.ID)
	s.start()
	jane := s.loggedIn("p-jane")
	result := s.control(10, "register", "--user", jane.Name, "--wait", "--delivery-timeout", "1s")
	const says = "no record has this computer's UDID"
	if !strings.Contains(result.Stderr, says) {
		t.Errorf("the error does not say %q: %s", says, result.Stderr)
	}
	s.jamfPro.AddComputer(jamfpro.Computer{UDID: mac.UDID, SerialNumber: mac.SerialNumber, Name: mac.ComputerName})
	s.control(0, "outbox", "flush")
	s.waitHelper(deliveredLine)
	s.ranOnce(jane)
	s.wantOneTruth(jane, "SUCCEEDED")
}

// A failed registration could not be delivered, and meanwhile another one succeeds: Jamf Pro receives only the second.
func TestNewerRegistrationSupersedesAnOlder(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.jamfPro.down()
	s.start()
	jane := s.loggedIn("p-jane")
	s.must(jane.SetPortal(mac.PortalSettings{"exit_code": 66, "leave": "nothing"}))
	s.control(66, "register", "--user", jane.Name, "--wait")
	s.must(jane.SetPortal(nil))
	s.control(10, "register", "--user", jane.Name, "--wait", "--delivery-timeout", "100ms")
	var states []string
	for _, one := range s.deliveries("--all") {
		states = append(states, strings.TrimPrefix(one.State, "DELIVERY_STATE_"))
	}
	if want := []string{"PENDING", "SUPERSEDED"}; !slices.Equal(states, want) {
		t.Errorf("the outbox holds %q, want %q", states, want)
	}
	s.jamfPro.up()
	s.control(0, "outbox", "flush")
	s.control(0, "registrations", "watch", s.newest().ID)
	s.wantOneTruth(jane, "SUCCEEDED")
	computer, _ := s.jamfPro.Computer(mac.UDID)
	for _, change := range computer.History {
		if strings.HasPrefix(strings.Join(change.Values, ""), "FAILED") {
			t.Errorf("Jamf Pro has received the superseded registration: %+v", change)
		}
	}
}

// The same while the older report is on the wire: it can arrive, but never after the newer one.
func TestNewerRegistrationWaitsForAnOlderOnTheWire(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.fault(jamfpro.Fault{Kind: jamfpro.FaultSlow, PathPrefix: updatePath, Delay: 2 * time.Second, Count: 1})
	s.start()
	jane := s.loggedIn("p-jane")
	s.must(jane.SetPortal(mac.PortalSettings{"exit_code": 66, "leave": "nothing"}))
	s.control(66, "register", "--user", jane.Name, "--wait")
	s.waitUpdating()
	s.must(jane.SetPortal(nil))
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.wantOneTruth(jane, "SUCCEEDED")
	var results []string
	computer, _ := s.jamfPro.Computer(mac.UDID)
	for _, change := range computer.History {
		if change.Name == "Usher Registration Result" {
			results = append(results, change.Values...)
		}
	}
	if want := []string{"FAILED: registrationDeviceCapError (66)", "SUCCEEDED"}; !slices.Equal(results, want) {
		t.Errorf("Jamf Pro has received %q, want %q", results, want)
	}
}

// Only root may know the client secret: nothing that usher writes contains it.
func TestSecretIsNeverTold(t *testing.T) {
	const secret = "pa55-w0rd-of-the-api-client"
	s := newStory(t, nil)
	s.withJamfPro(func(options *jamfpro.Options) {
		options.Clients = []jamfpro.Client{{ID: jamfpro.DefaultClientID, Secret: secret}}
	})
	file := s.Settings["delivery.api.client_secret_file"].(string)
	s.must(os.WriteFile(file, []byte(secret+"\n"), 0o600))
	s.start()
	jane := s.loggedIn("p-jane")
	var outputs []mac.Result
	run := func(exitCode int, arguments ...string) {
		outputs = append(outputs, s.control(exitCode, arguments...),
			s.control(exitCode, append(arguments, "--json")...))
	}
	run(0, "register", "--user", jane.Name, "--wait")
	// Jamf Pro refuses it, and errors quote the request.
	s.jamfPro.SetSecret(jamfpro.DefaultClientID, "another")
	s.jamfPro.RevokeTokens()
	run(11, "register", "--user", jane.Name, "--wait")
	for _, arguments := range [][]string{
		{"status"}, {"outbox", "list", "--all"}, {"registrations", "list"}, {"registrations", "show", s.newest().ID},
		{"config", "show"}, {"config", "validate"}, {"ea", "state"}, {"ea", "result"},
	} {
		run(0, arguments...)
	}
	outputs = append(outputs, s.controlAs(jane, 0, "status", "--json"),
		s.controlAs(jane, 0, "config", "show", "--json"))
	s.must(s.StopHelper())
	written := map[string][]byte{"usherd's log": []byte(s.Helper.Log())}
	for _, one := range outputs {
		written["usherctl's output"] = append(written["usherctl's output"], one.Stdout+one.Stderr...)
	}
	entries, err := os.ReadDir(s.StateDirectory())
	s.must(err)
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(s.StateDirectory(), entry.Name()))
		s.must(err)
		written[entry.Name()] = content
	}
	if len(written) < 3 {
		t.Fatalf("the state directory holds no journal: %v", entries)
	}
	for where, content := range written {
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s holds the secret", where)
		}
	}
}

// A secret that others can read is not used, and the error names the fix.
func TestSecretFileWithTheWrongMode(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	file := s.Settings["delivery.api.client_secret_file"].(string)
	s.must(os.Chmod(file, 0o644))
	s.start()
	jane := s.loggedIn("p-jane")
	result := s.control(10, "register", "--user", jane.Name, "--wait", "--delivery-timeout", "1s")
	if want := "chmod 600 '" + file + "'"; !strings.Contains(result.Stderr, want) {
		t.Errorf("the error does not say %q: %s", want, result.Stderr)
	}
	if requests := s.jamfPro.Requests(); len(requests) != 0 {
		t.Errorf("Jamf Pro was called anyway: %+v", requests)
	}
	s.must(os.Chmod(file, 0o600))
	s.control(0, "outbox", "flush")
	s.control(0, "registrations", "watch", s.newest().ID)
	s.wantOneTruth(jane, "SUCCEEDED")
}
