package doctor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/doctor"
	"usher.internal/helper/registration"
	"usher.internal/internal/command"
)

// codesignAs is a stand-in for codesign(1). It answers with a sample of testdata/codesign, and records its arguments.
// The real code for macOS calls it.
func codesignAs(t *testing.T, sample string) (codesign command.Command, calls string) {
	t.Helper()
	content, err := os.ReadFile("testdata/codesign/" + sample + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(string(content), "--\n", 3)
	directory := t.TempDir()
	for name, text := range map[string]string{"verification": parts[1], "description": parts[2]} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	calls = filepath.Join(directory, "calls")
	return codesignScript(t, fmt.Sprintf(`echo "$*" >> %[1]s/calls
case "$1" in
--verify) cat %[1]s/verification >&2; exit %[2]s;;
-dv) cat %[1]s/description >&2;;
*) exit 2;;
esac`, directory, strings.TrimSpace(parts[0]))), calls
}

func codesignScript(t *testing.T, text string) command.Command {
	t.Helper()
	program := filepath.Join(t.TempDir(), "codesign")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return command.CodeSign.At(program).Within(10 * time.Second)
}

// A Company Portal that is not Microsoft's is not launched: the registration ends before the user is bothered.
func TestPortalIsVerifiedBeforeItIsLaunched(t *testing.T) {
	for sample, trusted := range map[string]bool{"microsoft": true, "other-team": false, "unsigned": false,
		"changed": false, "adhoc": false} {
		t.Run(sample, func(t *testing.T) {
			portal := bundled(t, "5.2504.0")
			codesign, calls := codesignAs(t, sample)
			reason, says := trouble(t, doctor.Config{PortalExecutable: portal, CodeSign: codesign})
			if trusted != (reason == "") || !trusted && reason != registration.ReasonPortalNotTrusted {
				t.Errorf("reason is %q: %s", reason, says)
			}
			asked, err := os.ReadFile(calls)
			if err != nil {
				t.Fatal(err)
			}
			bundle := strings.TrimSuffix(portal, "/Contents/MacOS/"+filepath.Base(portal))
			want := "--verify --strict -R =anchor apple generic and certificate leaf[subject.OU] = \"UBF8T346G9\" " +
				bundle + "\n-dv " + bundle + "\n"
			if string(asked) != want {
				t.Errorf("codesign was asked\n%s\nwant\n%s", asked, want)
			}
		})
	}
}

// A codesign that cannot judge does not stop a registration; doctor reports it.
func TestCodesignThatCannotJudge(t *testing.T) {
	for name, codesign := range map[string]command.Command{
		"usage":   codesignScript(t, "echo usage >&2; exit 2"),
		"missing": command.CodeSign.At("/nonexistent/codesign"),
		"killed":  codesignScript(t, "kill -9 $$"),
		"hangs":   codesignScript(t, "exec sleep 1000").Within(100 * time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			if reason, says := trouble(t,
				doctor.Config{PortalExecutable: bundled(t, "5.2504.0"), CodeSign: codesign}); reason != "" {
				t.Errorf("got %s: %s", reason, says)
			}
		})
	}
}
