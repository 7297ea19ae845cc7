package jamfstate_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"usher.internal/internal/jamfstate"
	"usher.internal/internal/wpj"
)

// real is the output of the community's collector for a registered user, and of getPSSOStatus by itself.
var real = jamfstate.PSSOStatus{
	Status: wpj.SingleSignOnRegistered, DeviceID: "38d94132-e90a-4e9d-bfdc-a52633ed2772",
	TenantID:          "0dde70e6-f430-449f-8bce-f4d0a9eca2a4",
	UserPrincipalName: "user1@example.org.uk", CloudHost: "login.microsoftonline.com", FullMode: "No",
}

func TestFindPSSOStatuses(t *testing.T) {
	read := func(name string) string {
		content, err := os.ReadFile("testdata/pasted/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	alone := strings.TrimSpace(read("21b-getpsso-alone.txt"))
	_, dictionary, _ := strings.Cut(alone, "\n")
	blank := real
	blank.UserPrincipalName = ""
	timedOut := jamfstate.FoundStatus{TimedOut: true}
	known := func(status jamfstate.PSSOStatus, line int) jamfstate.FoundStatus {
		return jamfstate.FoundStatus{PSSOStatus: status, Known: true, Line: line}
	}
	only := func(status, line int) jamfstate.FoundStatus {
		return known(jamfstate.PSSOStatus{Status: status}, line)
	}
	unpunctuated := strings.NewReplacer("(", "", ")", "", "[", "", "]", "", `"`, "", ", ", "\n").Replace(alone)
	for name, test := range map[string]struct {
		text string
		want []jamfstate.FoundStatus
	}{
		"collector": {read("21-getpsso-collector-2026.txt"),
			[]jamfstate.FoundStatus{known(real, 9), only(2, 14)}},
		"alone": {alone, []jamfstate.FoundStatus{known(real, 0)}},
		"after a prompt": {"jane@mac ~ % '/Library/…/Jamf Conditional Access' getPSSOStatus\n" + alone,
			[]jamfstate.FoundStatus{known(real, 1)}},
		"on one line": {"2 " + dictionary, []jamfstate.FoundStatus{known(real, 0)}},
		"status by name": {"EnabledAndRegistered\n" + dictionary,
			[]jamfstate.FoundStatus{known(real, 0)}},
		"status by both": {"MSALPlatformSSOEnabledAndRegistered (2)\n" + dictionary,
			[]jamfstate.FoundStatus{known(real, 0)}},
		"number and name": {"2 (EnabledAndRegistered)\n" + dictionary,
			[]jamfstate.FoundStatus{known(real, 0)}},
		"blank name": {strings.Replace(alone, "user1@example.org.uk", "", 1),
			[]jamfstate.FoundStatus{known(blank, 0)}},
		"blank name, line by line": {strings.Replace(unpunctuated, "user1@example.org.uk", "", 1),
			[]jamfstate.FoundStatus{known(blank, 0)}},
		"nil name": {strings.Replace(alone, "user1@example.org.uk", "nil", 1),
			[]jamfstate.FoundStatus{known(blank, 0)}},
		"without punctuation": {unpunctuated, []jamfstate.FoundStatus{known(real, 0)}},
		"wrapped": {alone[:100] + "\n" + alone[100:200] + "\n" + alone[200:] + "\n1 thing",
			[]jamfstate.FoundStatus{known(real, 0)}},
		"two users": {alone + "\n\n" + strings.Replace(alone, "2\n", "1\n", 1),
			[]jamfstate.FoundStatus{known(real, 0), known(withStatus(1), 3)}},
		"dictionary only":                 {dictionary, []jamfstate.FoundStatus{{PSSOStatus: withStatus(0)}}},
		"only a number after its command": {"% jamfAAD getPSSOStatus\n1\n", []jamfstate.FoundStatus{only(1, 1)}},
		"an unknown number":               {"getPSSOStatus: 7\n", []jamfstate.FoundStatus{only(7, 0)}},
		"timed out":                       {"Warning:Timedout\n", []jamfstate.FoundStatus{timedOut}},
		"timed out, spaced": {"getPSSOStatus\nWarning: Timed out",
			[]jamfstate.FoundStatus{{TimedOut: true, Line: 1}}},
		"a number":                   {"2\n", nil},
		"a number before other text": {"2\nof 3 things are done\n", nil},
		"a list of numbers":          {"1\n2\n3\n", nil},
		"usage":                      {"Usage: JamfAAD getPSSOStatus\n", nil},
		"nothing":                    {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range []string{test.text, strings.ReplaceAll(test.text, "\n", "\r\n")} {
				got := jamfstate.FindPSSOStatuses(text)
				if len(got) != len(test.want) {
					t.Fatalf("%+v", got)
				}
				for i := range got {
					if got[i] != test.want[i] {
						t.Errorf("%d: %+v, want %+v", i, got[i], test.want[i])
					}
				}
			}
		})
	}
}

func withStatus(status int) jamfstate.PSSOStatus {
	changed := real
	changed.Status = status
	return changed
}

func TestParsePSSOStatusOfOtherAnswers(t *testing.T) {
	if _, err := jamfstate.ParsePSSOStatus([]byte("Warning:Timedout\n2\n")); !errors.Is(err, jamfstate.ErrTimedOut) ||
		!errors.Is(err, jamfstate.ErrNotRecognised) {
		t.Errorf("timed out: %v", err)
	}
	if status, err := jamfstate.ParsePSSOStatus([]byte("EnabledAndRegistered\n")); err != nil ||
		status.Status != wpj.SingleSignOnRegistered {
		t.Errorf("by name: %+v, %v", status, err)
	}
}

func FuzzFindPSSOStatuses(f *testing.F) {
	f.Add("2\nextraDeviceInformation [AnyHashable(\"isSSOExtensionInFullMode\"): No]")
	f.Add("getPSSOStatus\n1\nWarning:Timedout")
	f.Fuzz(func(t *testing.T, text string) {
		for _, found := range jamfstate.FindPSSOStatuses(text) {
			if found.Line < 0 || found.TimedOut && found.Known {
				t.Errorf("%+v", found)
			}
		}
	})
}
