//go:build linux && amd64

package darwin_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/sim/darwin"
)

// compiled returns the darwin program of a package.
func compiled(t *testing.T, pkg string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if err := darwin.Compile(t.Context(), program, pkg); err != nil {
		t.Fatal(err)
	}
	return program
}

func TestProgramSeesItself(t *testing.T) {
	program := compiled(t, "./testdata/hello")
	for _, test := range []struct{ argument, want string }{
		{"hello", `darwin/amd64 ["` + program + `" "hello"] ` + program + " <nil>\n"},
		{"child", `darwin/amd64 ["another-name" "hello" "from a child" ""] ` + program + " <nil>\n"},
	} {
		output, err := loader.Command(t.Context(), program, test.argument).CombinedOutput()
		if err != nil || string(output) != test.want {
			t.Errorf("%s: %v, output\n%s, want\n%s", test.argument, err, output, test.want)
		}
	}
}

// The loader reports an unknown thing by name; a missing symbol ends the program.
func TestUnknownIsReportedByName(t *testing.T) {
	program := compiled(t, "./testdata/hello")
	for _, test := range []struct {
		argument, want string
		exit           int
	}{
		{"ioctl", "machorun: unknown: ioctl 0x40041234\n", 1},
		{"sysctl", "machorun: unknown: sysctl kern.usher\n", 1},
		{"symbol", "machorun: the program calls settimeofday of /usr/lib/libSystem.B.dylib, which the loader " +
			"does not have\n", 126},
	} {
		output, err := loader.Command(t.Context(), program, test.argument).CombinedOutput()
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.ExitCode() != test.exit || !strings.Contains(string(output), test.want) {
			t.Errorf("%s: %v, output\n%s, want exit code %d and\n%s", test.argument, err, output, test.exit, test.want)
		}
	}
}

// Three faults make a program fail: an object that is not released, one that is released too often, and one of another
// kind than a function takes.
func TestOwnershipOfObjects(t *testing.T) {
	program := compiled(t, "./testdata/releases")
	for _, test := range []struct {
		argument, want string
		exit           int
	}{
		{"once", "", 0},
		{"never", "machorun: not released: 1 CFString\n", 125},
		{"twice", "machorun: CFRelease was called with a CFString that has been released\nSIGABRT: abort\n", 2},
		{"null", "machorun: CFStringGetLength was called with a CFNull in the place of a CFString\nSIGABRT: abort\n",
			2},
	} {
		command := loader.Command(t.Context(), program, test.argument)
		command.Env = append(os.Environ(), checkReleases)
		output, _ := command.CombinedOutput()
		if code := command.ProcessState.ExitCode(); code != test.exit || !strings.HasPrefix(string(output), test.want) {
			t.Errorf("%s: exit code %d, output\n%s, want %d and\n%s", test.argument, code, output, test.exit, test.want)
		}
	}
}

// The loader's notifications and dynamic store, which usher does not call yet.
func TestFrameworks(t *testing.T) {
	program := compiled(t, "./testdata/frameworks")
	shown := filepath.Join(t.TempDir(), "shown")
	store := filepath.Join(t.TempDir(), "store")
	if err := os.WriteFile(store, []byte(`{"State:/Users/ConsoleUser": {"Name": "mia", "UID": 501, "GID": 20}}`),
		0o644); err != nil {
		t.Fatal(err)
	}
	const header, question = `"AlertHeader":"Register this \"Mac\""`, `{"flags":0,"timeout":`
	for _, test := range []struct {
		argument    string
		environment []string
		want, shown string
	}{
		{"notice", nil, "1102\n", ""},
		{"notice", []string{"MACHORUN_NOTIFICATIONS=" + shown}, "0\n", `{"flags":2,"timeout":3,` + header + "}\n"},
		{"question", nil, "none 1102\n", ""},
		{"question", []string{"MACHORUN_NOTIFICATIONS=" + shown, "MACHORUN_NOTIFICATION_ANSWER=alternate"},
			"0 1 true\n", question + "0,"},
		{"timeout", []string{"MACHORUN_NOTIFICATIONS=" + shown}, "0 3 true\n", question + "0.05,"},
		{"cancel", []string{"MACHORUN_NOTIFICATIONS=" + shown}, "0 3 true\ncancelled 0\n", question + "0,"},
		{"observe", nil, "1\n1\n", ""},
		{"console", nil, "false 0 0\n", ""},
		{"console", []string{"MACHORUN_DYNAMIC_STORE=" + store}, "true 501 20\n", ""},
	} {
		os.Remove(shown)
		command := loader.Command(t.Context(), program, test.argument)
		command.Env = append(append(os.Environ(), checkReleases), test.environment...)
		output, err := command.CombinedOutput()
		log, _ := os.ReadFile(shown)
		if err != nil || string(output) != test.want || !strings.HasPrefix(string(log), test.shown) ||
			(len(log) > 0) != (test.shown != "") {
			t.Errorf("%s with %v: %v, output\n%s, want\n%s\nshown was\n%s", test.argument, test.environment, err,
				output, test.want, log)
		}
	}
}

func TestWhatIsNoProgram(t *testing.T) {
	for _, test := range []struct{ program, want string }{
		{"/bin/sh", "/bin/sh is not a Mach-O program for x86-64"},
		{"/nonexistent", "/nonexistent: No such file or directory"},
	} {
		output, err := loader.Command(t.Context(), test.program).CombinedOutput()
		if err == nil || string(output) != "machorun: "+test.want+"\n" {
			t.Errorf("%s: %v, output %q, want %q", test.program, err, output, test.want)
		}
	}
}

func TestUsherctl(t *testing.T) {
	program := compiled(t, "usher.internal/cmd/usherctl")
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"version"}, "usherctl development\n"},
		{[]string{"doctor", "--help"}, "Usage:\n  usherctl doctor"},
	} {
		output, err := loader.Command(t.Context(), program, test.arguments...).CombinedOutput()
		if err != nil || !strings.Contains(string(output), test.want) {
			t.Errorf("usherctl %s: %v, output\n%s, want %q in it", strings.Join(test.arguments, " "), err, output,
				test.want)
		}
	}
}
