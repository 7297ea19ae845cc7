package wpj_test

import (
	"strings"
	"testing"

	"usher.internal/internal/wpj"
)

// The published list [SEED], with its own names.
var published = map[wpj.ExitCode]string{
	0: "success", 1: "defaultError", 64: "userAbandoned", 65: "registrationError", 66: "registrationDeviceCapError",
	67: "registrationKeychainError", 68: "authenticationError", 69: "networkError", 70: "commandLineError",
}

func TestExitCodesAreThePublishedOnes(t *testing.T) {
	codes := wpj.ExitCodes()
	if len(codes) != len(published) {
		t.Errorf("%d exit codes, %d published", len(codes), len(published))
	}
	last := wpj.ExitCode(-1)
	for _, info := range codes {
		if info.Code <= last {
			t.Errorf("%d is after %d", info.Code, last)
		}
		last = info.Code
		if info.Name != published[info.Code] {
			t.Errorf("name of %d: %q, want %q", info.Code, info.Name, published[info.Code])
		}
		if got, known := info.Code.Info(); !known || got != info {
			t.Errorf("%d: Info: %+v, %t", info.Code, got, known)
		}
	}
}

func TestExitCodesExplainThemselves(t *testing.T) {
	for code := wpj.ExitCode(-1); code <= 256; code++ {
		info, known := code.Info()
		if _, want := published[code]; known != want || info.Code != code {
			t.Errorf("%d: known %t, code %d", code, known, info.Code)
		}
		for _, sentence := range []string{info.Admin, info.User} {
			if len(sentence) < 20 || !strings.HasSuffix(sentence, ".") || strings.Contains(sentence, "\n") {
				t.Errorf("%d: %q is not a sentence", code, sentence)
			}
		}
		if info.Admin == info.User {
			t.Errorf("%d has the same sentence for admin and user", code)
		}
	}
}

func TestRetryCanHelp(t *testing.T) {
	// Success, and ends that need a change by an admin, in Entra or by an update first.
	for _, code := range []wpj.ExitCode{0, 65, 66, 67, 70} {
		if info, _ := code.Info(); info.RetryCanHelp {
			t.Errorf("trying again helps against %s", code)
		}
	}
	for _, code := range []wpj.ExitCode{1, 64, 68, 69, 2, 127} {
		if info, _ := code.Info(); !info.RetryCanHelp {
			t.Errorf("trying again does not help against %s", code)
		}
	}
}

// Each kind of end has its words. An end has a name only if its exit code or signal is known.
func TestExitsExplainThemselves(t *testing.T) {
	code := wpj.ExitRegistrationDeviceCapError
	for _, one := range []struct {
		exit       wpj.Exit
		name, text string
		unknown    bool
	}{
		{wpj.Exit{Code: &code}, "registrationDeviceCapError", "registrationDeviceCapError (66)", false},
		{wpj.Exit{Code: &code, FromLog: true}, "registrationDeviceCapError",
			"registrationDeviceCapError (66), from the log", false},
		{wpj.Exit{Signal: 9}, "SIGKILL", "SIGKILL (signal 9)", false},
		{wpj.Exit{Signal: 99}, "signal 99", "signal 99 (signal 99)", false},
		{wpj.Exit{}, "unknown", "unknown", true},
	} {
		info := one.exit.Info()
		if info.Name != one.name || one.exit.String() != one.text || one.exit.Unknown() != one.unknown {
			t.Errorf("%+v is %s, %s, unknown %t", one.exit, info.Name, one.exit, one.exit.Unknown())
		}
		for _, sentence := range []string{info.Admin, info.User} {
			if len(sentence) < 20 || !strings.HasSuffix(sentence, ".") {
				t.Errorf("%s: %q is not a sentence", one.exit, sentence)
			}
		}
		if one.exit.Code == nil && !info.RetryCanHelp {
			t.Errorf("trying again does not help against %s", one.exit)
		}
	}
	if (*wpj.Exit)(nil).Unknown() {
		t.Error("a Company Portal that has not ended counts as an unknown end")
	}
}

func TestExitCodeString(t *testing.T) {
	for code, want := range map[wpj.ExitCode]string{0: "success (0)", 66: "registrationDeviceCapError (66)",
		3: "unknown (3)"} {
		if got := code.String(); got != want {
			t.Errorf("%d: %q, want %q", int(code), got, want)
		}
	}
}
