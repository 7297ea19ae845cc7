package applog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/applog"
)

// Whatever place a log is cut at, its two parts hold every byte, and entries away from the cut are the same.
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
			// At most the entry at the cut, and the one before it, are told otherwise.
			if got, want := len(first)+len(second), len(whole)-2; got < want {
				t.Fatalf("%s cut at %d: %d entries, %d when it is whole", path, at, got, len(whole))
			}
		}
	}
}

// entries reads a log, holding that every byte is in exactly one record, and returns the messages of its entries.
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

// Each reader has a fuzz target of its own, so that each is searched from where its grammar is.
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
