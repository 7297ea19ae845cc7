package launchd_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"

	"usher.internal/internal/config"
	"usher.internal/internal/layout"
	"usher.internal/launchd"
)

func content(t *testing.T, l layout.Layout, path string) []byte {
	t.Helper()
	files, err := launchd.Files(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Path == path {
			return file.Content
		}
	}
	t.Fatalf("there is no %s", path)
	return nil
}

// job holds every key of launchd.plist(5) that usher uses, with its type.
type job struct {
	Label                       string
	ProgramArguments            []string
	RunAtLoad                   bool
	KeepAlive                   any
	ThrottleInterval            int
	ExitTimeOut                 int
	ProcessType                 string
	AbandonProcessGroup         bool
	Umask                       int
	StandardErrorPath           string
	EnvironmentVariables        map[string]string
	LimitLoadToSessionType      string
	AssociatedBundleIdentifiers []string
}

// launchd accepts a definition with an unknown key, and silently ignores the key.
func TestPropertyListsHaveOnlyKnownKeys(t *testing.T) {
	mac := layout.MacOS
	for path, want := range map[string]job{
		mac.HelperDefinition: {
			Label: "org.usher.helper", ProgramArguments: []string{"/usr/local/usher/usherd", "--log-file",
				"/Library/Logs/usher/usherd.log"},
			RunAtLoad: true, KeepAlive: true, ThrottleInterval: 360, ExitTimeOut: 20, ProcessType: "Standard",
			AbandonProcessGroup: true,
			Umask:               0o022, StandardErrorPath: "/Library/Logs/usher/usherd.log",
			EnvironmentVariables:        map[string]string{"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
			AssociatedBundleIdentifiers: []string{"org.usher.usher"},
		},
		mac.AgentDefinition: {
			Label: "org.usher.useragent",
			ProgramArguments: []string{"/usr/local/usher/usher-agent", "--log-file",
				"~/Library/Logs/usher/usher-agent.log"},
			RunAtLoad: true, KeepAlive: map[string]any{"SuccessfulExit": false}, ThrottleInterval: 360,
			ExitTimeOut:         10,
			ProcessType:         "Interactive",
			AbandonProcessGroup: true, LimitLoadToSessionType: "Aqua",
			AssociatedBundleIdentifiers: []string{"org.usher.usher"},
		},
	} {
		text := content(t, mac, path)
		var found job
		if _, err := plist.Unmarshal(text, &found); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		got, _ := json.Marshal(found)
		wanted, _ := json.Marshal(want)
		if !bytes.Equal(got, wanted) {
			t.Errorf("%s holds\n\t%s\nwant\n\t%s", path, got, wanted)
		}
		var keys map[string]any
		if _, err := plist.Unmarshal(text, &keys); err != nil {
			t.Fatal(err)
		}
		for key := range keys {
			if !strings.Contains(string(wanted), `"`+key+`"`) {
				t.Errorf("%s has the key %s, which is not in the list", path, key)
			}
		}
		// This reader is independent of the first one.
		python := exec.CommandContext(t.Context(), "python3", "-c",
			"import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read()), sort_keys=True))")
		python.Stdin = bytes.NewReader(text)
		output, err := python.CombinedOutput()
		if err != nil {
			t.Fatalf("python3 reads %s: %v: %s", path, err, output)
		}
		ours, err := json.Marshal(keys) // sorted by key
		if err != nil {
			t.Fatal(err)
		}
		var theirs map[string]any
		if err := json.Unmarshal(output, &theirs); err != nil {
			t.Fatal(err)
		}
		if again, _ := json.Marshal(theirs); !bytes.Equal(again, ours) {
			t.Errorf("plistlib reads %s of %s, we %s", again, path, ours)
		}
	}
}

// The helper accepts only one agent: the installed one.
func TestLayoutIsWhatTheConfigurationExpects(t *testing.T) {
	for _, l := range []layout.Layout{layout.MacOS, layout.Linux, layout.Debian} {
		for _, key := range config.Keys(l.System) {
			if key.Name == "agent.executable" && key.Default != l.Agent() {
				t.Errorf("%s: agent.executable is %s, installed is %s", l.System, key.Default, l.Agent())
			}
		}
	}
}

// The packages' units are identical to those of the layout, however they are installed.
func TestUnitsStartWhatIsInstalled(t *testing.T) {
	for _, l := range []layout.Layout{layout.Linux, layout.Debian} {
		for path, program := range map[string]string{l.HelperDefinition: l.Helper(), l.AgentDefinition: l.Agent()} {
			lines := strings.Split(string(content(t, l, path)), "\n")
			if !slices.Contains(lines, "ExecStart="+program) || strings.Contains(strings.Join(lines, "\n"), "{{") {
				t.Errorf("%s does not start %s:\n%s", path, program, strings.Join(lines, "\n"))
			}
		}
	}
}
