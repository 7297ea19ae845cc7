package portal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/internal/wpj"
	"usher.internal/useragent/portal"
)

// call is a Run in the background.
type call struct {
	t      *testing.T
	events chan portal.Event
	cancel context.CancelCauseFunc
	ended  chan struct{}
	err    error
}

var errBrokenOff = errors.New("broken off")

func run(t *testing.T, runner *portal.Runner, id string, attachOnly bool) *call {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	c := &call{t: t, events: make(chan portal.Event), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		c.err = runner.Run(ctx, id, attachOnly, func(event portal.Event) error {
			select {
			case c.events <- event:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	t.Cleanup(func() { cancel(errBrokenOff); <-c.ended })
	return c
}

// next waits for the next event.
func (c *call) next() portal.Event {
	c.t.Helper()
	select {
	case event := <-c.events:
		return event
	case <-c.ended:
		c.t.Fatalf("the call ended: %v", c.err)
		return nil
	}
}

func (c *call) started(attached bool) portal.Started {
	c.t.Helper()
	started, ok := c.next().(portal.Started)
	if !ok || started.Attached != attached || started.Time.IsZero() {
		c.t.Fatalf("got %+v, want Started with attached %v", started, attached)
	}
	return started
}

func (c *call) milestones(kinds ...wpj.MilestoneKind) (milestones []wpj.Milestone) {
	c.t.Helper()
	for _, kind := range kinds {
		event := c.next()
		milestone, ok := event.(wpj.Milestone)
		if !ok || milestone.Kind != kind {
			c.t.Fatalf("got %#v, want %s", event, kind)
		}
		milestones = append(milestones, milestone)
	}
	return milestones
}

// exit waits for the exit and for the call to end without an error.
func (c *call) exit(want string) {
	c.t.Helper()
	event := c.next()
	if exit, ok := event.(wpj.Exit); !ok || exit.String() != want {
		c.t.Fatalf("got %v, want %s", event, want)
	}
	if <-c.ended; c.err != nil {
		c.t.Fatalf("the call ended with %v", c.err)
	}
}

func (c *call) failed(want error) {
	c.t.Helper()
	select {
	case event := <-c.events:
		c.t.Fatalf("got %+v, want error %v", event, want)
	case <-c.ended:
		if !errors.Is(c.err, want) {
			c.t.Fatalf("the call ended with %v, want %v", c.err, want)
		}
	}
}

func TestExitsAreToldAndReplayed(t *testing.T) {
	for command, want := range map[string]string{
		"exit 0": "success (0)", "exit 1": "defaultError (1)", "exit 66": "registrationDeviceCapError (66)",
		"exit 7": "unknown (7)", "die": "SIGKILL (signal 9)",
	} {
		t.Run(command, func(t *testing.T) {
			m := newMac(t)
			runner := m.runner()
			c := run(t, runner, "one", false)
			p := m.portal()
			if started := c.started(false); started.PID != p.hello.PID || p.hello.Group != p.hello.PID {
				t.Errorf("process %d of group %d, milestones %d", p.hello.PID, p.hello.Group, started.PID)
			}
			if !slices.Equal(p.hello.Arguments, []string{"-r"}) {
				t.Errorf("arguments %q", p.hello.Arguments)
			}
			p.send(command)
			c.exit(want)
			for _, again := range []*portal.Runner{runner, m.runner()} {
				c := run(t, again, "one", false)
				if started := c.started(true); started.PID != 0 {
					t.Errorf("process %d of a run that is over", started.PID)
				}
				c.exit(want)
			}
			m.noPortal()
		})
	}
}

func TestMilestonesComeLiveAndAgainFromTheStart(t *testing.T) {
	m := newMac(t)
	m.logs(event("WPJ_DeviceRegistration", "result = Succeeded"), exitEvent(70)) // of an earlier run
	runner := m.runner()
	first := run(t, runner, "one", false)
	p := m.portal()
	first.started(false)

	m.logs(event("ADALLoginStarted", "result = None"))
	first.milestones(wpj.MilestoneSignInStarted)
	m.logs(event("Auth_FetchSvcToken", "result = Succeeded", "target = SomethingElse"),
		event("Auth_FetchSvcToken", "result = Succeeded", "target = AADWPJToken"))
	first.milestones(wpj.MilestoneTokenFetched)
	first.cancel(errBrokenOff)
	first.failed(errBrokenOff)

	m.logs(event(`"WPJ_DeviceRegistration"`, "result = Failed"), event("WPJ_DeviceRegistration", "result = Succeeded"))
	second := run(t, runner, "one", true)
	if started := second.started(true); started.PID != p.hello.PID {
		t.Errorf("attached to process %d, want %d", started.PID, p.hello.PID)
	}
	milestones := second.milestones(wpj.MilestoneSignInStarted, wpj.MilestoneTokenFetched, wpj.MilestoneTrouble,
		wpj.MilestoneDeviceRegistered)
	if milestones[2].Detail != "WPJ_DeviceRegistration: Failed" ||
		milestones[3].Detail != "WPJ_DeviceRegistration: Succeeded" {
		t.Errorf("details %+v", milestones)
	}
	third := run(t, runner, "one", false)
	third.started(true)
	third.milestones(wpj.MilestoneSignInStarted, wpj.MilestoneTokenFetched, wpj.MilestoneTrouble,
		wpj.MilestoneDeviceRegistered)

	// Text that is written just before the end is reported before the end.
	m.logs(event("CompleteWPJOperation", "result = Succeeded"),
		"2021-03-09 14:02:19.995 INFO com.microsoft.ssp.workplaceJoinSdk TID=1 W.swift: 8 (f()) INFO: "+
			"getRegistrationInformation: Retrieved certificate thumbprint\n",
		exitEvent(0))
	p.send("exit 0")
	for _, c := range []*call{second, third} {
		milestones := c.milestones(wpj.MilestoneWorkplaceJoinCompleted, wpj.MilestoneCertificateStored,
			wpj.MilestoneExited)
		if milestones[2].Detail != "CompanyPortalExited: resultData = 0" {
			t.Errorf("detail %q", milestones[2].Detail)
		}
		c.exit("success (0)")
	}
	replay := run(t, m.runner(), "one", true)
	replay.started(true)
	replay.milestones(wpj.MilestoneSignInStarted, wpj.MilestoneTokenFetched, wpj.MilestoneTrouble,
		wpj.MilestoneDeviceRegistered,
		wpj.MilestoneWorkplaceJoinCompleted, wpj.MilestoneCertificateStored, wpj.MilestoneExited)
	replay.exit("success (0)")
	m.noPortal()
}

func TestMilestonesOfTheNewerGrammar(t *testing.T) {
	m := newMac(t)
	c := run(t, m.runner(), "one", false)
	p := m.portal()
	c.started(false)
	const at = "2025-11-03 09:14:43.560 | "
	m.logs(at + "login | 1 | L.swift: 62 (loginState) | Login state changed from 'NotLoggedIn' to " +
		"'FetchingAadIntuneToken' for jane@example.com\n")
	if got := c.milestones(wpj.MilestoneSignInStarted)[0].Detail; got != "The sign-in began" {
		t.Errorf("detail %q", got)
	}
	m.logs(at+"WARN | login | 1 | L.swift: 1 (f()) | Authentication finished with error: Error domain: "+
		"com.example\nCode: 306\nDescription: of jane\n",
		at+"telemetry | 1 | T.swift: 1 (f()) | ReceivedEvent: The event is: \neventTitle: "+
			"CompanyPortalExited\nresultData: 64\n")
	if got := c.milestones(wpj.MilestoneTrouble)[0].Detail; got !=
		"The sign-in ended with an error: com.example, code 306" {
		t.Errorf("detail %q", got)
	}
	p.send("exit 64")
	c.milestones(wpj.MilestoneExited)
	c.exit("userAbandoned (64)")
}

func TestEnvironmentIsClean(t *testing.T) {
	m := newMac(t)
	t.Setenv("A_SECRET", "x")
	t.Setenv("LANG", "de_CH.UTF-8")
	c := run(t, m.runner(), "one", false)
	p := m.portal()
	c.started(false)
	allowed := []string{"HOME", "USER", "LOGNAME", "PATH", "LANG", "TMPDIR", "XDG_RUNTIME_DIR",
		"DBUS_SESSION_BUS_ADDRESS",
		"DISPLAY", "WAYLAND_DISPLAY", "__CF_USER_TEXT_ENCODING", "SSH_AUTH_SOCK", "USHER_REGISTRATION_ID"}
	for _, variable := range p.hello.Environment {
		if name, _, _ := strings.Cut(variable, "="); !slices.Contains(allowed, name) {
			t.Errorf("environment has %s", name)
		}
	}
	for _, want := range []string{"USHER_REGISTRATION_ID=one", "LANG=de_CH.UTF-8", "HOME=" + m.home} {
		if !slices.Contains(p.hello.Environment, want) {
			t.Errorf("environment lacks %s: %q", want, p.hello.Environment)
		}
	}
	p.send("exit 0")
	c.exit("success (0)")
}

func TestRefusals(t *testing.T) {
	m := newMac(t)
	runner := m.runner()
	for _, id := range []string{"", "-r", "a/b", "..", "a b", strings.Repeat("a", 65)} {
		run(t, runner, id, false).failed(portal.ErrInvalidID)
	}
	run(t, runner, "one", true).failed(portal.ErrRunNotFound)
	if _, err := runner.Stop(t.Context(), "one"); !errors.Is(err, portal.ErrRunNotFound) {
		t.Errorf("stop: %v", err)
	}
	c := run(t, runner, "one", false)
	p := m.portal()
	c.started(false)
	run(t, runner, "two", false).failed(portal.ErrBusy)
	run(t, m.runner(), "two", false).failed(portal.ErrBusy) // by the record
	p.send("exit 0")
	c.exit("success (0)")
	c = run(t, runner, "two", false)
	m.portal().send("exit 1")
	c.started(false)
	c.exit("defaultError (1)")
	runner.Close()
	run(t, runner, "three", false).failed(portal.ErrClosed)
	m.noPortal()
}

func TestPortalOfSomebodyElseIsFound(t *testing.T) {
	m := newMac(t)
	runner := m.runner()
	stranger := exec.Command(m.config.Executable)
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	p := m.portal()
	run(t, runner, "one", false).failed(portal.ErrAlreadyRunning)
	// An update replaces the executable under it.
	if err := os.Remove(m.config.Executable); err != nil {
		t.Fatal(err)
	}
	m.install(m.config.Executable)
	run(t, runner, "one", false).failed(portal.ErrAlreadyRunning)
	run(t, runner, "one", true).failed(portal.ErrRunNotFound)

	p.end("exit 0")
	if err := stranger.Wait(); err != nil {
		t.Fatal(err)
	}
	c := run(t, runner, "one", false)
	m.portal().send("exit 0")
	c.started(false)
	c.exit("success (0)")
}

func TestExecutableThatCannotBeStarted(t *testing.T) {
	m := newMac(t)
	for name, executable := range map[string]string{
		"missing": filepath.Join(m.home, "nothing"), "relative": "sh", "no-program": filepath.Join(m.home, "text"),
	} {
		if err := os.WriteFile(filepath.Join(m.home, "text"), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		m.config.Executable = executable
		run(t, m.runner(), name, false).failed(portal.ErrNotRunnable)
		// This is final: the same registration launches nothing, even if it could now.
		m.config.Executable = filepath.Join(m.home, portalName)
		run(t, m.runner(), name, false).failed(portal.ErrNotRunnable)
		if _, err := m.runner().Stop(t.Context(), name); !errors.Is(err, portal.ErrRunNotFound) {
			t.Errorf("stop: %v", err)
		}
	}
	m.noPortal()
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		name, before string
		want         syscall.Signal
	}{{"by SIGTERM", "nothing", syscall.SIGTERM}, {"that ignores SIGTERM", "ignore", syscall.SIGKILL}} {
		t.Run(test.name, func(t *testing.T) {
			m := newMac(t)
			m.config.Grace = 100 * time.Millisecond
			if test.want == syscall.SIGTERM {
				m.config.Grace = time.Minute
			}
			runner := m.runner()
			c := run(t, runner, "one", false)
			p := m.portal()
			c.started(false)
			p.do(test.before)
			// A cancelled stop stops Company Portal all the same.
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errBrokenOff)
			if _, err := runner.Stop(ctx, "one"); err != nil && !errors.Is(err, errBrokenOff) {
				t.Fatal(err)
			}
			c.exit(wpj.Exit{Signal: test.want}.String())
			exit, err := runner.Stop(t.Context(), "one")
			if err != nil || exit.Signal != test.want {
				t.Errorf("got %v, %v", exit, err)
			}
		})
	}
}

func TestCloseLeavesThePortalRunning(t *testing.T) {
	m := newMac(t)
	runner := m.runner()
	c := run(t, runner, "one", false)
	p := m.portal()
	c.started(false)
	runner.Close()
	c.failed(portal.ErrClosed)
	p.do("nothing") // it lives

	next := m.runner()
	c = run(t, next, "one", false)
	if started := c.started(true); started.PID != p.hello.PID {
		t.Errorf("attached to process %d, want %d", started.PID, p.hello.PID)
	}
	exit, err := next.Stop(t.Context(), "one") // which is not its child
	if err != nil || !exit.Unknown() {
		t.Errorf("got %v, %v", exit, err)
	}
	c.exit("unknown")
}

func TestOldRecordsAreDeleted(t *testing.T) {
	m := newMac(t)
	runner := m.runner()
	for i := range 25 {
		c := run(t, runner, fmt.Sprint("run-", i), false)
		m.portal().send("exit 0")
		c.started(false)
		c.exit("success (0)")
	}
	records, err := filepath.Glob(filepath.Join(m.config.StateDirectory, "*", "*.json"))
	if err != nil || len(records) != 20 {
		t.Errorf("%d records, %v", len(records), err)
	}
	run(t, runner, "run-0", true).failed(portal.ErrRunNotFound)
	last := run(t, runner, "run-24", true)
	last.started(true)
	last.exit(wpj.ExitSuccess.String())
}

// macOS is asked to bring Company Portal to the front after its log shows that it runs: before, open(1) would not know
// of it, and start another instance. It is asked once, and not for one that was found running.
func TestPortalIsBroughtToTheFrontOnceItRuns(t *testing.T) {
	m := newMac(t)
	asked := make(chan struct{}, 10)
	m.config.Activate = func(context.Context) error { asked <- struct{}{}; return errors.New("open: it ended with 1") }
	runner := m.runner()
	first := run(t, runner, "one", false)
	p := m.portal()
	first.started(false)
	if len(asked) > 0 {
		t.Error("macOS was asked before Company Portal ran")
	}
	m.logs(event("ADALLoginStarted", "result = None"))
	first.milestones(wpj.MilestoneSignInStarted)
	<-asked
	m.logs(event("Auth_FetchSvcToken", "result = Succeeded", "target = AADWPJToken"))
	first.milestones(wpj.MilestoneTokenFetched)
	// Another agent finds it running.
	runner.Close()
	first.failed(portal.ErrClosed)
	second := run(t, m.runner(), "one", true)
	second.started(true)
	second.milestones(wpj.MilestoneSignInStarted, wpj.MilestoneTokenFetched)
	m.logs(event("WPJ_DeviceRegistration", "result = Succeeded"))
	second.milestones(wpj.MilestoneDeviceRegistered)
	p.send("exit 0")
	second.exit("unknown")
	if len(asked) > 0 {
		t.Error("macOS was asked again")
	}
	m.noPortal()
}
