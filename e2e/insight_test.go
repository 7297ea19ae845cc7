//go:build linux

package e2e

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/sim/mac"
)

// timelineShown is the part of a timeline's JSON that a test reads.
type timelineShown struct {
	Data struct {
		Redacted bool
		Logs     []struct{ Name, Error string }
		Attempts []struct {
			User, Registration, Outcome string
			Verdict                     struct{ Sentence, Cause string }
			Phases                      []struct{ Name string }
			Events                      []struct{ Name, Source string }
		}
	}
}

// From the real log of a portal that ran and from usherd's journal, a timeline shows the events to those who may see
// them.
func TestTimeline(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane, john := s.loggedIn("i-jane"), s.loggedIn("i-john")
	s.must(jane.SetPortal(mac.PortalSettings{"exit_code": 66, "leave": "nothing"}))
	s.controlAs(jane, 66, "register", "--wait")
	s.must(jane.SetPortal(nil))
	s.controlAs(jane, 0, "register", "--wait")

	report := decode[timelineShown](t, s.controlAs(jane, 0, "timeline", "--json").Stdout).Data
	if len(report.Attempts) != 2 {
		t.Fatalf("%d attempts: %+v", len(report.Attempts), report)
	}
	first, second := report.Attempts[0], report.Attempts[1]
	if first.Outcome != "failed" || first.Verdict.Cause != "device-registration-failed" ||
		!strings.Contains(first.Verdict.Sentence, "registrationDeviceCapError (66)") {
		t.Errorf("the first attempt: %+v", first.Verdict)
	}
	if second.Outcome != "succeeded" || second.User != jane.Name || second.Registration == "" {
		t.Errorf("the second attempt: %+v", second)
	}
	sources := map[string]bool{}
	for _, event := range second.Events {
		sources[event.Source] = true
	}
	if !sources["usher"] || !sources["Company Portal"] {
		t.Errorf("the second attempt is reported by %v", sources)
	}

	// Root sees Jane's attempts; John sees nothing of them, neither from the journal nor from Jane's home.
	if got := decode[timelineShown](t,
		s.control(0, "timeline", "--user", jane.Name, "--json").Stdout).Data; len(got.Attempts) !=
		2 {
		t.Errorf("root is shown %d attempts", len(got.Attempts))
	}
	result := s.controlAs(john, 14, "timeline", "--json")
	if strings.Contains(result.Stdout+result.Stderr, jane.Name) {
		t.Errorf("John is shown something of Jane: %s%s", result.Stdout, result.Stderr)
	}

	// The page has pseudonyms, and only Jane can read the file that she sends.
	page := filepath.Join(jane.Home, "report.html")
	s.controlAs(jane, 0, "timeline", "--html", page)
	content, err := os.ReadFile(page)
	s.must(err)
	if strings.Contains(string(content), jane.Name) || !strings.Contains(string(content), "Registered in") {
		t.Error("the page names her, or lacks the verdict")
	}
	info, err := os.Stat(page)
	s.must(err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the page has mode %s", info.Mode())
	}
}

// A sign-in that the user cancels is reported as cancelled, with Company Portal 5's log and from the journal only. A
// sign-in that the user completes afterwards is a success.
func TestTimelineOfACancellation(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("jane")
	s.must(jane.SetPortal(mac.PortalSettings{"exit_code": 64, "leave": "nothing", "log_format": "5"}))
	s.controlAs(jane, 64, "register", "--wait")
	cancelled := func(when string) {
		t.Helper()
		report := decode[timelineShown](t, s.controlAs(jane, 0, "timeline", "--json").Stdout).Data
		if len(report.Attempts) != 1 || report.Attempts[0].Outcome != "cancelled" ||
			report.Attempts[0].Verdict.Cause != "sign-in-cancelled" ||
			!strings.HasPrefix(report.Attempts[0].Verdict.Sentence, "The user cancelled the sign-in") {
			t.Errorf("%s: %+v", when, report.Attempts)
		}
	}
	cancelled("with the log")
	s.must(os.RemoveAll(filepath.Join(jane.Home, "Library/Logs/Company Portal")))
	cancelled("without the log")

	s.must(jane.SetPortal(mac.PortalSettings{"cancels": 1, "log_format": "5"}))
	s.controlAs(jane, 0, "register", "--wait")
	report := decode[timelineShown](t, s.controlAs(jane, 0, "timeline", "--json").Stdout).Data
	if last := report.Attempts[len(report.Attempts)-1]; last.Outcome != "succeeded" || last.Verdict.Cause != "" {
		t.Errorf("after one cancellation: %+v", last)
	}
}

// A user's support archive holds their own data, with pseudonyms, and nothing of others.
func TestBundle(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane, john := s.loggedIn("b-jane"), s.loggedIn("b-john")
	for _, u := range []*mac.User{jane, john} {
		s.must(u.SetPortal(mac.PortalSettings{"exit_code": 66, "leave": "nothing"}))
		s.controlAs(u, 66, "register", "--wait")
	}
	path := filepath.Join(jane.Home, "support.zip")
	s.says("what goes in", s.controlAs(jane, 0, "bundle", "--dry-run"), "status.json",
		"com.microsoft.CompanyPortalMac.log")
	s.controlAs(jane, 0, "bundle", "--yes", "--no-redact", "--output", path)
	info, err := os.Stat(path)
	s.must(err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the archive has mode %s", info.Mode())
	}
	files := unzipped(t, path)
	for name, content := range files {
		if strings.Contains(content, john.Name) {
			t.Errorf("%s shows Jane something of John", name)
		}
	}
	if !strings.Contains(files["timeline.html"], "registrationDeviceCapError") {
		t.Errorf("the timeline is missing or incomplete: %v", names(files))
	}
	// A timeline of the archive shows what the archive contains.
	report := decode[timelineShown](t, s.controlAs(jane, 0, "timeline", "--json", path).Stdout).Data
	if len(report.Attempts) != 1 || report.Attempts[0].Outcome != "failed" {
		t.Errorf("a timeline of the archive: %+v", report)
	}

	redacted := filepath.Join(jane.Home, "redacted.zip")
	s.controlAs(jane, 0, "bundle", "--yes", "--output", redacted)
	for name, content := range unzipped(t, redacted) {
		if strings.Contains(name+content, jane.Name) {
			t.Errorf("%s names Jane", name)
		}
	}
	s.controlAs(john, 4, "bundle", "--yes", "--user", jane.Name, "--output", filepath.Join(john.Home, "x.zip"))
}

func unzipped(t *testing.T, path string) map[string]string {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	files := map[string]string{}
	for _, entry := range archive.File {
		source, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(source)
		source.Close()
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name] = string(content)
	}
	return files
}

func names(files map[string]string) string {
	var all []string
	for name := range files {
		all = append(all, name)
	}
	text, _ := json.Marshal(all)
	return string(text)
}
