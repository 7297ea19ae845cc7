package launchd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/command"
	"usher.internal/internal/layout"
	"usher.internal/launchd"
	"usher.internal/sim/toolbox"
)

// mac is a Mac from the installer's view: a directory for its root, and stand-ins for launchctl and pkgutil. The real
// code for macOS runs on it; nobody has run it on a real Mac.
type mac struct {
	t        *testing.T
	layout   layout.Layout
	root     string
	tools    string
	sessions []uint32
	outcomes []launchd.Outcome
}

func newMac(t *testing.T, sessions ...uint32) *mac {
	t.Helper()
	m := &mac{t: t, layout: layout.MacOS, root: t.TempDir(), tools: t.TempDir(), sessions: sessions}
	toolbox.Build(t, m.tools, "usher.internal/sim/launchctl")
	m.write(filepath.Join(m.tools, "pkgutil"),
		"#!/bin/sh\necho \"pkgutil $*\" >> "+filepath.Join(m.tools, "pkgutil.calls")+"\n[ -e "+
			filepath.Join(m.tools, "receipt")+
			" ] || { echo \"No receipt for '$2' found at '/'.\" >&2; exit 1; }\n[ \"$1\" != --forget ] || rm "+
			filepath.Join(m.tools, "receipt")+"\n", 0o755)
	m.has()
	return m
}

// has sets launchd's sessions and its failures.
func (m *mac) has(faults ...map[string]any) {
	m.t.Helper()
	domains := []string{"system"}
	for _, uid := range m.sessions {
		domains = append(domains, fmt.Sprintf("gui/%d", uid))
	}
	m.configure(domains, faults)
}

func (m *mac) configure(domains []string, faults []map[string]any) {
	m.t.Helper()
	content, err := json.Marshal(map[string]any{"domains": domains, "root": m.root, "faults": faults})
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(filepath.Join(m.tools, "launchctl.json"), string(content), 0o600)
}

func (m *mac) write(path, content string, mode fs.FileMode) {
	m.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), mode)); err !=
		nil {
		m.t.Fatal(err)
	}
}

// programs creates a directory with the three programs of a version.
func (m *mac) programs(version string) string {
	m.t.Helper()
	directory := m.t.TempDir()
	for _, name := range layout.ProgramNames() {
		m.write(filepath.Join(directory, name), "#!/bin/sh\necho "+name+" "+version+"\n", 0o755)
	}
	return directory
}

// definitions writes the same path as kardianos/service does on a Mac, below the Mac's root.
type definitions struct{ path string }

func (d definitions) Install(definition []byte) error {
	file, err := os.OpenFile(d.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(definition)
	return errors.Join(err, file.Close())
}

func (d definitions) Remove() error {
	if err := os.Remove(d.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// installer is one run of usherctl.
func (m *mac) installer(change func(*launchd.Config)) *launchd.Installer {
	m.t.Helper()
	m.outcomes = nil
	if err := os.MkdirAll(filepath.Join(m.root, "Library/LaunchDaemons"), 0o755); err != nil {
		m.t.Fatal(err)
	}
	config := launchd.Config{
		Layout: m.layout,
		Root:   m.root,
		Manager: launchd.Launchctl(command.Launchctl.At(filepath.Join(m.tools, "launchctl")).Within(2*time.Minute),
			m.layout),
		Definitions: definitions{filepath.Join(m.root, m.layout.HelperDefinition)},
		Sessions:    func() ([]uint32, error) { return m.sessions, nil },
		Serves:      func(context.Context) error { return nil },
		Report:      func(outcome launchd.Outcome) { m.outcomes = append(m.outcomes, outcome) },
	}
	if change != nil {
		change(&config)
	}
	return launchd.New(config)
}

func from(directory string) func(*launchd.Config) {
	return func(config *launchd.Config) { config.Source = directory }
}

// calls returns the calls of launchctl that changed something since the last read.
func (m *mac) calls() []string {
	m.t.Helper()
	path := filepath.Join(m.tools, "launchctl.calls")
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		m.t.Fatal(err)
	}
	var calls []string
	for line := range strings.Lines(string(content)) {
		if !strings.HasPrefix(line, "print ") {
			calls = append(calls, strings.TrimSpace(line))
		}
	}
	return calls
}

func (m *mac) wantCalls(want ...string) {
	m.t.Helper()
	if got := m.calls(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		m.t.Errorf("launchctl was called:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// wantRunning checks that so many jobs run, including the helper's, after launchd has forgotten the jobs that it must
// forget.
func (m *mac) wantRunning(jobs int) {
	m.t.Helper()
	var services []launchd.Service
	for range 8 {
		var err error
		if services, err = m.installer(nil).Status(m.t.Context()); err != nil {
			m.t.Fatal(err)
		}
	}
	running := 0
	for _, service := range services {
		if service.Loaded && service.Running {
			running++
		}
	}
	if running != jobs || len(services) != jobs {
		m.t.Errorf("%d run of %+v, want %d", running, services, jobs)
	}
}

// wantResults checks that every step ended with one of these results.
func (m *mac) wantResults(results ...launchd.Result) {
	m.t.Helper()
	for _, outcome := range m.outcomes {
		allowed := false
		for _, result := range results {
			allowed = allowed || outcome.Result == result
		}
		if !allowed {
			m.t.Errorf("step %+v, want %v", outcome, results)
		}
	}
}

// outcome returns the outcome of a step.
func (m *mac) outcome(step string) launchd.Outcome {
	m.t.Helper()
	for _, outcome := range m.outcomes {
		if outcome.Step == step {
			return outcome
		}
	}
	m.t.Fatalf("there was no step %q, only %+v", step, m.outcomes)
	return launchd.Outcome{}
}

// files returns every file below the Mac's root, with its mode.
func (m *mac) files() []string {
	m.t.Helper()
	var files []string
	err := filepath.WalkDir(m.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			files = append(files, fmt.Sprintf("%s %s", info.Mode(), strings.TrimPrefix(path, m.root)))
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return files
}

func runs(t *testing.T, program string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), program).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}
