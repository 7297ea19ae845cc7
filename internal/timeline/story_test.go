package timeline_test

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/internal/timeline"
)

var update = flag.Bool("update", false, "write the reports of the stories")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is after every story.
var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// TestStories reads the logs in each archive of testdata, and compares the report with the file "want" there.
func TestStories(t *testing.T) {
	stories, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(stories) < 10 {
		t.Fatalf("stories: %v, %v", stories, err)
	}
	for _, path := range stories {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			logs, want := unpack(t, archive)
			options := timeline.Options{Now: now}
			if !strings.Contains(string(archive.Comment), "zone unknown") {
				options.Zone = time.FixedZone("UTC-05:00", -5*60*60)
			}
			report, err := timeline.Build(t.Context(), logs, options)
			if err != nil {
				t.Fatal(err)
			}
			got := brief(report)
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(want.Data, []byte(got)) {
				t.Errorf("the report of %s (go test -update writes it):\n%s", path, got)
			}
		})
	}
}

// TestSamples reads public logs of real Macs, and compares each report with its golden file. testdata/samples/README.md
// says where each comes from.
func TestSamples(t *testing.T) {
	samples, err := filepath.Glob("testdata/samples/*")
	if err != nil || len(samples) < 2 {
		t.Fatalf("samples: %v, %v", samples, err)
	}
	for _, path := range samples {
		if filepath.Ext(path) != ".log" && filepath.Ext(path) != ".txt" {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(path, filepath.Ext(path)) + ".golden"
			got := briefOfText(t, string(content))
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the report of %s (go test -update writes %s):\n%s", path, golden, got)
			}
			// Windows' line ends, and a copy from a web page, change nothing.
			if windows := briefOfText(t, strings.ReplaceAll(string(content), "\n", "\r\n")); windows != got {
				t.Errorf("the report of %s with CRLF:\n%s", path, windows)
			}
			if escaped := briefOfText(t, html.EscapeString(html.UnescapeString(string(content)))); escaped != got {
				t.Errorf("the report of %s as HTML:\n%s", path, escaped)
			}
		})
	}
}

// briefOfText is a brief report of the text of a log.
func briefOfText(t *testing.T, content string) string {
	t.Helper()
	logs, _ := unpack(t, &txtar.Archive{Files: []txtar.File{{Name: "sample.log", Data: []byte(content)}}})
	report, err := timeline.Build(t.Context(), logs,
		timeline.Options{Now: now, Zone: time.FixedZone("UTC-05:00", -5*60*60)})
	if err != nil {
		t.Fatal(err)
	}
	return brief(report)
}

// unpack writes the logs of a story into a folder and finds them there.
func unpack(t *testing.T, archive *txtar.Archive) (logs []applog.Log, want *txtar.File) {
	t.Helper()
	folder := t.TempDir()
	var paths []string
	for i := range archive.Files {
		file := &archive.Files[i]
		if file.Name == "want" {
			want = file
			continue
		}
		path := filepath.Join(folder, file.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	logs, err := applog.Find(t.Context(), paths, applog.FindOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want == nil {
		archive.Files = append(archive.Files, txtar.File{Name: "want"})
		want = &archive.Files[len(archive.Files)-1]
	}
	return logs, want
}

// brief is a report in few words.
func brief(report *timeline.Report) string {
	var out strings.Builder
	fmt.Fprintf(&out, "zone %s (%s)\n", report.Zone, report.ZoneFrom)
	for _, skew := range report.Skews {
		fmt.Fprintf(&out, "skew: %s\n", skew.Detail)
	}
	for _, log := range report.Logs {
		fmt.Fprintf(&out, "log: %v, %d entries, %d unparsed\n", log.Formats, log.Entries, log.Unparsed)
		if log.Note != "" {
			fmt.Fprintf(&out, "note: %s\n", log.Note)
		}
	}
	for _, a := range report.Attempts {
		fmt.Fprintf(&out, "\nattempt %d of %q: %s, cause %q\n%s\n", a.Number, a.User, a.Outcome, a.Verdict.Cause,
			a.Verdict.Sentence)
		for _, text := range a.Verdict.Absent {
			fmt.Fprintf(&out, "missing: %s\n", text)
		}
		for _, text := range a.Verdict.Next {
			fmt.Fprintf(&out, "next: %s\n", text)
		}
		for _, phase := range a.Phases {
			fmt.Fprintf(&out, "phase %s: %s, %s\n", phase.Name, timeline.Brief(phase.End.Sub(phase.Begin)),
				phase.WaitingFor)
		}
		evidence := map[int]bool{}
		for _, i := range a.Verdict.Evidence {
			evidence[i] = true
		}
		for i, e := range a.Events {
			mark := map[bool]string{true: "*", false: " "}[evidence[i]]
			if e.Consequence {
				mark += "followed: "
			}
			fmt.Fprintf(&out, "%s %s%s %s: %s\n", e.Time.At.In(report.Location()).Format("15:04:05.000"), mark,
				e.Source, e.Name, e.Detail)
		}
	}
	for _, e := range report.Trouble {
		followed := map[bool]string{true: "followed: "}[e.Consequence]
		fmt.Fprintf(&out, "\nbesides: %s %s%s %s: %s\n",
			e.Time.At.In(report.Location()).Format("2006-01-02 15:04:05.000"), followed, e.Source, e.Name, e.Detail)
		if e.Code != "" {
			fmt.Fprintf(&out, "code: %s\n", e.Code)
		}
		if !e.Consequence {
			fmt.Fprintf(&out, "do: %s\n", e.Advice)
		}
	}
	return out.String()
}

// With any logs, the phases of an attempt lie end to end, and evidence points at events.
func TestPhasesLieEndToEnd(t *testing.T) {
	stories, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range stories {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		logs, _ := unpack(t, archive)
		report, err := timeline.Build(t.Context(), logs, timeline.Options{Now: now, Lines: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Lines) > 10 {
			t.Errorf("%s: %d lines", path, len(report.Lines))
		}
		for _, a := range report.Attempts {
			at := a.Begin
			for _, phase := range a.Phases {
				if !phase.Begin.Equal(at) || phase.End.Before(phase.Begin) || phase.WaitingFor == "" ||
					phase.Title == "" {
					t.Errorf("%s: attempt %d, phase %+v does not begin at %s", path, a.Number, phase, at)
				}
				at = phase.End
			}
			if len(a.Phases) > 0 && !at.Equal(a.End) {
				t.Errorf("%s: attempt %d ends at %s, its phases at %s", path, a.Number, a.End, at)
			}
			for _, i := range a.Verdict.Evidence {
				if i < 0 || i >= len(a.Events) {
					t.Errorf("%s: attempt %d has evidence %d of %d events", path, a.Number, i, len(a.Events))
				}
			}
			if a.Outcome != timeline.Succeeded && len(a.Verdict.Next) == 0 {
				t.Errorf("%s: attempt %d %s, without a next step", path, a.Number, a.Outcome)
			}
			for _, e := range a.Events {
				if _, known := event.Named(e.Name); !known {
					t.Errorf("%s: event %q is not in the tables", path, e.Name)
				}
			}
		}
	}
}
