package jamf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/ctl/answer"
)

// secretTyped is the typed text; none of it is shown.
const secretTyped = "s3cret-planted"

func TestSecretIsTypedUnseen(t *testing.T) {
	for _, test := range []struct{ keys, secret string }{
		{secretTyped + "\r", secretTyped},
		{"x\x7f" + secretTyped + "\r", secretTyped}, // backspace
		{secretTyped + "\x03", ""},                  // Ctrl-C
		{secretTyped, ""},                           // the terminal is closed
	} {
		var screen strings.Builder
		secret, err := typedSecret(strings.NewReader(test.keys), &screen)
		interrupted, _ := errors.AsType[*answer.Failure](err)
		if secret != test.secret || (test.secret == "") !=
			(interrupted != nil && interrupted.Code == answer.ExitInterrupted) {
			t.Errorf("%q: %q, %v", test.keys, secret, err)
		}
		if !strings.Contains(screen.String(), "not shown") || strings.Contains(screen.String(), "s3cret") {
			t.Errorf("%q: the screen shows %q", test.keys, screen.String())
		}
	}
}

func TestSecretThatIsNoTextIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("\xff\xfe"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := commands{}.readSecret(path)
	if refused, ok := errors.AsType[*answer.Failure](err); !ok || refused.Code != answer.ExitUsage {
		t.Errorf("got %v", err)
	}
}
