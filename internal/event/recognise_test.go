package event_test

import (
	"strings"
	"testing"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
)

// Lines of logs that are easily mistaken for another event are recognised correctly.
func TestRecognise(t *testing.T) {
	const (
		msal = "2026-05-12 09:00:30.107 | TID=22157 MSAL 1.9.0 Mac 15.6.1 [2026-05-12 09:00:30 - " +
			"DE0E4CE9-1961-49EA-811C-0A224969C591] [MSAL] "
		jamf  = "Wed Feb 01 09:12:03 MacBook Air jamf[335]: "
		agent = "2026-09-03 13:00:37.079442-0400  localhost AppSSOAgent[1095]: (AppSSOUI) [com.apple.AppSSO:SOAgent] "
	)
	cases := []struct{ line, want string }{
		{msal + "acquireToken returning with error: (MSALErrorDomain, -50005) Masked(not-null)", event.SignInCancelled},
		{msal + "acquireToken returning with error: (MSALErrorDomain, -50005) ", event.SignInCancelled},
		{msal + "acquireToken returning with error: (MSALErrorDomain, -500051) Masked(not-null)",
			event.AcquireTokenFailed},
		{msal + "acquireToken returning with error: (MSALErrorDomain, -42400) User cancelled the " +
			"authorization session.", event.SignInCancelled},
		{msal + "Interactive flow finished. Result (null), error: -51700 error domain: MSIDErrorDomain",
			event.SignInCancelled},
		{msal + "Interactive flow finished. Result (null), error: -51701 error domain: MSIDErrorDomain",
			event.SignInStopped},
		{msal + "Creating Error with description: Authorization session was cancelled programmatically.",
			event.SignInStopped},
		{msal + "Interactive flow finished. Result <private>, error: 0 error domain: (null)", ""},
		{msal + "[Entra broker] CLIENT getDeviceInfo handshake timed out after 1 sec", "broker-handshake-slow"},
		{msal + "Creating Error with description: [Entra broker] CLIENT -- dispatcher endpoint lookup timed out",
			"broker-timed-out"},
		{msal + "Creating Error with description: [Entra broker] CLIENT -- broker reply timed out", "broker-timed-out"},
		{msal + "[Entra broker] CLIENT -- failed to connect to dispatcher, error: Error " +
			"Domain=NSCocoaErrorDomain Code=4097", "broker-unreachable"},
		{msal + "[Entra broker] CLIENT received operationResponse, error: (null)", "broker-asked"},
		{msal + "[Entra broker] CLIENT received operationResponse with error: Error Domain=MSALErrorDomain Code=-50005",
			event.SignInCancelled},
		{msal + "isSetupAssistantFlow: 0", "setup-assistant-noted"},
		{"2026-05-12 09:00:30.107 | WARN | login | 22168 | LoginManager.swift: 157 (f()) | Authentication finished " +
			"with error: Error domain: MSALErrorDomain\nCode: -50005\nDescription: x", event.SignInCancelled},
		{"2026-05-12 09:00:30.107 | WARN | login | 22168 | LoginManager.swift: 157 (f()) | Authentication finished " +
			"with error: Error domain: com.microsoft.commonlib.authentication\nCode: 306", event.SignInFailed},
		{"2026-05-12 09:00:30.107 | ERROR | aad | 22168 | A.swift: 1 (f()) | Failed to fetch msal token\nError " +
			"domain: MSALErrorDomain\nCode: -50005\nDescription: x (MSALErrorDomain error -50005.)",
			event.SignInCancelled},
		{jamf + "An error occurred while enrolling computer: Permission Error - The user specified does not have " +
			"permission to perform the action.", "enrolment-refused"},
		{jamf + "An error occurred while enrolling computer: Connection Error - The server could not be contacted.",
			"enrolment-failed"},
		{jamf + "An error occurred while enrolling computer: Device Signature Error - A valid device signature is " +
			"required to perform the action.", "device-signature-error"},
		{jamf + "Permission Error - The user specified does not have permission to perform the action.",
			"jamf-permission-denied"},
		{jamf + "Security Error - A security error has occurred.", "jamf-security-error"},
		{jamf + "Error Domain=com.jamf.jamfsecurity.error Code=-25300 \"x\"", "jamf-keychain-empty"},
		{jamf + "Error Domain=com.jamf.jamfsecurity.error Code=-25308 \"x\"", "jamf-keychain-failed"},
		{jamf + "\nThere was an error.\n\n    Device Signature Error - A valid device signature is required to " +
			"perform the action.", "device-signature-error"},
		{jamf + "\nThere was an error.\n\n    Unknown Error - An unknown error has occurred.", "jamf-error"},
		{jamf + "Enroll return code: 70", "enrolment-ended-with-error"},
		{jamf + "Enroll return code: 0", "enrolment-completed"},
		{jamf + "Could not mount distribution point &quot;File Share&quot;", "distribution-point-not-mounted"},
		{"Error: Could not mount distribution point \"Casper Share\".", "distribution-point-not-mounted"},
		{"Script exit code: 0", "script-ran"},
		{"Script exit code: 07", "script-failed"},
		{"Error running script: return code was 10.", "script-failed"},
		{agent + "-[SOAgent connectionInvalidated]  on &lt;private&gt;", "sso-connection-closed"},
		{agent + "Authentication failed and needs repair", "platform-sso-needs-repair"},
		{agent + "Authentication failed because network is unavailable", "platform-sso-offline"},
		{"2026-09-03 13:00:37.079442-0400  localhost sshd[1]: Authentication failed", ""},
		{agent + "(com.apple.AuthenticationServices.WebAuthenticationSession error 1.)", event.SignInCancelled},
		{agent + "(com.apple.AuthenticationServices.WebAuthenticationSession error 3.)", ""},
		{"Error Domain=com.apple.PlatformSSO Code=-1001 \"Error deserializing device config.\"",
			"platform-sso-configuration-broken"},
		{"Error Domain=NSCocoaErrorDomain Code=4099", event.ErrorWritten},
		{"2024-05-15 02:15:12:703 | IntuneMDM-Daemon | E | 11254 | AppInstaller | Error " +
			"Domain=MSALErrorDomain Code=-50005", ""},
	}
	for _, c := range cases {
		record := applog.Parse(strings.ReplaceAll(c.line, "\n", "\r\n")+"\r\n", applog.Options{})
		if record.Kind != applog.Entry {
			t.Errorf("%q is not an entry", c.line)
			continue
		}
		got := ""
		if known := event.Recognise(&record); known != nil {
			got = known.Name
		}
		if got != c.want {
			t.Errorf("%q is recognised as %q, not %q", c.line, got, c.want)
		}
	}
}

// Common words are not a sign within a text of unknown origin.
func TestInMessage(t *testing.T) {
	for message, want := range map[string]string{
		"Authentication failed and needs repair":                       "platform-sso-needs-repair",
		"sshd: Authentication failed for root":                         "",
		"User cancelled the authorization session.":                    event.SignInCancelled,
		"I closed it and saw (MSALErrorDomain, -50005), what is that?": event.SignInCancelled,
		"jamf says: Device Signature Error":                            "device-signature-error",
		"Microsoft.PlatformSSO.DeviceRegistration.Failed was received": "",
	} {
		got := ""
		if known := event.InMessage(message); known != nil {
			got = known.Name
		}
		if got != want {
			t.Errorf("%q is recognised as %q, not %q", message, got, want)
		}
	}
}

// A message that has the number of a sign ten thousand times is recognised quickly: its codes are searched for once. A
// search for each number took minutes.
func TestRecogniseManyNumbers(t *testing.T) {
	message := strings.Repeat(`Error Domain=com.example Code=1 UserInfo={NSUnderlyingError=0x6 {`, 10000)
	began := time.Now()
	if known := event.InMessage(message); known != nil {
		t.Errorf("it is %s", known.Name)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}
