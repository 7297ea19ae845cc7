package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
	"howett.net/plist"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/sim/jamfpro"
)

const udid = "4C4C4544-0042-3510-8052-B4C04F4E5032"

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"jamf": main})
}

// leakChecked fails the tests when they leave goroutines behind.
type leakChecked struct{ *testing.M }

// Run implements [testscript.TestingM].
func (l leakChecked) Run() int {
	code := l.M.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// serve starts a Jamf Pro in which the computer is enrolled, as the tests' own.
func serve(t testing.TB) (server *jamfpro.Server, url string) {
	t.Helper()
	server, err := jamfpro.New(jamfpro.Options{Computers: []jamfpro.Computer{{UDID: udid, Name: "Old name"}}})
	if err != nil {
		t.Fatal(err)
	}
	served := httptest.NewServer(server)
	t.Cleanup(func() {
		server.Close()
		served.Close()
	})
	return server, served.URL
}

// TestScripts plays testdata/scripts, each with a Jamf Pro of its own whose URL is $SERVER. jamf.json is the
// configuration, with variables. They need root, as jamf does.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/scripts",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			server, url := serve(env.T().(testing.TB))
			env.Values["server"] = server
			env.Setenv("SERVER", url)
			env.Setenv("GORACE", os.Getenv("GORACE"))
			config := filepath.Join(env.WorkDir, "jamf.json")
			env.Setenv("USHER_SIM_JAMF_CONFIG", config)
			content, err := os.ReadFile(config)
			if err != nil {
				return err
			}
			return os.WriteFile(config, []byte(os.Expand(string(content), func(name string) string {
				return map[string]string{"SERVER": url, "UDID": udid, "WORK": env.WorkDir}[name]
			})), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "log": compareLog, "holds": holds, "fault": addFault, "preference": comparePreference,
			"shows": shows,
		},
	})
}

// exits CODE PROGRAM ARGUMENT…: the program ends with that code.
func exits(script *testscript.TestScript, _ bool, arguments []string) {
	err := script.Exec(arguments[1], arguments[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		script.Check(err)
	}
	if strconv.Itoa(code) != arguments[0] {
		script.Fatalf("exit code %d, want %s", code, arguments[0])
	}
}

// logPrefix matches the beginning of a line in jamf.log, up to the computer's name and from there to the message.
var logPrefix = regexp.MustCompile(
	`(?m)^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d\d \d\d:\d\d:\d\d ` +
		`(.+?) jamf\[\d+\]: `)

// noiseLine is a line of jamf.log that every run of a policy writes.
var noiseLine = regexp.MustCompile(
	`(?m)^.* jamf\[\d+\]: (?:` + regexp.QuoteMeta(keychainNoise) + `|` + regexp.QuoteMeta(launchdNoise) + `)\n`)

// log GOLDEN: jamf.log has these lines, without the time, the PID and the noise.
func compareLog(script *testscript.TestScript, _ bool, arguments []string) {
	got := logPrefix.ReplaceAllString(noiseLine.ReplaceAllString(script.ReadFile("jamf.log"), ""),
		"TIME $1 jamf[PID]: ")
	if want := script.ReadFile(arguments[0]); got != want {
		script.Fatalf("jamf.log is\n%swant\n%s", got, want)
	}
}

// shows EVENT…: the events that usher recognises in a file of jamf's output, without noise and policies.
func shows(script *testscript.TestScript, _ bool, arguments []string) {
	got := []string{}
	for record, err := range applog.Read(context.Background(), strings.NewReader(script.ReadFile(arguments[0])),
		applog.Options{}) {
		script.Check(err)
		if record.Kind == applog.Unparsed {
			script.Fatalf("usher does not understand %q", record.Raw)
		}
		if known := event.Recognise(record); known != nil && known.Class == event.Trouble {
			got = append(got, known.Name)
		}
	}
	if !slices.Equal(got, arguments[1:]) {
		script.Fatalf("%s has the events %q", arguments[0], got)
	}
}

// holds NAME VALUE: Jamf Pro holds that value of an extension attribute, in which \n is a line break.
func holds(script *testscript.TestScript, negated bool, arguments []string) {
	computer, _ := script.Value("server").(*jamfpro.Server).Computer(udid)
	want, err := strconv.Unquote(`"` + arguments[1] + `"`)
	script.Check(err)
	values, there := computer.ExtensionAttributes[arguments[0]]
	if same := there && len(values) == 1 && values[0] == want; same == negated {
		script.Fatalf("Jamf Pro holds %q", computer.ExtensionAttributes)
	}
}

// fault JSON: Jamf Pro misbehaves from now on; without JSON it behaves again.
func addFault(script *testscript.TestScript, _ bool, arguments []string) {
	server := script.Value("server").(*jamfpro.Server)
	server.ClearFaults()
	if len(arguments) > 0 {
		var fault jamfpro.Fault
		script.Check(json.Unmarshal([]byte(arguments[0]), &fault))
		script.Check(server.AddFault(fault))
	}
}

// preference FILE KEY VALUE: the preferences have that value.
func comparePreference(script *testscript.TestScript, _ bool, arguments []string) {
	var preferences map[string]any
	_, err := plist.Unmarshal([]byte(script.ReadFile(arguments[0])), &preferences)
	script.Check(err)
	if got := fmt.Sprint(preferences[arguments[1]]); got != arguments[2] {
		script.Fatalf("%s is %s", arguments[1], got)
	}
}
