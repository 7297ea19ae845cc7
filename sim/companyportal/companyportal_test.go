package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/internal/wpj"
	"usher.internal/sim/filekeychain"
	"usher.internal/useragent/identity"
	"usher.internal/useragent/keychain"
)

// asPortal makes this test's program the portal itself, as a separate process.
const asPortal = "USHER_TEST_AS_PORTAL"

func TestMain(m *testing.M) {
	if os.Getenv(asPortal) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

const tenantID = "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11"

// user is a user with a home, whose settings control Company Portal.
type user struct {
	t           *testing.T
	home        string
	environment []string
}

func newUser(t *testing.T) *user { return &user{t: t, home: t.TempDir()} }

func (u *user) set(settings map[string]any) {
	u.t.Helper()
	all := map[string]any{
		"wait": "10ms", "keychain": "file", "keychain_directory": u.keychainDirectory(), "tenant_id": tenantID,
		"runs_file": filepath.Join(u.home, "runs"),
	}
	maps.Copy(all, settings)
	content, err := json.Marshal(all)
	if err != nil {
		u.t.Fatal(err)
	}
	path := filepath.Join(u.home, ".config/usher-sim/companyportal.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		u.t.Fatal(err)
	}
}

func (u *user) keychainDirectory() string { return filepath.Join(u.home, "keychain") }

func (u *user) logDirectory() string { return filepath.Join(u.home, "Library/Logs/Company Portal") }

// command is the user's Company Portal before its start, in an environment as clean as that of the agent's children.
func (u *user) command(arguments ...string) *exec.Cmd {
	u.t.Helper()
	program, err := os.Executable()
	if err != nil {
		u.t.Fatal(err)
	}
	command := exec.CommandContext(u.t.Context(), program, arguments...)
	command.Env = append([]string{asPortal + "=1", "HOME=" + u.home, "USHER_REGISTRATION_ID=r1",
		"GORACE=" + os.Getenv("GORACE")}, u.environment...)
	return command
}

// run runs Company Portal to its end.
func (u *user) run(arguments ...string) (exitCode int, stderr string) {
	u.t.Helper()
	command := u.command(arguments...)
	var wrote bytes.Buffer
	command.Stderr = &wrote
	err := command.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		u.t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), wrote.String()
}

// records reads a log with usher's reader for real logs.
func (u *user) records(name string) []applog.Record {
	u.t.Helper()
	file, err := os.Open(filepath.Join(u.logDirectory(), name))
	if err != nil {
		u.t.Fatal(err)
	}
	defer file.Close()
	var records []applog.Record
	for record, err := range applog.Read(u.t.Context(), file, applog.Options{}) {
		if err != nil {
			u.t.Fatal(err)
		}
		if record.Kind != applog.Entry || record.Torn || record.Time.At.After(time.Now().Add(time.Second)) {
			u.t.Errorf("bad entry: %+v", record)
		}
		records = append(records, record.Clone())
	}
	return records
}

// events returns the events of the log. A telemetry event is its title, result and data; any other entry is the end of
// its message.
func (u *user) events(name string) []string {
	u.t.Helper()
	var events []string
	for _, record := range u.records(name) {
		switch title := record.Fields.Get("eventTitle"); {
		case record.Format == applog.MSAL:
			continue // library returns them
		case title != "":
			event := title + " " + record.Fields.Get("result")
			if data := record.Fields.Get("resultData"); data != "" {
				event += " " + data
			}
			events = append(events, event)
		default:
			words := strings.Fields(record.Message)
			events = append(events, "… "+strings.Join(words[max(0, len(words)-2):], " "))
		}
	}
	return events
}

// look returns usher's reading of the keychain of files.
func (u *user) look() wpj.Identity {
	u.t.Helper()
	evidence := identity.LoginKeychain(files{filekeychain.Open(u.keychainDirectory())},
		func() wpj.Conditions { return wpj.Conditions{Now: time.Now()} }).Look(u.t.Context())
	return wpj.Evaluate([]wpj.Evidence{evidence}, wpj.Conditions{Now: time.Now(), Tenant: tenantID})
}

// files reads a keychain of files as the agent does with the tag simkeychain.
type files struct{ *filekeychain.Keychain }

func (f files) items(class filekeychain.Class) ([]filekeychain.Item, error) {
	items, err := f.Items(class)
	if errors.Is(err, filekeychain.ErrLocked) {
		err = fmt.Errorf("%w: %w", keychain.ErrLocked, err)
	}
	return items, err
}

func (f files) Certificates(context.Context) (found []keychain.Certificate, err error) {
	items, err := f.items(filekeychain.Certificate)
	for _, i := range items {
		found = append(found, keychain.Certificate{DER: i.Data, Label: i.Label})
	}
	return found, err
}

func (f files) Keys(context.Context) (found []keychain.Key, err error) {
	items, err := f.items(filekeychain.Key)
	for _, i := range items {
		found = append(found, keychain.Key{ApplicationTag: i.ApplicationTag, ApplicationLabel: i.ApplicationLabel,
			Label: i.Label})
	}
	return found, err
}

func (f files) GenericPasswords(context.Context) (found []keychain.GenericPassword, err error) {
	items, err := f.items(filekeychain.GenericPassword)
	for _, i := range items {
		found = append(found, keychain.GenericPassword{Account: i.Account, Service: i.Service, Label: i.Label})
	}
	return found, err
}

const (
	signInLine = "… to 'FetchingAadIntuneToken'"
	signInOne  = "ADALLoginStarted None"
)

// happy are the events in the log of a successful registration.
var happy = []string{
	signInLine, signInOne,
	"Auth_FetchSvcToken Succeeded", "WPJ_DeviceRegistration Succeeded", "CompleteWPJOperation Succeeded",
	"… certificate thumbprint", "… Optional(__C.WorkPlaceJoinState(rawValue: 2)))", "CompanyPortalExited Succeeded 0",
}

func TestRegisters(t *testing.T) {
	u := newUser(t)
	u.set(map[string]any{"upn": "joe@example.com"})
	if code, stderr := u.run("-r"); code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if got := u.events(logName); !slices.Equal(got, happy) {
		t.Errorf("the log has\n%q\nwant\n%q", got, happy)
	}
	identity := u.look()
	if identity.State != wpj.StateRegistered || identity.UserPrincipalName != "joe@example.com" ||
		identity.TenantID != tenantID || identity.JoinType != wpj.JoinJoined {
		t.Errorf("the keychain holds %s: %s", identity.State, identity.Detail)
	}
	for _, record := range u.records(logName) {
		if record.Format == applog.MSAL {
			continue
		}
		if !strings.HasPrefix(record.Subsystem, "com.microsoft.ssp.") || record.Thread == "" {
			t.Errorf("entry of %q, thread %q", record.Subsystem, record.Thread)
		}
	}
}

func TestEveryExitCode(t *testing.T) {
	keychainTrouble := "… error code:-25244"
	for code, story := range map[wpj.ExitCode][]string{
		wpj.ExitDefaultError: {signInLine, signInOne, "Auth_FetchSvcToken Succeeded", "WPJ_DeviceRegistration Failed",
			"CompleteWPJOperation Failed", "CompanyPortalExited Failed 1"},
		3: {signInLine, signInOne, "Auth_FetchSvcToken Succeeded", "WPJ_DeviceRegistration Failed",
			"CompleteWPJOperation Failed", "CompanyPortalExited Failed 3"},
		wpj.ExitUserAbandoned: {
			signInLine, signInOne, "CompanyPortalExited Failed 64"},
		wpj.ExitRegistrationError: {signInLine, signInOne, "Auth_FetchSvcToken Succeeded",
			"WPJ_DeviceRegistration Failed", "CompleteWPJOperation Failed", "CompanyPortalExited Failed 65"},
		wpj.ExitRegistrationDeviceCapError: {signInLine, signInOne, "Auth_FetchSvcToken Succeeded",
			"WPJ_DeviceRegistration Failed", "CompleteWPJOperation Failed", "CompanyPortalExited Failed 66"},
		wpj.ExitRegistrationKeychainError: {signInLine, signInOne, "Auth_FetchSvcToken Succeeded",
			"WPJ_DeviceRegistration Succeeded", keychainTrouble, "CompleteWPJOperation Failed",
			"CompanyPortalExited Failed 67"},
		wpj.ExitAuthenticationError: {signInLine, signInOne, "Auth_FetchSvcToken Failed",
			"CompanyPortalExited Failed 68"},
		wpj.ExitNetworkError: {signInLine, signInOne, `… be offline."`, "Auth_FetchSvcToken Failed",
			"CompanyPortalExited Failed 69"},
		wpj.ExitCommandLineError: {"CompanyPortalExited Failed 70"},
	} {
		t.Run(code.String(), func(t *testing.T) {
			u := newUser(t)
			u.set(map[string]any{"exit_code": int(code)})
			if got, stderr := u.run("-r"); got != int(code) || stderr != "" {
				t.Errorf("exit code %d: %s", got, stderr)
			}
			if got := u.events(logName); !slices.Equal(got, story) {
				t.Errorf("the log has\n%q\nwant\n%q", got, story)
			}
			if identity := u.look(); identity.State != wpj.StateNotRegistered {
				t.Errorf("the keychain holds %s: %s", identity.State, identity.Detail)
			}
		})
	}
}

func TestEveryLeaving(t *testing.T) {
	want := map[string]struct {
		state  wpj.State
		detail string
	}{
		"all":              {wpj.StateRegistered, ""},
		"nothing":          {wpj.StateNotRegistered, ""},
		"half":             {wpj.StateOrphaned, "private key"},
		"no_key":           {wpj.StateOrphaned, "private key"},
		"no_user":          {wpj.StateOrphaned, wpj.AccountUserPrincipalName},
		"other_thumbprint": {wpj.StateOrphaned, wpj.AccountThumbprint},
		"expired":          {wpj.StateExpired, "expired on"},
		"not_yet_valid":    {wpj.StateExpired, "not yet valid"},
		"other_tenant":     {wpj.StateTenantMismatch, ""},
		"two":              {wpj.StateOrphaned, "2 current"},
		"two_tenants":      {wpj.StateRegistered, "the names of several users"},
		"elliptic":         {wpj.StateRegistered, ""},
		"foreign_issuer":   {wpj.StateOrphaned, "someone else"},
		"copied":           {wpj.StateRegistered, ""}, // nobody asked for a proof
		"locked":           {wpj.StateUnreadable, "locked"},
		"negative_serial":  {wpj.StateRegistered, ""},
		"damaged":          {wpj.StateUnreadable, "cannot be parsed"},
	}
	for _, leave := range leavingNames() {
		t.Run(leave, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			u.set(map[string]any{"leave": leave})
			if code, stderr := u.run("-r"); code != 0 || stderr != "" {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			if got := u.look(); got.State != want[leave].state || !strings.Contains(got.Detail, want[leave].detail) {
				t.Errorf("got %s: %s", got.State, got.Detail)
			}
		})
	}
}

func TestReplacesAnEarlierRegistration(t *testing.T) {
	u := newUser(t)
	own := filekeychain.Item{Class: filekeychain.GenericPassword, Account: "mail", Service: "example.com"}
	if err := filekeychain.Open(u.keychainDirectory()).Add(own); err != nil {
		t.Fatal(err)
	}
	u.set(map[string]any{"leave": "two"})
	u.run("-r")
	u.set(nil)
	u.run("-r")
	if got := u.look(); got.State != wpj.StateRegistered {
		t.Errorf("the keychain holds %s: %s", got.State, got.Detail)
	}
	passwords, err := filekeychain.Open(u.keychainDirectory()).Items(filekeychain.GenericPassword)
	if err != nil || len(passwords) != 5 {
		t.Errorf("%d items of one registration and one of the user's own: %v", len(passwords), err)
	}
	if runs, err := os.ReadFile(filepath.Join(u.home, "runs")); err != nil ||
		strings.Count(string(runs), "registration=r1\n") != 2 {
		t.Errorf("runs: %s, %v", runs, err)
	}
}

func TestALockedKeychainIsAKeychainError(t *testing.T) {
	u := newUser(t)
	u.set(nil)
	if err := filekeychain.Open(u.keychainDirectory()).Lock(); err != nil {
		t.Fatal(err)
	}
	if code, stderr := u.run("-r"); code != int(wpj.ExitRegistrationKeychainError) ||
		!strings.Contains(stderr, "locked") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if got := u.events(logName); got[len(got)-1] != "CompanyPortalExited Failed 67" {
		t.Errorf("the log has %q", got)
	}
}

func TestArguments(t *testing.T) {
	for _, test := range []struct {
		arguments []string
		code      int
		story     []string
	}{
		{nil, 0, []string{"… partner management", "CompanyPortalExited Succeeded 0"}},
		{[]string{"--register"}, 70, []string{"CompanyPortalExited Failed 70"}},
		{[]string{"-r", "now"}, 70, []string{"CompanyPortalExited Failed 70"}},
	} {
		u := newUser(t)
		u.set(nil)
		if code, stderr := u.run(test.arguments...); code != test.code || stderr != "" {
			t.Errorf("%q: exit code %d: %s", test.arguments, code, stderr)
		}
		if got := u.events(logName); !slices.Equal(got, test.story) {
			t.Errorf("%q: the log has %q", test.arguments, got)
		}
		if got := u.look(); got.State != wpj.StateNotRegistered {
			t.Errorf("%q: %s", test.arguments, got.State)
		}
	}
}

// library returns the events that the lines of the sign-in library show.
func (u *user) library() (events []string) {
	u.t.Helper()
	for _, record := range u.records(logName) {
		if known := event.Recognise(&record); known != nil && record.Format == applog.MSAL {
			events = append(events, known.Name)
		}
	}
	return events
}

func TestTheLibraryWritesInEveryRun(t *testing.T) {
	noise := []string{"broker-handshake-slow", "broker-asked", "broker-asked", "broker-timed-out", "broker-timed-out",
		"broker-asked", "setup-assistant-noted"}
	cancelled := []string{event.SignInCancelled, event.SignInCancelled, event.SignInCancelled}
	for _, c := range []struct {
		settings map[string]any
		want     []string
	}{
		{map[string]any{}, noise},
		{map[string]any{"log_format": "5"}, noise},
		{map[string]any{"exit_code": 64}, slices.Concat(noise, cancelled)},
		{map[string]any{"exit_code": 68},
			slices.Concat(noise, []string{"sign-in-flow-failed", "acquire-token-failed"})},
		{map[string]any{"exit_code": 70}, nil},
		{map[string]any{"cancels": 2}, slices.Concat(noise, cancelled, noise, cancelled, noise)},
	} {
		u := newUser(t)
		u.set(c.settings)
		u.run("-r")
		if got := u.library(); !slices.Equal(got, c.want) {
			t.Errorf("%v: the library writes %q, want %q", c.settings, got, c.want)
		}
	}
}

// TestCompanyPortal5 checks that the steps are the same in the grammar of version 5.
func TestCompanyPortal5(t *testing.T) {
	u := newUser(t)
	u.set(map[string]any{"log_format": "5"})
	if code, stderr := u.run("-r"); code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if got := u.events(logName); !slices.Equal(got, happy) {
		t.Errorf("the log has\n%q\nwant\n%q", got, happy)
	}
	for _, record := range u.records(logName) {
		if record.Format != applog.MSAL && record.Format != applog.CompanyPortal5 {
			t.Errorf("an entry is %s: %q", record.Format, record.Raw)
		}
	}
}

func TestTheLogIsRotated(t *testing.T) {
	middle := slices.Index(happy, "CompleteWPJOperation Succeeded")
	u := newUser(t)
	u.set(map[string]any{"rotate_log": "rename"})
	u.run("-r")
	if got := u.events(rotatedName); !slices.Equal(got, happy[:middle]) {
		t.Errorf("the older log has %q", got)
	}
	if got := u.events(logName); len(got) != len(happy)-middle || got[0] != happy[middle] {
		t.Errorf("the newer log has %q", got)
	}
	u = newUser(t)
	u.set(map[string]any{"rotate_log": "truncate"})
	u.run("-r")
	if got := u.events(logName); len(got) != len(happy)-middle || got[0] != happy[middle] {
		t.Errorf("the truncated log has %q", got)
	}
}

func TestTheExitEventIsLost(t *testing.T) {
	u := newUser(t)
	u.set(map[string]any{"lose_exit_event": true})
	if code, _ := u.run("-r"); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := u.events(logName); len(got) != len(happy)-1 || strings.Contains(got[len(got)-1], "Exited") {
		t.Errorf("the log has %q", got)
	}
}

func TestKillsItself(t *testing.T) {
	u := newUser(t)
	u.set(map[string]any{"kill_self": int(syscall.SIGKILL)})
	command := u.command("-r")
	_ = command.Run()
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v", command.ProcessState)
	}
	if got := u.events(logName); !slices.Equal(got, []string{signInLine, signInOne}) {
		t.Errorf("the log has %q", got)
	}
	if got := u.look(); got.State != wpj.StateNotRegistered {
		t.Errorf("the keychain holds %s", got.State)
	}
}
