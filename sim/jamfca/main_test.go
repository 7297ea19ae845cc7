package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"usher.internal/internal/jamfstate"
	"usher.internal/internal/wpj"
	"usher.internal/sim/session"
)

// configure writes the settings of a new home, and returns it.
func configure(t *testing.T, settings session.JamfAgent) string {
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
	return home
}

func TestGetPSSOStatus(t *testing.T) {
	const device, tenant = "c9f7fcba-c5d8-4994-8d4c-2c2785b993c1", "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11"
	for name, test := range map[string]struct {
		settings session.JamfAgent
		state    wpj.State
	}{
		"not enabled": {session.JamfAgent{}, wpj.StateNotRegistered},
		"secure enclave": {session.JamfAgent{DeviceID: device, TenantID: tenant, UPN: "jane@example.com"},
			wpj.StateRegistered},
		"enabled": {session.JamfAgent{Status: 1}, wpj.StatePlatformSSOConfigured},
		"registered": {session.JamfAgent{Status: 2, DeviceID: device, TenantID: tenant, UPN: "jane@example.com"},
			wpj.StateRegistered},
		"needs repair":     {session.JamfAgent{Status: 3, DeviceID: device}, wpj.StateNeedsRepair},
		"in other tenants": {session.JamfAgent{Status: 2, DeviceID: device, TenantID: device}, wpj.StateTenantMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			configure(t, test.settings)
			var output bytes.Buffer
			if code := run([]string{"getPSSOStatus"}, &output); code != 0 {
				t.Fatalf("ended with %d", code)
			}
			status, err := jamfstate.ParsePSSOStatus(output.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			got := wpj.Evaluate([]wpj.Evidence{status.Evidence()}, wpj.Conditions{Now: time.Now(), Tenant: tenant})
			if got.State != test.state || string(got.DeviceID) != test.settings.DeviceID ||
				string(got.UserPrincipalName) != test.settings.UPN {
				t.Errorf("%s (%s) from %s", got.State, got.Detail, output.Bytes())
			}
		})
	}
}

func TestGatherAADInfo(t *testing.T) {
	for how, want := range map[string]string{session.GatherAcquires: "true", session.GatherDeactivates: "false",
		session.GatherNothing: "nothing"} {
		home := configure(t, session.JamfAgent{Gather: how})
		var output bytes.Buffer
		if code := run([]string{"gatherAADInfo"}, &output); code != 0 {
			t.Fatalf("ended with %d", code)
		}
		got := "nothing"
		if content, err := os.ReadFile(
			filepath.Join(home, "Library/Preferences/com.jamf.management.jamfAAD.plist")); err == nil {
			state, err := jamfstate.ParseAgentState(content)
			if err != nil || state.HaveAzureID == nil || state.LastTokenAt.IsZero() == *state.HaveAzureID {
				t.Fatalf("%+v, %v", state, err)
			}
			got = map[bool]string{true: "true", false: "false"}[*state.HaveAzureID]
		}
		if got != want {
			t.Errorf("%q left %s, want %s", how, got, want)
		}
	}
}

func TestTrouble(t *testing.T) {
	var output bytes.Buffer
	configure(t, session.JamfAgent{Old: true})
	if code := run([]string{"getPSSOStatus"}, &output); code != exitUsage || output.String() != usage {
		t.Errorf("an old version: %d, %q", code, output.String())
	}
	output.Reset()
	if code := run([]string{"version"}, &output); code != 0 || output.String() != "version=11.21.1\n" {
		t.Errorf("version: %d, %q", code, output.String())
	}
	configure(t, session.JamfAgent{Trouble: session.Trouble{Garbage: "nonsense", ExitCode: 4}})
	output.Reset()
	if code := run([]string{"getPSSOStatus"}, &output); code != 4 || output.String() != "nonsense" {
		t.Errorf("garbage: %d, %q", code, output.String())
	}
	configure(t, session.JamfAgent{Status: 7})
	if code := run([]string{"getPSSOStatus"}, &output); code != exitMisconfigured {
		t.Errorf("an unknown status ended with %d", code)
	}
}
