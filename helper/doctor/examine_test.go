package doctor_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"usher.internal/helper/doctor"
	"usher.internal/helper/jamfpro"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

// anAdmin sees everything, about everybody.
var anAdmin = doctor.Caller{Admin: true, All: true}

// examine runs all checks for an admin.
func examine(t *testing.T, config doctor.Config) []doctor.Outcome {
	t.Helper()
	var all []doctor.Outcome
	err := doctor.New(config).Examine(t.Context(), anAdmin, func(found doctor.Outcome) error {
		all = append(all, found)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range all {
		switch unwell := found.Result == doctor.Warning || found.Result == doctor.Failed; {
		case !strings.HasSuffix(found.Evidence, "."):
			t.Errorf("%s: evidence %q is not a sentence", found.Name, found.Evidence)
		case found.Title == "":
			t.Errorf("%s has no title", found.Name)
		case !unwell && found.Fix != "":
			t.Errorf("%s is %s and has the fix %q", found.Name, found.Result, found.Fix)
		case found.Result == doctor.Failed && found.Fix == "":
			t.Errorf("%s failed and has no fix", found.Name)
		}
	}
	return all
}

// named returns the only outcome of that name.
func named(t *testing.T, all []doctor.Outcome, name string) doctor.Outcome {
	t.Helper()
	var named []doctor.Outcome
	for _, found := range all {
		if found.Name == name {
			named = append(named, found)
		}
	}
	if len(named) != 1 {
		t.Fatalf("%d outcomes are named %s: %+v", len(named), name, all)
	}
	return named[0]
}

func TestWhatIsNotConfiguredIsNotApplicable(t *testing.T) {
	for _, found := range examine(t, doctor.Config{PortalExecutable: executable(t)}) {
		if runtime.GOOS == "darwin" &&
			slices.Contains([]string{"proxy", "company-portal-signature", "attested-device-compliance"}, found.Name) {
			continue // these ask macOS itself, so they do not depend on the configuration
		}
		well := doctor.NotApplicable
		if found.Name == "company-portal-installed" || found.Name == "company-portal-protected" ||
			found.Name == "proxy" {
			well = doctor.OK
		}
		if found.Result != well {
			t.Errorf("%s is %s (%s), want %s", found.Name, found.Result, found.Evidence, well)
		}
	}
}

func TestChecks(t *testing.T) {
	program, gone, writable, plain := executable(t), filepath.Join(t.TempDir(), "none"), file(t, 0o757, nil),
		file(t, 0o644, nil)
	yes, no := true, false
	api := fakeJamfPro{} // only its presence matters
	for name, test := range map[string]struct {
		config doctor.Config
		check  string
		result doctor.Result
		says   string
	}{
		"agent": {doctor.Config{AgentExecutable: program}, "agent-installed", doctor.OK, program},
		"agent missing": {doctor.Config{AgentExecutable: gone}, "agent-installed", doctor.Failed,
			"not at " + gone},
		"agent writable": {doctor.Config{AgentExecutable: writable}, "agent-installed", doctor.Failed, "0757"},
		"agent of a group": {doctor.Config{AgentExecutable: file(t, 0o775, nil)}, "agent-installed", doctor.Failed,
			"0775"},
		"agent not executable": {doctor.Config{AgentExecutable: plain}, "agent-installed", doctor.Failed, "0644"},
		"nobody": {doctor.Config{Sessions: fakeSessions{}}, "agent-connected", doctor.Warning,
			"No usher-agent of a user whom you may see is connected"},
		"nobody to examine": {doctor.Config{Sessions: fakeSessions{}}, "session-checks", doctor.NotApplicable,
			"No agent"},
		"jamf": {doctor.Config{JamfExecutable: program}, "jamf-binary", doctor.OK, program},
		"jamf replaceable": {doctor.Config{JamfExecutable: replaceable(t)}, "jamf-binary", doctor.Failed,
			"can be written by everybody"},
		"jamf behind a link of a user's": {doctor.Config{JamfExecutable: linked(t, program)}, "jamf-binary",
			doctor.Failed,
			"belongs to uid 65534, so others could have root run another program; set jamf.executable to " +
				"/usr/local/jamf/bin/jamf"},
		"agent behind a link of a user's": {doctor.Config{AgentExecutable: linked(t, program)}, "agent-installed",
			doctor.Failed, "belongs to uid 65534"},
		"portal behind a link of a user's": {doctor.Config{PortalExecutable: linked(t, program)},
			"company-portal-protected", doctor.Failed, "belongs to uid 65534"},
		"jamf missing": {doctor.Config{JamfExecutable: gone}, "jamf-binary", doctor.Failed, gone},
		"jamf missing, with API": {doctor.Config{JamfExecutable: gone, JamfPro: api}, "jamf-binary",
			doctor.Warning, gone},

		"version": {doctor.Config{PortalExecutable: bundled(t, "5.2504.1"), PortalMinimumVersion: "5.2504"},
			"company-portal-version", doctor.OK, "5.2504.1"},
		"version too old": {doctor.Config{PortalExecutable: bundled(t, "5.9"), PortalMinimumVersion: "5.10"},
			"company-portal-version", doctor.Failed, "5.9"},
		"no version": {doctor.Config{PortalExecutable: bundled(t, "")}, "company-portal-version", doctor.Warning,
			"Could not look: "},
		"version in words": {doctor.Config{PortalExecutable: bundled(t, "new"), PortalMinimumVersion: "5"},
			"company-portal-version", doctor.Warning, `Could not look: read version "new"`},
		"not protected": {doctor.Config{PortalExecutable: writable}, "company-portal-protected", doctor.Failed,
			"0757"},
		"nothing there": {doctor.Config{PortalExecutable: gone}, "company-portal-protected", doctor.NotApplicable,
			gone},

		"conditional access": {
			doctor.Config{JamfPreferences: preferences(t, map[string]any{"microsoftCAEnabled": true})},
			"conditional-access-enabled", doctor.OK, "true"},
		"no Jamf preferences": {doctor.Config{JamfPreferences: gone}, "conditional-access-enabled",
			doctor.Warning, "Could not look: "},
		"conditional access as an admin wrote it": {
			doctor.Config{JamfPreferences: preferences(t, map[string]any{"microsoftCAEnabled": "yes"})},
			"conditional-access-enabled", doctor.OK, "true"},
		"conditional access is neither": {
			doctor.Config{JamfPreferences: preferences(t, map[string]any{"microsoftCAEnabled": "maybe"})},
			"conditional-access-enabled", doctor.Warning, "neither true nor false"},
		"no conditional access": {
			doctor.Config{JamfPreferences: preferences(t, map[string]any{"microsoftCAEnabled": false})},
			"conditional-access-enabled", doctor.Failed, "false"},

		"no endpoint": {doctor.Config{Endpoints: []string{closed(t)}}, "registration-endpoints", doctor.Failed,
			"refused"},
		"no clock": {doctor.Config{Endpoints: []string{closed(t)}}, "clock", doctor.Warning,
			"Could not look: no endpoint reported the time"},

		"no primary user": {doctor.Config{}, "primary-user", doctor.NotApplicable, "None is configured"},
		"primary user not filled in": {doctor.Config{PrimaryUser: "$USERNAME"}, "primary-user", doctor.Warning,
			"has not filled in"},
		"primary user is root": {doctor.Config{PrimaryUser: "root"}, "primary-user", doctor.Warning, "no person"},
		"primary user unknown": {doctor.Config{PrimaryUser: "nobody-of-that-name"}, "primary-user",
			doctor.Warning, "nobody has registered with that name"},

		"a profile": {doctor.Config{ManagedConfiguration: plain}, "managed-configuration", doctor.OK, plain},
		"local settings": {doctor.Config{ManagedConfiguration: gone, LocalConfiguration: plain},
			"managed-configuration", doctor.Warning, plain},
		"no settings": {doctor.Config{ManagedConfiguration: gone, LocalConfiguration: gone},
			"managed-configuration", doctor.Warning, "defaults"},
		"no directory": {doctor.Config{StateDirectory: gone}, "disk", doctor.Warning, "Could not look: "},
		"journal":      {doctor.Config{Journal: func() error { return nil }}, "journal", doctor.OK, "succeeded"},
		"nothing is damaged": {doctor.Config{Damages: func() ([]store.Damage, error) { return nil, nil }},
			"journal-damage", doctor.OK, "Nothing"},
		"a value is damaged": {doctor.Config{Damages: func() ([]store.Damage, error) {
			return []store.Damage{{Bucket: "registrations", Key: []byte("1"), Why: "its checksum does not match"}}, nil
		}}, "journal-damage", doctor.Warning, "1 value of registrations"},
		"journal is full": {doctor.Config{Journal: func() error { return errors.New("no space left") }}, "journal",
			doctor.Failed, "no space left"},

		"privilege": {jamfProWith(jamfpro.Privilege{Name: "Read Computers", Required: true}, &yes),
			"jamf-pro-privilege-read-computers", doctor.OK, ""},
		"privilege missing": {jamfProWith(jamfpro.Privilege{Name: "Read Computers", Required: true}, &no),
			"jamf-pro-privilege-read-computers", doctor.Failed, "refuses"},
		"privilege spared": {jamfProWith(jamfpro.Privilege{Name: "Create Extension Attributes"}, &no),
			"jamf-pro-privilege-create-extension-attributes", doctor.Warning, "without"},
		"privilege not tried": {jamfProWith(jamfpro.Privilege{Name: "Update Computers", Required: true}, nil),
			"jamf-pro-privilege-update-computers", doctor.NotApplicable, "cannot be tried"},
	} {
		t.Run(name, func(t *testing.T) {
			found := named(t, examine(t, test.config), test.check)
			if found.Result != test.result || !strings.Contains(found.Evidence, test.says) {
				t.Errorf("%s: %s, want %s with %q", found.Result, found.Evidence, test.result, test.says)
			}
			if strings.HasPrefix(found.Evidence, "Could not look") && found.Fix != "" {
				t.Errorf("nothing is known to be wrong, and the fix is %q", found.Fix)
			}
		})
	}
}

// replaceable is root's program in a directory that everybody may write to.
func replaceable(t *testing.T) string {
	t.Helper()
	path := executable(t)
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	return path
}

// linked is a link to the program, in a directory that another user owns.
func linked(t *testing.T, program string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "link")
	if err := errors.Join(os.Symlink(program, path), os.Chown(filepath.Dir(path), 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	return path
}

type fakeJamfPro struct {
	checked jamfpro.Checked
	err     error
	asked   *int
}

func (f fakeJamfPro) CheckPrivileges(context.Context) (jamfpro.Checked, error) {
	if f.asked != nil {
		*f.asked++
	}
	return f.checked, f.err
}

func jamfProWith(privilege jamfpro.Privilege, granted *bool) doctor.Config {
	return doctor.Config{JamfPro: fakeJamfPro{checked: jamfpro.Checked{
		Server: "example.jamfcloud.com", Version: "11.30.1",
		Privileges: []jamfpro.CheckedPrivilege{{Privilege: privilege, Granted: granted}},
	}}}
}

func TestJamfProThatDoesNotGiveAToken(t *testing.T) {
	for name, test := range map[string]struct {
		err              error
		reachable, token doctor.Result
	}{
		"wrong secret": {&jamfpro.APIError{Operation: "get a token", Host: "example.jamfcloud.com",
			Status: http.StatusBadRequest}, doctor.OK, doctor.Failed},
		"not there": {&jamfpro.APIError{Operation: "get a token", Host: "example.jamfcloud.com",
			Err: errors.New("connection refused")}, doctor.Failed, doctor.Warning},
		"under repair": {&jamfpro.APIError{Operation: "get a token", Host: "example.jamfcloud.com",
			Status: http.StatusServiceUnavailable}, doctor.Failed, doctor.Warning},
		"another server": {&jamfpro.APIError{Operation: "get a token", Host: "example.jamfcloud.com",
			Status: http.StatusOK, NotJSON: true}, doctor.Failed, doctor.Warning},
		"no secret": {fmt.Errorf("read: %w", jamfpro.ErrSecretFile), doctor.Warning, doctor.Failed},
		"busy":      {jamfpro.ErrBusy, doctor.Warning, doctor.Warning},
		"nothing is there": {fmt.Errorf("check: %w", jamfpro.ErrNotConfigured), doctor.NotApplicable,
			doctor.NotApplicable},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			all := examine(t, doctor.Config{JamfPro: fakeJamfPro{err: test.err, asked: &asked}})
			reachable, token, privileges := named(t, all, "jamf-pro-reachable"), named(t, all, "jamf-pro-token"),
				named(t, all, "jamf-pro-privilege")
			if reachable.Result != test.reachable || token.Result != test.token {
				t.Errorf("reachable is %s (%s), token is %s (%s)", reachable.Result, reachable.Evidence, token.Result,
					token.Evidence)
			}
			if privileges.Result != doctor.NotApplicable && !strings.HasPrefix(privileges.Evidence, "Could not look") {
				t.Errorf("privileges are %s (%s)", privileges.Result, privileges.Evidence)
			}
			if asked != 1 {
				t.Errorf("Jamf Pro was asked %d times", asked)
			}
		})
	}
}

type fakeSessions []sessions.Session

func (f fakeSessions) List() []sessions.Session { return f }

// fakeAgent answers only ExamineSession.
type fakeAgent struct {
	usherv1.UserAgentServiceClient
	checks []*usherv1.Check
	err    error
	hangs  bool
	asked  *bool
}

func (f fakeAgent) ExamineSession(ctx context.Context, _ *usherv1.ExamineSessionRequest,
	_ ...grpc.CallOption) (*usherv1.ExamineSessionResponse, error) {
	if f.asked != nil {
		*f.asked = true
	}
	if f.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &usherv1.ExamineSessionResponse{Checks: f.checks}, f.err
}

func session(name string, uid uint32, agent usherv1.UserAgentServiceClient) sessions.Session {
	return sessions.Session{User: accounts.User{Name: name, UID: uid}, AgentVersion: "1.2.3", AgentPID: 42,
		ConnectedAt: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), Agent: agent}
}

func TestWhatAnAgentClaimsIsBounded(t *testing.T) {
	const evil = "a\x1b[2J\nb\u202e"
	many := []*usherv1.Check{
		{Name: "Keychain " + evil, Title: evil, Evidence: strings.Repeat("x", 10000),
			Fix: evil + strings.Repeat("y", 10000), Result: 3, User: "root"},
		{Name: "future", Title: "t", Evidence: "e", Result: 99},
		{Title: "t", Evidence: "e", Result: usherv1.CheckResult_CHECK_RESULT_FAILED},
		{Name: strings.Repeat("long ", 100), Evidence: "e", Result: usherv1.CheckResult_CHECK_RESULT_OK,
			Fix: "not needed"},
		{Name: "none", Evidence: "e", Result: usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE},
	}
	for range 100 {
		many = append(many, &usherv1.Check{Name: "more", Result: usherv1.CheckResult_CHECK_RESULT_OK})
	}
	var claimed []doctor.Outcome
	err := doctor.New(doctor.Config{Sessions: fakeSessions{session("jane", 501, fakeAgent{checks: many})}}).
		Examine(t.Context(), anAdmin,
			func(found doctor.Outcome) error {
				if strings.HasPrefix(found.Name, "session-") {
					claimed = append(claimed, found)
				}
				return nil
			})
	if err != nil || len(claimed) != 16 {
		t.Fatalf("%d checks of 105 came through, %v", len(claimed), err)
	}
	for _, found := range claimed {
		if found.User.Name != "jane" {
			t.Errorf("%s is about %q", found.Name, found.User.Name)
		}
		for _, text := range []string{found.Name, found.Title, found.Evidence, found.Fix} {
			if strings.ContainsAny(text, "\x1b\n\u202e") || len([]rune(text)) > 300 {
				t.Errorf("%s came through with %q", found.Name, text)
			}
		}
	}
	var names []string
	var results []doctor.Result
	for _, found := range claimed[:5] {
		names, results = append(names, found.Name), append(results, found.Result)
	}
	if !slices.Equal(names[:3], []string{"session-keychain-a-2j-b", "session-future", "session-unnamed"}) ||
		len(names[3]) > 60 {
		t.Errorf("names are %q", names)
	}
	if !slices.Equal(results, []doctor.Result{doctor.Warning, doctor.Warning, doctor.Failed, doctor.OK,
		doctor.NotApplicable}) {
		t.Errorf("results are %q", results)
	}
	if claimed[3].Fix != "" || claimed[0].Fix == "" {
		t.Errorf("fixes are %q and %q", claimed[0].Fix, claimed[3].Fix)
	}
}

// A user on the console without an agent is reported, even if the agent of another user is connected.
func TestConsoleWithoutAgentIsSeen(t *testing.T) {
	jane := session("jane", 501, fakeAgent{})
	config := doctor.Config{Sessions: fakeSessions{jane}, AtConsole: func() (accounts.User, bool) {
		return accounts.User{Name: "john", UID: 502}, true
	}}
	connected := func() (states []string) {
		for _, found := range examine(t, config) {
			if found.Name == "agent-connected" {
				states = append(states, found.User.Name+" "+string(found.Result))
			}
		}
		return states
	}
	if states := connected(); !slices.Equal(states, []string{"jane OK", "john FAILED"}) {
		t.Errorf("john is on the console: %q", states)
	}
	config.AtConsole = func() (accounts.User, bool) { return jane.User, true }
	if states := connected(); !slices.Equal(states, []string{"jane OK"}) {
		t.Errorf("jane is on the console: %q", states)
	}
}

func TestSessionsOfOthersAreNotLookedAt(t *testing.T) {
	asked := false
	config := doctor.Config{Sessions: fakeSessions{
		session("jane", 501, fakeAgent{
			checks: []*usherv1.Check{{Name: "keychain", Title: "t", Evidence: "e.",
				Result: usherv1.CheckResult_CHECK_RESULT_OK}}}),
		session("john", 502, fakeAgent{asked: &asked}),
	}}
	var about []string
	err := doctor.New(config).Examine(t.Context(), doctor.Caller{UID: 501}, func(found doctor.Outcome) error {
		if found.User.Name != "" {
			about = append(about, found.User.Name+" "+found.Name)
		}
		return nil
	})
	if err != nil || asked || !slices.Equal(about, []string{"jane agent-connected", "jane session-keychain"}) {
		t.Errorf("john was asked: %t; outcomes about users are %q; %v", asked, about, err)
	}
}

func TestEverySessionHasItsFindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		all := examine(t, doctor.Config{Sessions: fakeSessions{
			session("old", 501, fakeAgent{err: errors.New("unknown method")}),
			session("hung", 502, fakeAgent{hangs: true}),
			session("silent", 503, fakeAgent{}),
		}})
		got := map[string]string{}
		for _, found := range all {
			if found.User.Name != "" {
				got[found.User.Name+" "+found.Name] = string(found.Result) + " " + found.Evidence
			}
		}
		for about, want := range map[string]string{
			"old session-checks":    "WARNING Could not look: the agent does not say: unknown method.",
			"hung session-checks":   "WARNING Could not look: there was no answer within 20s.",
			"silent session-checks": "WARNING Could not look: the agent made no checks.",
			"hung agent-connected":  "OK Agent 1.2.3, pid 42, has been connected since 2026-11-23T10:00:00Z.",
		} {
			if got[about] != want {
				t.Errorf("%s: %q, want %q", about, got[about], want)
			}
		}
		if took := time.Since(begun); took != 20*time.Second {
			t.Errorf("one agent that hangs takes %s", took)
		}
	})
}

// slowJamfPro never answers, so that later rows of the table have to wait.
type slowJamfPro struct{}

func (slowJamfPro) CheckPrivileges(ctx context.Context) (jamfpro.Checked, error) {
	<-ctx.Done()
	return jamfpro.Checked{}, ctx.Err()
}

func TestFindingsComeInOrderAndAsSoonAsTheyAreThere(t *testing.T) {
	portal := executable(t)
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var before, after []string
		err := doctor.New(doctor.Config{PortalExecutable: portal, JamfPro: slowJamfPro{},
			Endpoints: []string{"slow.example:443"}, Dial: hangs, Transport: slowClock{}}).
			Examine(t.Context(), anAdmin, func(found doctor.Outcome) error {
				if time.Since(begun) == 0 {
					before = append(before, found.Name)
				} else {
					after = append(after, found.Name)
				}
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
		if before[0] != "company-portal-installed" ||
			!slices.Equal(after, []string{"registration-endpoints", "endpoint-slow-example", "clock",
				"jamf-pro-reachable", "jamf-pro-token", "jamf-pro-privilege", "configuration", "primary-user",
				"managed-configuration", "disk", "journal", "journal-damage"}) {
			t.Errorf("at once: %q; later: %q", before, after)
		}
		if took := time.Since(begun); took != 45*time.Second {
			t.Errorf("all of it took %s", took)
		}
	})
}

type slowClock struct{}

func (slowClock) RoundTrip(request *http.Request) (*http.Response, error) {
	<-request.Context().Done()
	return nil, request.Context().Err()
}

func TestExaminationEndsWithItsContextAndItsListener(t *testing.T) {
	checks := doctor.New(doctor.Config{Endpoints: []string{"slow.example:443"}, Dial: hangs, Transport: slowClock{}})
	ctx, cancel := context.WithCancel(t.Context())
	reported := 0
	err := checks.Examine(ctx, anAdmin, func(doctor.Outcome) error {
		if reported++; reported == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || reported != 3 {
		t.Errorf("after %d outcomes: %v", reported, err)
	}
	gone := errors.New("listener is gone")
	if err := checks.Examine(t.Context(), anAdmin, func(doctor.Outcome) error { return gone }); !errors.Is(err,
		gone) {
		t.Errorf("got %v", err)
	}
}

func TestClock(t *testing.T) {
	off := time.Duration(0)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodHead || request.URL.Path != "/" {
			t.Errorf("asked %s %s", request.Method, request.URL)
		}
		if off == math.MaxInt64 {
			w.Header().Set("Date", "today")
			return
		}
		w.Header().Set("Date", time.Now().Add(-off).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusNotFound) // the time is right all the same
	}))
	defer server.Close()
	transport := server.Client().Transport.(*http.Transport)
	defer transport.CloseIdleConnections()
	endpoint := server.Listener.Addr().String()
	for _, test := range []struct {
		off    time.Duration
		result doctor.Result
		says   string
	}{
		{0, doctor.OK, "that of " + endpoint},
		{50 * time.Second, doctor.OK, "ahead of"},
		{-90 * time.Second, doctor.Warning, "behind that of " + endpoint},
		{90 * time.Second, doctor.Warning, "ahead of that of " + endpoint},
		{time.Hour, doctor.Failed, "1h0m"},
		{-time.Hour, doctor.Failed, "behind"},
		{math.MaxInt64, doctor.Warning, "Could not look: "},
	} {
		off = test.off
		found := named(t, examine(t, doctor.Config{Endpoints: []string{closed(t), endpoint}, Transport: transport}),
			"clock")
		if found.Result != test.result || !strings.Contains(found.Evidence, test.says) {
			t.Errorf("%s off is %s: %s; want %s with %q", test.off, found.Result, found.Evidence, test.result,
				test.says)
		}
	}
}

// A clock that is years off makes every certificate invalid, so no answer has a Date to read.
func TestClockBesideItsCertificates(t *testing.T) {
	found := named(t, examine(t, doctor.Config{Endpoints: []string{"one.example:443"}, Transport: expiredTransport{}}),
		"clock")
	if found.Result != doctor.Failed ||
		!strings.Contains(found.Evidence, "it is valid from 2040-01-01T00:00:00Z to 2041-01-01T00:00:00Z") {
		t.Errorf("%s: %s", found.Result, found.Evidence)
	}
}

// One endpoint with an expired certificate does not make the clock wrong if another one reports the time.
func TestClockBesideOneOldCertificate(t *testing.T) {
	transport := sometimesExpired{"old.example:443": true}
	found := named(t, examine(t,
		doctor.Config{Endpoints: []string{"old.example:443", "good.example:443"}, Transport: transport}), "clock")
	if found.Result != doctor.OK || !strings.Contains(found.Evidence, "good.example:443") {
		t.Errorf("%s: %s", found.Result, found.Evidence)
	}
	transport["good.example:443"] = true
	found = named(t, examine(t, doctor.Config{Endpoints: []string{"old.example:443", "good.example:443"},
		Transport: transport}), "clock")
	if found.Result != doctor.Failed ||
		!strings.Contains(found.Evidence, "the certificate of old.example:443 is not valid") {
		t.Errorf("%s: %s", found.Result, found.Evidence)
	}
}

// sometimesExpired answers with the time, and like [expiredTransport] for its hosts.
type sometimesExpired map[string]bool

func (s sometimesExpired) RoundTrip(request *http.Request) (*http.Response, error) {
	if s[request.URL.Host] {
		return expiredTransport{}.RoundTrip(request)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody,
		Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}, Request: request}, nil
}

// expiredTransport fails like TLS while the clock is before the certificate's time.
type expiredTransport struct{}

func (expiredTransport) RoundTrip(*http.Request) (*http.Response, error) {
	certificate := &x509.Certificate{NotBefore: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter: time.Date(2041, 1, 1, 0, 0, 0, 0, time.UTC)}
	return nil, &tls.CertificateVerificationError{
		Err: x509.CertificateInvalidError{Cert: certificate, Reason: x509.Expired}}
}
