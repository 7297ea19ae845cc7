package launchd

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"usher.internal/internal/command"
	"usher.internal/internal/layout"
)

// The agent's state is below XDG_STATE_HOME if its service manager has that variable. Root removes it there, but only
// below the user's home, even if the user has put links on the way.
func TestPurgeOfXDGStateHome(t *testing.T) {
	for name, test := range map[string]struct {
		printed    string
		left, gone []string
	}{
		"in the home": {`{"HOME":"/root","XDG_STATE_HOME":"/root/my state"}`,
			[]string{"root/other"}, []string{"root/my state"}},
		"not set":             {`{"HOME":"/root"}`, []string{"root/my state/usher/x", "root/other"}, nil},
		"relative":            {`{"XDG_STATE_HOME":"my state"}`, []string{"root/my state/usher/x"}, nil},
		"outside of the home": {`{"XDG_STATE_HOME":"/data"}`, []string{"data/usher/x"}, nil},
		"out by dots":         {`{"XDG_STATE_HOME":"/root/../data"}`, []string{"data/usher/x"}, nil},
		"through a link":      {`{"XDG_STATE_HOME":"/root/link"}`, []string{"data/usher/x"}, nil},
		"the link itself":     {`{"XDG_STATE_HOME":"/root/linked"}`, []string{"data/usher/x"}, []string{"root/linked"}},
	} {
		t.Run(name, func(t *testing.T) {
			i := session(t, "printf %s '"+test.printed+"'")
			if err := i.take(t.Context(), i.fromStateHome(t.Context(), 0)); err != nil {
				t.Fatal(err)
			}
			for _, path := range test.left {
				if _, err := os.Lstat(filepath.Join(i.Root, path)); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
			for _, path := range test.gone {
				if _, err := os.Lstat(filepath.Join(i.Root, path)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is left: %v", path, err)
				}
			}
		})
	}
}

// If a user's service manager does not answer, that step fails, and the others continue.
func TestPurgeWithoutXDGStateHome(t *testing.T) {
	for _, script := range []string{"exit 1", "echo '{'"} {
		i := session(t, script)
		steps := i.fromStateHome(t.Context(), 0)
		if len(steps) != 1 || !steps[0].continues || i.take(t.Context(), steps) == nil {
			t.Errorf("%q: %+v", script, steps)
		}
	}
	i := session(t, "exit 1")
	if steps := i.fromStateHome(t.Context(), 4242); len(steps) > 0 {
		t.Errorf("a user without a service manager: %+v", steps)
	}
}

// session is an installer for a computer on which root has a session. Its service manager runs the script.
func session(t *testing.T, script string) *Installer {
	t.Helper()
	top, runtimes := t.TempDir(), t.TempDir()
	systemctlProgram := filepath.Join(t.TempDir(), "systemctl")
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.WriteFile(systemctlProgram, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	for _, path := range []string{"root/my state/usher/x", "root/other", "data/usher/x"} {
		check(os.MkdirAll(filepath.Join(top, filepath.Dir(path)), 0o755))
		check(os.WriteFile(filepath.Join(top, path), nil, 0o600))
	}
	check(os.Symlink("../data", filepath.Join(top, "root/link")))
	check(os.Mkdir(filepath.Join(top, "root/linked"), 0o755))
	check(os.Symlink("../../data/usher", filepath.Join(top, "root/linked/usher")))
	check(os.MkdirAll(filepath.Join(runtimes, "0/systemd"), 0o755))
	check(os.WriteFile(filepath.Join(runtimes, "0/systemd/private"), nil, 0o600))
	manager := &systemctl{program: command.Command{Path: systemctlProgram, Deadline: time.Minute, OutputLimit: 1 << 10},
		runtimes: runtimes, group: func(uint32) (uint32, error) { return 0, nil }}
	return New(Config{Layout: layout.Linux, Root: top, Manager: manager, Report: func(Outcome) {}})
}
