package applog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/applog"
)

// A log may be cut anywhere: its two parts contain every byte, and entries away from the cut are the same.
func TestCutAnywhereNothingIsLost(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) < 15 {
		t.Fatalf("logs: %v, %v", logs, err)
	}
	for _, path := range logs {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		whole := entries(t, string(content))
		for at := range content {
			first, second := entries(t, string(content[:at])), entries(t, string(content[at:]))
			// Only the entry at the cut, and the one before it, may differ.
			if got, want := len(first)+len(second), len(whole)-2; got < want {
				t.Fatalf("%s cut at %d: %d entries, %d without the cut", path, at, got, len(whole))
			}
		}
	}
}

// entries reads a log and returns the messages of its entries. It checks that every byte is in exactly one record.
func entries(t *testing.T, content string) (messages []string) {
	t.Helper()
	var records []applog.Record
	for record, err := range applog.Read(t.Context(), strings.NewReader(content), options) {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record.Clone())
		if record.Kind == applog.Entry {
			messages = append(messages, record.Message)
		}
	}
	accountFor(t, content, records)
	return messages
}

// Each reader has a fuzz target of its own, so each search begins with samples of its grammar.
func fuzz(f *testing.F, pattern string) {
	logs, err := filepath.Glob("testdata/" + pattern)
	if err != nil || len(logs) == 0 {
		f.Fatalf("no logs like %s: %v", pattern, err)
	}
	for _, path := range logs {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
		for line := range strings.Lines(string(content)) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, content string) {
		for _, record := range readAll(t, content) {
			if record.Kind == applog.Entry && (record.Level == "" || record.Format.Source() == "") {
				t.Errorf("entry without a level or source: %+v", record)
			}
		}
	})
}

func FuzzCompanyPortal(f *testing.F) { fuzz(f, "companyportal-*.log") }
func FuzzSSOExtension(f *testing.F)  { fuzz(f, "sso-*.log") }
func FuzzMSAL(f *testing.F)          { fuzz(f, "msal-*.log") }
func FuzzJamf(f *testing.F)          { fuzz(f, "jamf-*.log") }
func FuzzSelfService(f *testing.F)   { fuzz(f, "self-service.log") }
func FuzzUnifiedText(f *testing.F)   { fuzz(f, "unified-[dcs]*.log") }
func FuzzUnifiedJSON(f *testing.F)   { fuzz(f, "unified-*json.log") }
func FuzzUsher(f *testing.F)         { fuzz(f, "usher.log") }
func FuzzIntuneAgent(f *testing.F)   { fuzz(f, "intune-agent.log") }
func FuzzErrorText(f *testing.F)     { fuzz(f, "error-text.log") }
func FuzzScriptRunner(f *testing.F)  { fuzz(f, "script-runner.log") }
