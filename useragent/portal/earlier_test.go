package portal_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/earlier"
	"usher.internal/internal/wpj"
	"usher.internal/useragent/portal"
)

// oldRecord is the part of an earlier version's record that these tests read.
type oldRecord struct {
	Phase      string            `json:"phase"`
	Exit       *wpj.Exit         `json:"exit"`
	Milestones []json.RawMessage `json:"milestones"`
}

// An agent takes over the records of an earlier version. For an ended run it reports what that version would have
// reported, for any other what can be known now. It launches nothing.
func TestRecordsOfAnEarlierVersion(t *testing.T) {
	for _, version := range earlier.Versions(t) {
		agents, err := os.ReadDir(version.Path("agent"))
		if err != nil {
			t.Fatal(err)
		}
		exits := map[string]bool{}
		for _, agent := range agents {
			t.Run(version.Name+"/"+agent.Name(), func(t *testing.T) {
				m := newMac(t)
				if err := os.CopyFS(m.config.StateDirectory, os.DirFS(version.Path("agent", agent.Name()))); err !=
					nil {
					t.Fatal(err)
				}
				files, err := filepath.Glob(version.Path("agent", agent.Name(), "portal-runs", "*.json"))
				if err != nil || len(files) == 0 {
					t.Fatalf("no records: %v", err)
				}
				runner := m.runner()
				for _, file := range files {
					content, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					var old oldRecord
					if err := json.Unmarshal(content, &old); err != nil {
						t.Fatal(err)
					}
					c := run(t, runner, strings.TrimSuffix(filepath.Base(file), ".json"), false)
					if old.Phase == "not launched" {
						c.failed(portal.ErrNotRunnable)
						continue
					}
					want := "unknown"
					if old.Phase == "ended" {
						want = old.Exit.String()
					}
					exits[old.Phase+" "+want] = true
					c.started(true)
					for range old.Milestones {
						if milestone, ok := c.next().(wpj.Milestone); !ok || milestone.Kind == "" ||
							milestone.At.IsZero() {
							t.Errorf("%s: a milestone is %+v", file, milestone)
						}
					}
					c.exit(want)
				}
				m.noPortal()
			})
		}
		for _, one := range []string{"running unknown", "ended success (0)", "ended userAbandoned (64)",
			"ended SIGKILL (signal 9)", "ended unknown"} {
			if version.Name == "2026-11-27" && !exits[one] {
				t.Errorf("%s has no run that is %s: %v", version.Name, one, exits)
			}
		}
	}
}

// An unknown phase from a later version is no reason to launch Company Portal a second time.
func TestPhaseOfALaterVersion(t *testing.T) {
	m := newMac(t)
	directory := filepath.Join(m.config.StateDirectory, "portal-runs")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	record := `{"registration_id":"one","phase":"guiding","launched_at":"2026-11-30T09:00:00Z","log":{},` +
		`"log_known":false,"prompts":3}`
	if err := os.WriteFile(filepath.Join(directory, "one.json"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	c := run(t, m.runner(), "one", false)
	c.started(true)
	c.exit("unknown")
	m.noPortal()
}
