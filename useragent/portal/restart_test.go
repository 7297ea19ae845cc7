package portal_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"usher.internal/internal/wpj"
	"usher.internal/useragent/portal"
)

// killedAgent launches a portal from an agent in a process of its own, and then kills the agent.
func (m *mac) killedAgent(id string) *launched {
	m.t.Helper()
	program := filepath.Join(m.home, agentName)
	m.install(program)
	agent := exec.Command(program, m.config.Executable, m.config.StateDirectory, m.config.LogDirectory, id)
	output, err := agent.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		m.t.Fatal(err)
	}
	p := m.portal()
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "portal.Started\n" {
		m.t.Fatalf("agent wrote %q, %v", line, err)
	}
	if err := agent.Process.Kill(); err != nil {
		m.t.Fatal(err)
	}
	_ = agent.Wait()
	p.do("nothing") // it lives
	return p
}

func TestAgentIsKilledAndTheNextOneAttaches(t *testing.T) {
	m := newMac(t)
	m.logs(exitEvent(70)) // of an earlier run
	p := m.killedAgent("one")
	m.logs(event("ADALLoginStarted"))

	runner := m.runner()
	run(t, runner, "two", false).failed(portal.ErrBusy)
	c := run(t, runner, "one", false)
	if started := c.started(true); started.PID != p.hello.PID {
		t.Errorf("attached to process %d, want %d", started.PID, p.hello.PID)
	}
	c.milestones(wpj.MilestoneSignInStarted)
	m.logs(event("CompleteWPJOperation", "result = Succeeded"))
	c.milestones(wpj.MilestoneWorkplaceJoinCompleted)
	m.logs(exitEvent(66))
	p.send("exit 66")
	c.milestones(wpj.MilestoneExited)
	c.exit("registrationDeviceCapError (66), from the log")
	m.noPortal()
}

func TestAgentIsKilledAndThePortalEndsUnobserved(t *testing.T) {
	for name, test := range map[string]struct{ log, want string }{
		"with an exit event": {exitEvent(64), "userAbandoned (64), from the log"},
		"without a word":     {event("ADALLoginStarted"), "unknown"},
		"with nonsense":      {event("CompanyPortalExited", "resultData = 4711"), "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMac(t)
			m.logs(exitEvent(0))
			p := m.killedAgent("one")
			m.logs(test.log)
			p.end("exit 1")
			for range 2 {
				c := run(t, m.runner(), "one", false)
				if started := c.started(true); started.PID != 0 {
					t.Errorf("process %d", started.PID)
				}
				event := c.next()
				if _, ok := event.(wpj.Milestone); ok {
					event = c.next()
				}
				if exit, ok := event.(wpj.Exit); !ok || exit.String() != test.want {
					t.Errorf("got %v, want %s", event, test.want)
				}
			}
			m.noPortal()
		})
	}
}

// forget makes the record as it is if the agent is killed before it could complete it.
func (m *mac) forget(id string) {
	m.t.Helper()
	path := filepath.Join(m.config.StateDirectory, "portal-runs", id+".json")
	content, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(content, &record); err != nil {
		m.t.Fatal(err)
	}
	if record["phase"] != "running" || record["process"] == nil {
		m.t.Fatalf("record %s", content)
	}
	record["phase"] = "launching"
	delete(record, "process")
	if content, err = json.Marshal(record); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func TestAgentIsKilledInTheMiddleOfTheLaunch(t *testing.T) {
	m := newMac(t)
	p := m.killedAgent("one")
	m.forget("one")
	runner := m.runner()
	c := run(t, runner, "one", false)
	if started := c.started(true); started.PID != p.hello.PID {
		t.Errorf("found process %d, want %d", started.PID, p.hello.PID)
	}
	p.do("ignore")
	m.logs(exitEvent(65))
	p.send("exit 65")
	c.milestones(wpj.MilestoneExited)
	c.exit("registrationError (65), from the log")
	m.noPortal()
}

func TestAgentIsKilledJustBeforeTheLaunch(t *testing.T) {
	m := newMac(t)
	p := m.killedAgent("one")
	p.end("exit 0")
	m.forget("one")
	c := run(t, m.runner(), "one", false)
	c.started(true)
	c.exit("unknown")
	m.noPortal()
}

func TestRecordThatCannotBeReadIsNoReasonToLaunch(t *testing.T) {
	m := newMac(t)
	m.logs(exitEvent(0))
	directory := filepath.Join(m.config.StateDirectory, "portal-runs")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"empty": "", "torn": `{"registration_id":"to`,
		"other": `{"registration_id":"x","phase":"ended"}`} {
		if err := os.WriteFile(filepath.Join(directory, name+".json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c := run(t, m.runner(), name, false)
		c.started(true)
		c.exit("unknown")
	}
	m.noPortal()
}

func TestProcessIDOfSomebodyElseIsNotBelieved(t *testing.T) {
	m := newMac(t)
	p := m.killedAgent("one")
	p.end("exit 0")
	// The id now belongs to another process: ourselves, who started at another time.
	path := filepath.Join(m.config.StateDirectory, "portal-runs", "one.json")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(content, &record); err != nil {
		t.Fatal(err)
	}
	record["process"].(map[string]any)["pid"] = os.Getpid()
	if content, err = json.Marshal(record); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	runner := m.runner()
	c := run(t, runner, "one", true)
	if started := c.started(true); started.PID != 0 {
		t.Errorf("believed in process %d", started.PID)
	}
	c.exit("unknown")
	if exit, err := runner.Stop(t.Context(), "one"); err != nil || !exit.Unknown() {
		t.Errorf("stop: %v, %v", exit, err)
	}
}
