package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"usher.internal/internal/platformsso"
	"usher.internal/internal/wpj"
	"usher.internal/sim/session"
)

const (
	deviceID = "c9f7fcba-c5d8-4994-8d4c-2c2785b993c1"
	tenantID = "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11"
)

// configure writes the settings of a new home.
func configure(t *testing.T, settings session.AppSSO) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	content, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	path := session.Path(home, settings)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Each state that a setting can choose is read back as that state.
func TestEveryState(t *testing.T) {
	registered := session.AppSSO{State: session.Registered, UPN: "jane@example.com", TenantID: tenantID,
		DeviceID: deviceID}
	with := func(change func(*session.AppSSO)) session.AppSSO {
		settings := registered
		change(&settings)
		return settings
	}
	user := func(state string) session.AppSSO { return with(func(s *session.AppSSO) { s.User = state }) }
	for name, test := range map[string]struct {
		settings session.AppSSO
		state    wpj.State
		device   wpj.DeviceID
		upn      wpj.UserPrincipalName
	}{
		"nothing":        {session.AppSSO{}, wpj.StateNotRegistered, "", ""},
		"configured":     {session.AppSSO{State: session.Configured}, wpj.StatePlatformSSOConfigured, "", ""},
		"registered":     {registered, wpj.StateRegistered, deviceID, "jane@example.com"},
		"needs new keys": {user(session.UserNeedsNewKeys), wpj.StatePending, deviceID, "jane@example.com"},
		"needs registration": {user(session.UserNeedsRegistration), wpj.StateNeedsRegistration, deviceID,
			"jane@example.com"},
		"three":             {user(session.UserStateThree), wpj.StateCannotTell, deviceID, "jane@example.com"},
		"new password user": {user(session.UserNewPasswordUser), wpj.StateNeedsBinding, deviceID, "jane@example.com"},
		"key is invalid":    {user(session.UserKeyInvalid), wpj.StateUserKeyInvalid, deviceID, "jane@example.com"},
		"new card user":     {user(session.UserNewSmartCardUser), wpj.StateNeedsBinding, deviceID, "jane@example.com"},
		"seven":             {user(session.UserNewByNumber), wpj.StateNeedsBinding, deviceID, "jane@example.com"},
		"needs binding":     {user(session.UserNeedsBinding), wpj.StateNeedsBinding, deviceID, "jane@example.com"},
		"unknown":           {user(session.UserUnknown), wpj.StateCannotTell, deviceID, "jane@example.com"},
		"contradictory": {user(session.UserContradictory), wpj.StateNeedsRegistration, deviceID,
			"jane@example.com"},
		"broken":  {user(session.UserBroken), wpj.StateCannotTell, deviceID, ""},
		"no user": {user(session.UserNone), wpj.StateUserNotRegistered, deviceID, ""},
		"no Kerberos": {with(func(s *session.AppSSO) { s.KerberosEmpty = true }), wpj.StateRegistered, deviceID,
			""},
		"expired": {with(func(s *session.AppSSO) { s.Certificate = session.CertificateExpired }),
			wpj.StateExpired, deviceID, "jane@example.com"},
		"no certificate": {with(func(s *session.AppSSO) { s.Certificate = session.CertificateNone }),
			wpj.StateCannotTell, "", ""},
		"broken certificate": {with(func(s *session.AppSSO) { s.Certificate = session.CertificateBroken }),
			wpj.StateUnreadable, "", "jane@example.com"},
		"other tenant": {with(func(s *session.AppSSO) { s.TenantID = deviceID }), wpj.StateTenantMismatch,
			deviceID, "jane@example.com"},
		"macOS 15": {with(func(s *session.AppSSO) { s.MacOS = "15" }), wpj.StateRegistered, deviceID,
			"jane@example.com"},
		"Okta": {with(func(s *session.AppSSO) { s.Extension = session.OktaExtension }),
			wpj.StateNotRegistered, "", ""},
		"by the issuer": {with(func(s *session.AppSSO) { s.NoExtension = true }), wpj.StateRegistered, deviceID,
			"jane@example.com"},
		"another issuer": {with(func(s *session.AppSSO) { s.NoExtension, s.Issuer = true, "example.okta.com" }),
			wpj.StateNotRegistered, "", ""},
		"of nobody": {with(func(s *session.AppSSO) { s.NoExtension, s.LoginNull = true, true }),
			wpj.StateCannotTell, "", ""},
		"expired tokens": {with(func(s *session.AppSSO) { s.TokensExpired = true }), wpj.StateRegistered, deviceID,
			"jane@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			configure(t, test.settings)
			var output bytes.Buffer
			if code := run([]string{"platform", "-s"}, &output); code != 0 {
				t.Fatalf("ended with %d", code)
			}
			report, err := platformsso.Parse(output.Bytes())
			if err != nil {
				t.Fatalf("%v in\n%s", err, output.Bytes())
			}
			got := wpj.Evaluate([]wpj.Evidence{report.Evidence()}, wpj.Conditions{Now: time.Now(), Tenant: tenantID})
			if got.State != test.state || got.DeviceID != test.device || got.UserPrincipalName != test.upn {
				t.Errorf("%s (%s), %s, %s", got.State, got.Detail, string(got.DeviceID), string(got.UserPrincipalName))
			}
		})
	}
}

func TestTrouble(t *testing.T) {
	configure(t, session.AppSSO{Trouble: session.Trouble{Garbage: "no such thing", ExitCode: 3}})
	var output bytes.Buffer
	if code := run([]string{"platform", "-s"}, &output); code != 3 || output.String() != "no such thing" {
		t.Errorf("%d, %q", code, output.String())
	}
	configure(t, session.AppSSO{State: "odd"})
	if code := run([]string{"platform", "-s"}, &output); code != exitMisconfigured {
		t.Errorf("an unknown state ended with %d", code)
	}
	if code := run([]string{"-l"}, &output); code != exitUsage {
		t.Errorf("other arguments: %d", code)
	}
}
