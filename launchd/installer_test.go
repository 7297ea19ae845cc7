package launchd_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"usher.internal/internal/command"
	"usher.internal/launchd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	helperTarget = "system/org.usher.helper"
	helperPlist  = "/Library/LaunchDaemons/org.usher.helper.plist"
	agentPlist   = "/Library/LaunchAgents/org.usher.useragent.plist"
)

// launchd does not load an installed agent's definition for users who are already logged in [LAUNCHCTL], so each agent
// is loaded by name.
func TestInstallServesEverybodyWhoIsLoggedIn(t *testing.T) {
	m := newMac(t, 501, 502)
	if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantResults(launchd.Done)
	m.wantCalls(
		"enable system/org.usher.helper: 0", "bootstrap system "+helperPlist+": 0",
		"kickstart system/org.usher.helper: 0",
		"enable gui/501/org.usher.useragent: 0", "bootstrap gui/501 "+agentPlist+": 0",
		"kickstart gui/501/org.usher.useragent: 0",
		"enable gui/502/org.usher.useragent: 0", "bootstrap gui/502 "+agentPlist+": 0",
		"kickstart gui/502/org.usher.useragent: 0",
	)
	want := []string{
		"-rw-r--r-- /Library/LaunchAgents/org.usher.useragent.plist",
		"-rw-r--r-- /Library/LaunchDaemons/org.usher.helper.plist",
		"-rw-r--r-- /etc/newsyslog.d/org.usher.conf", "Lrwxrwxrwx /usr/local/bin/usherctl",
		"-rwxr-xr-x /usr/local/usher/usher-agent", "-rwxr-xr-x /usr/local/usher/usherctl",
		"-rwxr-xr-x /usr/local/usher/usherd",
	}
	if got := m.files(); !slices.Equal(got, want) {
		t.Errorf("the files are %q, want %q", got, want)
	}

	// Root's logs name users. An earlier version created their folder for everybody.
	logs := filepath.Join(m.root, "Library/Logs/usher")
	wantClosed := func() {
		t.Helper()
		if info, err := os.Stat(logs); err != nil || info.Mode().Perm() != 0o750 ||
			info.Sys().(*syscall.Stat_t).Gid != 80 {
			t.Errorf("the folder of the logs: %+v, %v", info, err)
		}
	}
	wantClosed()
	if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantResults(launchd.Unchanged)
	m.wantCalls()
	rotated := filepath.Join(logs, "usherd.log.0.bz2")
	if err := errors.Join(os.Chmod(logs, 0o755), os.WriteFile(rotated, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantClosed()
	if info, err := os.Stat(rotated); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("a rotated log: %+v, %v", info, err)
	}
	services, err := m.installer(nil).Status(t.Context())
	if err != nil || len(services) != 3 {
		t.Fatalf("%+v, %v", services, err)
	}
	for _, service := range services {
		if !service.Running || !service.Installed || service.PID == 0 || service.PID == 4711 {
			t.Errorf("%+v", service)
		}
	}
}

// launchd keeps the definition and the program with which a job was loaded. So each job is loaded again, the helper
// first.
func TestUpgradeRestartsWhatHasChanged(t *testing.T) {
	m := newMac(t, 501)
	first, second := m.programs("1"), m.programs("2")
	install := func(directory string) {
		t.Helper()
		if err := m.installer(from(directory)).Install(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	install(first)
	m.calls()
	install(second)
	helper := []string{"bootout system/org.usher.helper: 0", "enable system/org.usher.helper: 0",
		"bootstrap system " + helperPlist + ": 0"}
	agent := []string{"bootout gui/501/org.usher.useragent: 0", "enable gui/501/org.usher.useragent: 0",
		"bootstrap gui/501 " + agentPlist + ": 0"}
	starts := func(calls []string, target string) []string {
		return append(slices.Clone(calls), "kickstart "+target+": 0")
	}
	helper, agent = starts(helper, helperTarget), starts(agent, "gui/501/org.usher.useragent")
	m.wantCalls(slices.Concat(helper, agent)...)
	if version := runs(t, filepath.Join(m.root, "usr/local/usher/usherd")); version != "usherd 2" {
		t.Errorf("installed is %s", version)
	}
	// Only the agent of this version differs.
	m.write(filepath.Join(second, "usher-agent"), "#!/bin/sh\necho usher-agent 3\n", 0o755)
	install(second)
	m.wantCalls(agent...)
	// A definition that somebody has changed is corrected and loaded.
	m.write(filepath.Join(m.root, helperPlist), "<plist/>", 0o644)
	install(second)
	m.wantCalls(helper...)
	// A package has installed the same programs.
	if err := m.installer(func(c *launchd.Config) { c.Restart = true }).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantCalls(slices.Concat(helper, agent)...)
}

// It is no error if nobody is logged in: the agent starts at login. [LAUNCHCTL]
func TestSessionThatTakesNoAgentIsLeftToTheNextLogin(t *testing.T) {
	for name, fault := range map[string]map[string]any{
		"unsupported": {"call": "bootstrap gui/502", "exit_code": 125,
			"stderr": "Bootstrap failed: 125: Domain does not support specified action"},
		"no domain": {"call": "bootstrap gui/502", "exit_code": 5,
			"stderr": "Bootstrap failed: 5: Input/output error"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMac(t, 501, 502, 503)
			m.configure([]string{"system", "gui/501", "gui/503"}, []map[string]any{fault})
			if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := m.outcome("start usher-agent of uid 502"); got.Result != launchd.Later ||
				!strings.Contains(got.Detail, "next login") {
				t.Errorf("%+v", got)
			}
			for _, uid := range []string{"501", "503"} {
				if got := m.outcome("start usher-agent of uid " + uid); got.Result != launchd.Done {
					t.Errorf("%+v", got)
				}
			}
		})
	}
}

// Running it again finishes an interrupted operation, and nothing is done twice.
func TestInstallThatBrokeOffIsFinishedByTheNext(t *testing.T) {
	m := newMac(t, 501)
	first, second := m.programs("1"), m.programs("2")
	if err := m.installer(from(first)).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.calls()
	m.has(map[string]any{"call": "bootstrap system", "exit_code": 5,
		"stderr": "Bootstrap failed: 5: Input/output error", "times": 1000})
	var err error
	synctest.Test(t, func(t *testing.T) { err = m.installer(from(second)).Install(t.Context()) })
	if err == nil || !strings.Contains(err.Error(),
		"start usherd: launchctl bootstrap system "+helperPlist+
			": exit code 5: Bootstrap failed: 5: Input/output error") {
		t.Fatalf("got %v", err)
	}
	if last := m.outcomes[len(m.outcomes)-1]; last.Result != launchd.Failed {
		t.Errorf("the last step is %+v", last)
	}
	m.calls()
	m.has()
	if err := m.installer(from(second)).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The agent too, although its program was in place before.
	if calls := m.calls(); !slices.Contains(calls, "bootout gui/501/org.usher.useragent: 0") ||
		!slices.Contains(calls, "bootstrap system "+helperPlist+": 0") {
		t.Errorf("launchctl was called %q", calls)
	}
	if err := m.installer(from(second)).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantResults(launchd.Unchanged)
	m.wantCalls()
}

// A job can remain without a process after bootstrap, and remain for a while after bootout. [LAUNCHCTL]
func TestLaunchdThatTakesItsTime(t *testing.T) {
	m := newMac(t, 501)
	m.has(map[string]any{"call": "bootstrap", "no_process": true, "times": 2},
		map[string]any{"call": "bootout", "slow": 3, "times": 2})
	if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.installer(from(m.programs("2"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.outcome("start usherd"); got.Result != launchd.Done || !strings.HasPrefix(got.Detail, "pid ") {
		t.Errorf("%+v", got)
	}
}

// For up to 15 seconds after bootout, launchd refuses to take the job again. During that time, print does not know the
// job, or shows it as one that has got SIGTERM. [LAUNCHCTL]
func TestUpgradeWaitsUntilLaunchdTakesTheJobsAgain(t *testing.T) {
	for name, late := range map[string]map[string]any{
		"print does not know it, 5":  {"late": 5},
		"print does not know it, 37": {"late": 5, "refusal": 37},
		"print shows SIGTERMed, 5":   {"late": 6, "leaving": true},
		"print shows SIGTERMed, 37":  {"late": 6, "leaving": true, "refusal": 37},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMac(t, 501)
			first, second := m.programs("1"), m.programs("2")
			if err := m.installer(from(first)).Install(t.Context()); err != nil {
				t.Fatal(err)
			}
			late["call"], late["times"] = "bootout", 2
			m.has(late)
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				if err := m.installer(from(second)).Install(t.Context()); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("it took %s", took)
				}
			})
			m.wantRunning(2)
		})
	}
}

// A job that has got SIGTERM will end. Its process is no reason to skip the load.
func TestStartWaitsForTheEndOfAJobThatIsGoing(t *testing.T) {
	m := newMac(t, 501)
	if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.has(map[string]any{"call": "bootout", "late": 6, "leaving": true, "times": 2})
	for _, target := range []string{helperTarget, "gui/501/org.usher.useragent"} {
		if output, err := command.Launchctl.At(filepath.Join(m.tools, "launchctl")).With("bootout",
			target).Run(t.Context()); err != nil || output.ExitCode != 0 {
			t.Fatal(output, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		if err := m.installer(nil).Start(t.Context()); err != nil {
			t.Error(err)
		}
	})
	m.wantRunning(2)
}

// Jamf ends a policy that takes too long, and people press Control-C. A job that was unloaded is loaded again before
// the installer ends.
func TestInterruptedUpgradeLeavesNoJobUnloaded(t *testing.T) {
	m := newMac(t, 501)
	first, second := m.programs("1"), m.programs("2")
	if err := m.installer(from(first)).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.has(map[string]any{"call": "bootout", "late": 5, "times": 2})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		i := m.installer(func(c *launchd.Config) {
			c.Source = second
			c.Begin = func(step string) {
				if step == "start usherd" {
					time.AfterFunc(4*time.Second, cancel)
				}
			}
		})
		if err := i.Install(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	m.wantRunning(2)
}

// A bootout that fails does not matter if the job has ended in the meantime.
func TestJobThatIsGoneAfterABootoutThatFailed(t *testing.T) {
	m := newMac(t)
	if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.has(map[string]any{"call": "bootout", "exit_code": 5, "stderr": "Boot-out failed: 5: Input/output error",
		"gone": true})
	synctest.Test(t, func(t *testing.T) {
		if err := m.installer(nil).RestartServices(t.Context()); err != nil {
			t.Error(err)
		}
	})
	m.wantRunning(1)
}

// Somebody has loaded the job in the meantime, or disabled it.
func TestJobThatIsThereAlready(t *testing.T) {
	m := newMac(t)
	if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.has(map[string]any{"call": "print system/org.usher.helper", "exit_code": 113, "stderr": "Could not find service"})
	if err := m.installer(nil).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.calls()
	m.has()
	if err := m.installer(nil).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if output, err := command.Launchctl.At(filepath.Join(m.tools, "launchctl")).With("disable",
		helperTarget).Run(t.Context()); err != nil || output.ExitCode != 0 {
		t.Fatal(output, err)
	}
	if err := m.installer(nil).Start(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDryRunDoesNothing(t *testing.T) {
	m := newMac(t, 501)
	dry := func(c *launchd.Config) { c.DryRun, c.Source = true, m.programs("1") }
	before := m.files()
	if err := m.installer(dry).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantResults(launchd.Would)
	m.wantCalls()
	if after := m.files(); !slices.Equal(before, after) {
		t.Errorf("the files are %q, and were %q", after, before)
	}
	if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	before = m.files()
	m.calls()
	for _, operation := range []func(*launchd.Installer) error{
		func(i *launchd.Installer) error { return i.Stop(t.Context()) },
		func(i *launchd.Installer) error { return i.RestartServices(t.Context()) },
		func(i *launchd.Installer) error { return i.Uninstall(t.Context(), &launchd.Purge{}) },
	} {
		if err := operation(m.installer(func(c *launchd.Config) {
			c.DryRun = true
		})); err != nil && !errors.Is(err, command.ErrMissing) {
			t.Error(err)
		}
	}
	m.wantCalls()
	if after := m.files(); !slices.Equal(before, after) {
		t.Errorf("the files are %q, and were %q", after, before)
	}
}

func TestInterruptedInstallSaysSo(t *testing.T) {
	m := newMac(t)
	ctx, cancel := context.WithCancel(t.Context())
	i := m.installer(func(c *launchd.Config) {
		c.Source = m.programs("1")
		report := c.Report
		c.Report = func(outcome launchd.Outcome) { report(outcome); cancel() }
	})
	if err := i.Install(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if last := m.outcomes[len(m.outcomes)-1]; last.Result != launchd.Failed ||
		!strings.Contains(last.Detail, "run it again") {
		t.Errorf("%+v", last)
	}
}

func TestNothingToInstall(t *testing.T) {
	m := newMac(t)
	if err := m.installer(from(t.TempDir())).Install(t.Context()); !errors.Is(err, launchd.ErrNoPrograms) {
		t.Errorf("got %v", err)
	}
	if err := m.installer(nil).Start(t.Context()); !errors.Is(err, launchd.ErrNotInstalled) {
		t.Errorf("got %v", err)
	}
	m.wantCalls()
}

// A file in the way that belongs to somebody else is not removed.
func TestWhatIsInTheWayIsNamed(t *testing.T) {
	for path, spoil := range map[string]func(path string) error{
		"/usr/local/bin/usherctl":         func(path string) error { return os.WriteFile(path, []byte("mine"), 0o755) },
		"/usr/local/usher":                func(path string) error { return os.WriteFile(path, nil, 0o644) },
		"/usr/local/usher/usherd":         func(path string) error { return os.Mkdir(path, 0o755) },
		"/etc/newsyslog.d/org.usher.conf": func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			m := newMac(t)
			place := filepath.Join(m.root, path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o755), spoil(place)); err != nil {
				t.Fatal(err)
			}
			err := m.installer(from(m.programs("1"))).Install(t.Context())
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move it away") {
				t.Errorf("got %v", err)
			}
			if _, err := os.Lstat(place); err != nil {
				t.Error(err)
			}
			m.wantCalls()
		})
	}
}

func TestUninstall(t *testing.T) {
	m := newMac(t, 501, 502)
	install := func() {
		t.Helper()
		if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.calls()
	}
	install()
	state := filepath.Join(m.root, m.layout.State, "journal.db")
	m.write(state, "journal", 0o600)
	if err := m.installer(nil).Uninstall(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := m.files(); !slices.Equal(got, []string{"-rw------- /Library/Application Support/usher/journal.db"}) {
		t.Errorf("left are %q", got)
	}
	// Agents end before the helper, so that none of them dials a socket without a server.
	if calls := m.calls(); calls[0] != "bootout gui/501/org.usher.useragent: 0" ||
		!slices.Contains(calls, "bootout system/org.usher.helper: 0") {
		t.Errorf("launchctl was called %q", calls)
	}
	if err := m.installer(nil).Uninstall(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	m.wantResults(launchd.Unchanged)
}

func TestPurgeTakesEverything(t *testing.T) {
	m := newMac(t, 501)
	if err := m.installer(from(m.programs("1"))).Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		m.layout.State + "/journal.db", m.layout.State + "/journal.db.damaged", m.layout.Sockets + "/helper.sock",
		m.layout.Configuration,
		m.layout.HelperLog, m.layout.HelperLog + ".0.bz2", "/Library/elsewhere/secret",
		"/Library/elsewhere/device.creds", "/Library/chosen/journal.db",
		"/Users/jane/Library/Logs/usher/usher-agent.log",
		"/Users/jane/Library/Application Support/org.usher/portal-runs/x.json",
		m.layout.Manuals + "/usherctl.1", m.layout.Manuals + "/usherctl-status.1", m.layout.ZshCompletion,
		// These are not usher's.
		"/Library/chosen/somebody's file", "/Users/jane/Library/Logs/other.log", m.layout.Manuals + "/other.1",
	} {
		m.write(filepath.Join(m.root, path), "x", 0o600)
	}
	m.write(filepath.Join(m.tools, "receipt"), "", 0o600)
	purge := &launchd.Purge{
		State: "/Library/chosen", Sockets: m.layout.Sockets,
		Secrets:  []string{"/Library/elsewhere/secret", "/Library/elsewhere/device.creds", ""},
		Homes:    []string{"/Users/jane", "/Users/gone"},
		Receipts: command.PackageUtility.At(filepath.Join(m.tools, "pkgutil")),
	}
	err := m.installer(nil).Uninstall(t.Context(), purge)
	// A directory with somebody else's files remains, and is named.
	if err == nil || !strings.Contains(err.Error(), "/Library/chosen: it contains something") {
		t.Errorf("got %v", err)
	}
	want := []string{"-rw------- /Library/chosen/somebody's file", "-rw------- /Users/jane/Library/Logs/other.log",
		"-rw------- /usr/local/share/man/man1/other.1"}
	if got := m.files(); !slices.Equal(got, want) {
		t.Errorf("left are %q", got)
	}
	if got := m.outcome("forget the receipt of org.usher.usher"); got.Result != launchd.Done {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(filepath.Join(m.tools, "receipt")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the receipt is left: %v", err)
	}
}

// A user who expects a purge puts links where root will remove something.
func TestPurgeFollowsNoLinkOutOfAHome(t *testing.T) {
	m := newMac(t)
	victim := filepath.Join(m.root, "victim")
	m.write(filepath.Join(victim, "org.usher", "precious"), "x", 0o600)
	m.write(filepath.Join(victim, "usher", "precious"), "x", 0o600)
	jane := filepath.Join(m.root, "Users/jane/Library")
	if err := errors.Join(os.MkdirAll(jane, 0o755), os.Symlink(victim, filepath.Join(jane, "Application Support")),
		os.Symlink("../../../victim", filepath.Join(jane, "Logs"))); err != nil {
		t.Fatal(err)
	}
	purge := &launchd.Purge{Homes: []string{"/Users/jane"},
		Receipts: command.PackageUtility.At(filepath.Join(m.tools, "pkgutil"))}
	if err := m.installer(nil).Uninstall(t.Context(), purge); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"org.usher", "usher"} {
		if _, err := os.Stat(filepath.Join(victim, name, "precious")); err != nil {
			t.Errorf("root has followed the link: %v", err)
		}
	}
}
