package platformsso_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/platformsso"
	"usher.internal/internal/wpj"
)

var update = flag.Bool("update", false, "write the golden files")

// recorded is the content of a golden file: the evidence, and the result of evaluating only that.
type recorded struct {
	Error    string `json:",omitempty"`
	Finding  wpj.Finding
	Detail   string
	Facts    *wpj.PlatformSSO
	UPN      string
	State    wpj.State
	Rule     string
	DeviceID string
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			output, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := recorded{}
			report, err := platformsso.Parse(output)
			if err != nil {
				if !errors.Is(err, platformsso.ErrNotRecognised) {
					t.Errorf("%v is not ErrNotRecognised", err)
				}
				got.Error = err.Error()
			} else {
				evidence := report.Evidence()
				identity := wpj.Evaluate([]wpj.Evidence{evidence},
					wpj.Conditions{Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
				got = recorded{"", evidence.Finding, evidence.Detail, evidence.PlatformSSO,
					string(evidence.UserPrincipalName), identity.State, identity.Rule, string(identity.DeviceID)}
			}
			content, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := file + ".golden"
			if *update {
				if err := os.WriteFile(golden, append(content, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != string(content)+"\n" {
				t.Errorf("got %s\nwant %s", content, want)
			}
		})
	}
}

// Any output leads to an error, or to evidence that Evaluate can use. No error has more than one line.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		output, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(output)
	}
	f.Fuzz(func(t *testing.T, output []byte) {
		report, err := platformsso.Parse(output)
		if err != nil {
			if !errors.Is(err, platformsso.ErrNotRecognised) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		evidence := report.Evidence()
		if evidence.Source != wpj.SourcePlatformSSO || evidence.Finding == wpj.CouldNotLook ||
			(evidence.Finding == wpj.Found) != (evidence.PlatformSSO != nil) {
			t.Errorf("%+v", evidence)
		}
		if state := wpj.Evaluate([]wpj.Evidence{evidence}, wpj.Conditions{Now: time.Now()}).State; state == "" {
			t.Error("no state")
		}
	})
}

// TestAnswers compares the results for captures with answers that were found by other means: with openssl for the
// certificates, and by reading.
func TestAnswers(t *testing.T) {
	for file, want := range map[string]struct {
		extension, issuer, user, upn, device, tenant string
		completed                                    bool
		state                                        wpj.State
	}{
		"terminal-2026": {wpj.MicrosoftExtension, "login.microsoftonline.com", "POUserStateNormal (0)",
			"user1@example.org.uk", "38d94132-e90a-4e9d-bfdc-a52633ed2772", "0dde70e6-f430-449f-8bce-f4d0a9eca2a4",
			true, wpj.StateRegistered},
		"zsh-echo-2026": {wpj.MicrosoftExtension, "login.microsoftonline.com", "POUserStateNormal (0)",
			"user1@example.org.uk", "38d94132-e90a-4e9d-bfdc-a52633ed2772", "0dde70e6-f430-449f-8bce-f4d0a9eca2a4",
			true, wpj.StateRegistered},
		"two-realms-2026": {"", "login.microsoftonline.com", "POUserStateNormal (0)",
			"test.alias@contoso.com", "", "72f988bf-86f1-41af-91ab-2d7cd011db47", true, wpj.StateCannotTell},
		"two-realms-on-premises-first": {"", "login.microsoftonline.com", "POUserStateNormal (0)",
			"test.alias@contoso.com", "", "72f988bf-86f1-41af-91ab-2d7cd011db47", true, wpj.StateCannotTell},
		"user-key-invalid": {wpj.MicrosoftExtension, "login.microsoftonline.com",
			"POUserStateUserKeyInvalid (5)", "user1@example.org.uk", "6a82637e-6910-4ce6-9e28-931ae32ceb3e",
			"0dde70e6-f430-449f-8bce-f4d0a9eca2a4", true, wpj.StateUserKeyInvalid},
		"okta": {"com.okta.mobile.auth-service-extension", "example.okta.com",
			"POUserStateNormal (0)", "", "", "", true, wpj.StateNotRegistered},
		"capture-not-configured": {"", "", "", "", "", "", false, wpj.StateNotRegistered},
		"capture-configured-device-not-registered-macos26": {wpj.MicrosoftExtension, "", "", "", "", "", false,
			wpj.StatePlatformSSOConfigured},
		"capture-registered-secure-enclave-macos15.5": {wpj.MicrosoftExtension, "login.microsoftonline.com",
			"POUserStateNormal (0)", "foobar@contoso.onmicrosoft.com", "c9f7fcba-c5d8-4994-8d4c-2c2785b993c1",
			"8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11", true, wpj.StateRegistered},
		"capture-user-section-needs-registration-macos26-27": {"", "", "POUserStateNeedsRegistration (2)", "", "", "",
			false, wpj.StateCannotTell},
	} {
		t.Run(file, func(t *testing.T) {
			output, err := os.ReadFile(filepath.Join("testdata", file+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			report, err := platformsso.Parse(output)
			if err != nil {
				t.Fatal(err)
			}
			evidence := report.Evidence()
			identity := wpj.Evaluate([]wpj.Evidence{evidence},
				wpj.Conditions{Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
			if report.Device.ExtensionID != want.extension || report.Login.IssuerHost != want.issuer ||
				report.User.State != want.user || report.Device.RegistrationCompleted != want.completed {
				t.Errorf("extension %q, issuer %q, user %q, completed %t", report.Device.ExtensionID,
					report.Login.IssuerHost, report.User.State, report.Device.RegistrationCompleted)
			}
			if identity.State != want.state || string(evidence.UserPrincipalName) != want.upn ||
				string(identity.DeviceID) != want.device {
				t.Errorf("%s (%s), user %q, device %q", identity.State, identity.Detail,
					string(evidence.UserPrincipalName), string(identity.DeviceID))
			}
			if tenant := cmp.Or(identity.TenantID, evidence.TenantID); string(tenant) != want.tenant {
				t.Errorf("tenant %q", tenant)
			}
		})
	}
}
