package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/inspect/pasted"
	"usher.internal/ctl/inspect/recognise"
	"usher.internal/ctl/terminal"
)

// inspectIn runs inspect on content, and returns its output.
func inspectIn(t *testing.T, content string, asJSON bool) (string, error) {
	t.Helper()
	var printed bytes.Buffer
	a := commands{&answer.Printer{
		Terminal: &terminal.Terminal{Out: &terminal.Output{To: &printed}, Err: &printed, JSON: asJSON},
		Command:  "usherctl inspect"}}
	err := a.inspect([]byte(content), time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC))
	return printed.String(), err
}

const (
	registeredStatus = "2\nextraDeviceInformation [AnyHashable(\"primary_registration_metadata_device_id\"): " +
		"c9f7fcba-c5d8-4994-8d4c-2c2785b993c1]\n"
	agentState = "{\n have_an_Azure_id = 1;\n}\n"
)

// A state is shown only if it follows from the text.
func TestInspectNamesAState(t *testing.T) {
	for name, test := range map[string]struct{ content, state string }{
		"registered by getPSSOStatus": {registeredStatus, "REGISTERED"},
		"needs repair":                {strings.Replace(registeredStatus, "2", "3", 1), "NEEDS_REPAIR"},
		"not enabled: other places exist": {
			"0\nextraDeviceInformation [AnyHashable(\"isSSOExtensionInFullMode\"): No]\n", ""},
		"a status that is not known":         {strings.Replace(registeredStatus, "2", "7", 1), ""},
		"registered, and no device is named": {"getPSSOStatus: 2\n", ""},
		"a property list":                    {agentState, ""},
		"Platform SSO is not configured": {
			"Device Configuration:\n (null)\n\nLogin Configuration:\n (null)\n\nUser Configuration:\n (null)\n", ""},
		"Platform SSO of nobody": {"Device Configuration:\n {\"registrationCompleted\": false}\n", ""},
		"Microsoft's Platform SSO, not done": {
			"Device Configuration:\n {\"registrationCompleted\": false, \"extensionIdentifier\": " +
				"\"com.microsoft.CompanyPortalMac.ssoextension\"}\n", "PSSO_CONFIGURED"},
		"another provider's Platform SSO": {
			"Device Configuration:\n {\"registrationCompleted\": true, \"extensionIdentifier\": \"com.okta.x\"}\n", ""},
		"a user state that is not known": {
			"Device Configuration:\n {\"registrationCompleted\": true, \"extensionIdentifier\": " +
				"\"com.microsoft.CompanyPortalMac.ssoextension\"}\nUser Configuration:\n {\"state\": " +
				"\"POUserStateNew (9)\"}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			printed, err := inspectIn(t, test.content, true)
			if err != nil {
				t.Fatal(err)
			}
			var said struct {
				Data struct {
					Format, State, Meaning, Command string
					Facts                           []pasted.Fact
					Identity, Evidence              json.RawMessage
				}
			}
			if err := json.Unmarshal([]byte(printed), &said); err != nil {
				t.Fatal(err)
			}
			data := said.Data
			if data.State != test.state || (data.Meaning != "") != (test.state != "") ||
				(data.Identity != nil) != (test.state != "") || (data.Evidence != nil) != (test.state != "") ||
				len(data.Facts) == 0 {
				t.Errorf("%s", printed)
			}
			text, err := inspectIn(t, test.content, false)
			if err != nil || strings.Contains(text, "\nstate:") != (test.state != "") ||
				!strings.Contains(text, "what this file shows") {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
}

func TestInspectReadsAtMostOneMebibyte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	for size, refused := range map[int]bool{recognise.MaximumSize: false, recognise.MaximumSize + 1: true} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if content, err := readInspected(t.Context(), path, nil); (err != nil) != refused ||
			err == nil && len(content) != size {
			t.Errorf("%d bytes: %d, %v", size, len(content), err)
		}
	}
}

// For any input, inspect ends with one answer or one refusal, and never moves a cursor.
func FuzzInspect(f *testing.F) {
	for _, seed := range []string{"", registeredStatus, agentState, "Device Configuration:\n {}",
		"-----BEGIN CERTIFICATE-----", "0\x82\x01\x00\x00", "bplist00have_an_Azure_id", "<plist>microsoftCAEnabled",
		"<result>\x1b[2J</result>"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var printed bytes.Buffer
		a := commands{&answer.Printer{Terminal: &terminal.Terminal{Out: &terminal.Output{To: &printed}, Err: &printed}}}
		if err := a.inspect(content, time.Unix(0, 0)); err != nil {
			failed, ok := errors.AsType[*answer.Failure](err)
			if !ok || failed.Code != answer.ExitUsage {
				t.Fatalf("%v", err)
			}
			a.PrintFailure(failed)
		}
		if printed.Len() == 0 || strings.ContainsAny(printed.String(), "\x1b\r\x00") {
			t.Errorf("%q", printed.String())
		}
	})
}
