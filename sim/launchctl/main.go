// Command launchctl stands in for macOS's /bin/launchctl, as far as usher uses it. It has domains with services that
// are loaded and have process ids, but no processes. It answers in the words and with the exit codes of the real one
// [LAUNCHCTL], notes each call, and fails where its configuration says so. It never ships.
//
// Its data is in the directory of its program. launchctl.json has the domains and the faults, and launchctl.state.json
// is its memory. launchctl.calls has a line for each call that changes something or asks.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"howett.net/plist"
)

// The exit codes of launchctl: errno values, and launchd's own.
const (
	exitUsage       = 64
	exitNoProcess   = 3
	exitInputOutput = 5
	exitInProgress  = 36
	exitAlready     = 37
	exitNoService   = 113
	exitUnsupported = 125
)

// Config is launchctl.json.
type Config struct {
	// Domains are "system" and "gui/UID" of each user with a graphical session.
	Domains []string `json:"domains"`
	// Root is the root directory of the Mac, which contains the definitions.
	Root   string  `json:"root"`
	Faults []Fault `json:"faults"`
}

// Fault makes calls fail that begin like this.
type Fault struct {
	Call string `json:"call"`
	// Times is the number of failures. Such a call does nothing, and ends with ExitCode and Stderr.
	Times    int    `json:"times"`
	ExitCode int    `json:"exit_code"`
	Stderr   string `json:"stderr"`
	// NoProcess makes a bootstrap succeed and leave the job without a process. Slow makes a bootout report that it is
	// in progress; the job remains for that many looks.
	NoProcess bool `json:"no_process"`
	Slow      int  `json:"slow"`
	// Late makes a bootout succeed, and that many bootstraps of the job fail with Refusal, 5 or 37 (0 is 5). launchd
	// does so for up to 15 seconds [LAUNCHCTL]. Meanwhile print does not know the job; with Leaving it shows it as
	// state = SIGTERMed, with its pid.
	Late    int  `json:"late"`
	Refusal int  `json:"refusal"`
	Leaving bool `json:"leaving"`
	// Gone makes a failing bootout remove the job anyway.
	Gone bool `json:"gone"`
}

// state is launchctl.state.json.
type state struct {
	NextPID  int                 `json:"next_pid"`
	Services map[string]*service `json:"services"`
	Disabled map[string]bool     `json:"disabled"`
	// Late has the jobs that were booted out and that launchd still remembers.
	Late map[string]*late `json:"late"`
	// Used counts the failures of each fault.
	Used map[int]int `json:"used"`
}

type service struct {
	Path    string `json:"path"`
	Program string `json:"program"`
	PID     int    `json:"pid"`
	// Leaving is the number of looks for which a booted-out service is still there; 0 is one that remains.
	Leaving int `json:"leaving"`
}

// late is a job that was booted out: Refusals more bootstraps end with ExitCode. Shown is the output of print
// meanwhile, if any.
type late struct {
	Refusals int      `json:"refusals"`
	ExitCode int      `json:"exit_code"`
	Shown    *service `json:"shown"`
}

func main() {
	executable, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	tool := &tool{directory: filepath.Dir(executable), stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(tool.run(os.Args[1:]))
}

type tool struct {
	directory      string
	config         Config
	state          state
	stdout, stderr io.Writer
}

var verbs = map[string]func(*tool, Fault, []string) int{
	"bootstrap": (*tool).bootstrap, "bootout": (*tool).bootout, "kickstart": (*tool).kickstart, "print": (*tool).print,
	"enable": (*tool).enable, "disable": (*tool).disable,
}

func (t *tool) run(arguments []string) (exitCode int) {
	if len(arguments) < 2 || verbs[arguments[0]] == nil {
		fmt.Fprintln(t.stderr, "Usage: launchctl <subcommand> ... | help [subcommand]")
		return exitUsage
	}
	if err := t.load(); err != nil {
		fmt.Fprintln(t.stderr, "stand-in:", err)
		return exitUsage
	}
	call := strings.Join(arguments, " ")
	fault := t.fault(call)
	if fault.ExitCode != 0 {
		fmt.Fprintln(t.stderr, fault.Stderr)
		exitCode = fault.ExitCode
		if fault.Gone {
			delete(t.state.Services, arguments[1])
		}
	} else {
		exitCode = verbs[arguments[0]](t, fault, arguments[1:])
	}
	if err := t.save(fmt.Sprintf("%s: %d\n", call, exitCode)); err != nil {
		fmt.Fprintln(t.stderr, "stand-in:", err)
		return exitUsage
	}
	return exitCode
}

// fault returns the fault of a call, and counts it.
func (t *tool) fault(call string) Fault {
	for number, fault := range t.config.Faults {
		if strings.HasPrefix(call, fault.Call) && t.state.Used[number] < max(fault.Times, 1) {
			t.state.Used[number]++
			return fault
		}
	}
	return Fault{}
}

func (t *tool) load() error {
	t.state = state{NextPID: 1000, Services: map[string]*service{}, Disabled: map[string]bool{},
		Late: map[string]*late{}, Used: map[int]int{}}
	for name, into := range map[string]any{"launchctl.json": &t.config, "launchctl.state.json": &t.state} {
		content, err := os.ReadFile(filepath.Join(t.directory, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal(content, into); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return nil
}

func (t *tool) save(call string) error {
	content, err := json.Marshal(t.state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.directory, "launchctl.state.json"), content, 0o600); err != nil {
		return err
	}
	calls, err := os.OpenFile(filepath.Join(t.directory, "launchctl.calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer calls.Close()
	_, err = calls.WriteString(call)
	return err
}

// split divides a service target into its domain and label: system/LABEL, gui/UID/LABEL.
func split(target string) (domain, label string) {
	at := strings.LastIndexByte(target, '/')
	if strings.HasPrefix(target, "gui/") && strings.Count(target, "/") == 1 || at < 0 {
		return target, ""
	}
	return target[:at], target[at+1:]
}

// described is a domain in the words of launchctl's errors.
func described(domain string) string {
	if uid, ok := strings.CutPrefix(domain, "gui/"); ok {
		return "user gui: " + uid
	}
	return domain
}

func (t *tool) noService(target string) int {
	domain, label := split(target)
	fmt.Fprintf(t.stderr, "Could not find service %q in domain for %s\n", label, described(domain))
	return exitNoService
}

func (t *tool) bootstrap(fault Fault, arguments []string) int {
	failed := func(code int, text string) int {
		fmt.Fprintf(t.stderr, "Bootstrap failed: %d: %s\n", code, text)
		return code
	}
	if len(arguments) != 2 {
		return exitUsage
	}
	domain, path := arguments[0], arguments[1]
	if !slices.Contains(t.config.Domains, domain) {
		return failed(exitUnsupported, "Domain does not support specified action")
	}
	content, err := os.ReadFile(filepath.Join(t.config.Root, path))
	var definition struct {
		Label            string
		ProgramArguments []string
		RunAtLoad        bool
	}
	if err == nil {
		_, err = plist.Unmarshal(content, &definition)
	}
	target := domain + "/" + definition.Label
	if leaving := t.state.Late[target]; leaving != nil {
		if leaving.Refusals--; leaving.Refusals == 0 {
			delete(t.state.Late, target)
		}
		return failed(leaving.ExitCode,
			map[int]string{exitInputOutput: "Input/output error",
				exitAlready: "Operation already in progress"}[leaving.ExitCode])
	}
	if err != nil || definition.Label == "" || len(definition.ProgramArguments) == 0 ||
		t.state.Services[target] != nil || t.state.Disabled[target] {
		return failed(exitInputOutput, "Input/output error")
	}
	loaded := &service{Path: path, Program: definition.ProgramArguments[0]}
	if definition.RunAtLoad && !fault.NoProcess {
		loaded.PID = t.newPID()
	}
	t.state.Services[target] = loaded
	return 0
}

func (t *tool) newPID() int {
	t.state.NextPID++
	return t.state.NextPID
}

func (t *tool) bootout(fault Fault, arguments []string) int {
	loaded := t.state.Services[arguments[0]]
	switch {
	case loaded == nil:
		fmt.Fprintln(t.stderr, "Boot-out failed: 3: No such process")
		return exitNoProcess
	case fault.Slow > 0:
		loaded.Leaving = fault.Slow
		fmt.Fprintln(t.stderr, "Boot-out failed: 36: Operation now in progress")
		return exitInProgress
	}
	delete(t.state.Services, arguments[0])
	if fault.Late > 0 {
		leaving := &late{Refusals: fault.Late, ExitCode: fault.Refusal}
		if leaving.ExitCode == 0 {
			leaving.ExitCode = exitInputOutput
		}
		if fault.Leaving {
			leaving.Shown = loaded
		}
		t.state.Late[arguments[0]] = leaving
	}
	return 0
}

func (t *tool) kickstart(_ Fault, arguments []string) int {
	target := arguments[len(arguments)-1]
	loaded := t.state.Services[target]
	if loaded == nil {
		return t.noService(target)
	}
	if loaded.PID == 0 || slices.Contains(arguments, "-k") {
		loaded.PID = t.newPID()
	}
	return 0
}

func (t *tool) print(_ Fault, arguments []string) int {
	domain, label := split(arguments[0])
	if !slices.Contains(t.config.Domains, domain) {
		fmt.Fprintf(t.stderr, "Bad request.\nCould not find domain for %s\n", described(domain))
		return exitUnsupported
	}
	if label == "" {
		fmt.Fprintf(t.stdout, "%s = {\n\ttype = login\n\thandle = 100003\n}\n", domain)
		return 0
	}
	loaded := t.state.Services[arguments[0]]
	leaving := t.state.Late[arguments[0]]
	if leaving != nil {
		loaded = leaving.Shown
		// launchd forgets a job by itself, with or without a bootstrap meanwhile.
		if leaving.Refusals--; leaving.Refusals == 0 {
			delete(t.state.Late, arguments[0])
		}
	}
	if loaded == nil {
		fmt.Fprintln(t.stderr, "Bad request.")
		return t.noService(arguments[0])
	}
	if loaded.Leaving > 0 {
		if loaded.Leaving--; loaded.Leaving == 0 {
			delete(t.state.Services, arguments[0])
		}
	}
	running, count, pid := "not running", 0, ""
	if loaded.PID > 0 {
		running, count, pid = "running", 1, fmt.Sprintf("\tpid = %d\n", loaded.PID)
	}
	if leaving != nil || loaded.Leaving > 0 {
		running = "SIGTERMed"
	}
	fmt.Fprintf(t.stdout, `%s = {
	active count = %d
	path = %s
	type = LaunchDaemon
	state = %s

	program = %s
	arguments = {
		%s
	}

	default environment = {
		PATH => /usr/bin:/bin:/usr/sbin:/sbin
	}

	domain = %s
	minimum runtime = 30
	exit timeout = 20
	runs = 1
%s	immediate reason = speculative
	last exit code = (never exited)

	spawn type = daemon (3)
	endpoints = {
		"pid = 4711" = {
			state = active
			active count = 1
		}
	}

	properties = keepalive | runatload | inferred program
}
`, arguments[0], count, loaded.Path, running, loaded.Program, loaded.Program, domain, pid)
	return 0
}

func (t *tool) enable(_ Fault, arguments []string) int {
	delete(t.state.Disabled, arguments[0])
	return 0
}

func (t *tool) disable(_ Fault, arguments []string) int {
	t.state.Disabled[arguments[0]] = true
	return 0
}
