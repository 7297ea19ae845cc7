package support_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/support"
	"usher.internal/internal/excerpt"
)

// jamfLog is the log of a Mac that Jane and John share. The lines that Jane may not read say so.
const jamfLog = `Mon Mar  9 10:00:00 Jane’s Mac mini jamf[1]: Executing Policy long before
Mon Mar  9 11:55:00 Jane’s Mac mini jamf[2]: Checking for policies triggered by "login" for user "jane"...
Mon Mar  9 11:55:01 Jane’s Mac mini jamf[2]: Executing Policy Register With Entra
Mon Mar  9 11:56:00 Jane’s Mac mini jamf[3]: Checking for policies triggered by "recurring check-in" for user "john"... SECRET
Mon Mar  9 11:56:01 Jane’s Mac mini jamf[3]: Informing the JSS about login for user newcomer SECRET
Mon Mar  9 11:56:02 Jane’s Mac mini jamf[3]: Executing Policy Restore JOHN's files SECRET
Mon Mar  9 11:56:03 Jane’s Mac mini jamf[3]: Could not remove /Users/someone/Library/x SECRET
Mon Mar  9 11:56:04 Jane’s Mac mini jamf[3]: Mail for someone@contoso.com SECRET
Mon Mar  9 11:56:05 Jane’s Mac mini jamf[3]: Welcome, John Q. Public SECRET
Mon Mar  9 11:56:06 Jane’s Mac mini jamf[3]: Linked to 0d0c0b0a-2f0a-4b5e-9a58-6d1c1f6d1a01 SECRET
Mon Mar  9 11:56:07 Jane’s Mac mini jamf[3]: launchctl asuser 502 SECRET
Mon Mar  9 11:56:08 Jane’s Mac mini jamf[3]: Linked to 5B9C0C8E-2F0A-4B5E-9A58-6D1C1F6D1A01 of jane
Mon Mar  9 11:57:00 Jane’s Mac mini jamf[4]: Checking for policies triggered by "recurring check-in" for user "root"...
Mon Mar  9 11:57:01 Jane’s Mac mini jamf[4]: Removed /Users/jane/x of jane@contoso.com, /Users/Shared/y and johnny
and it goes on
Mon Mar  9 11:58:00 Jane’s Mac mini jamf[4]: Script result: SECRET
of a script that names user "john" SECRET
Mon Mar  9 13:00:00 Jane’s Mac mini jamf[5]: Executing Policy long after
`

const ownLog = `time=2026-03-09T11:55:00Z level=INFO msg="usherd serves" version=1
time=2026-03-09T11:56:00Z level=INFO msg="agent connected" uid=501
time=2026-03-09T11:56:01Z level=INFO msg="agent connected" uid=502
time=2026-03-09T11:56:02Z level=INFO msg="registration begins" registration=01a20957-f96c-7159-b02d-f11245ccdb20
time=2026-03-09T11:56:03Z level=INFO msg="registration begins" registration=01a20957-f96c-7159-b02d-ffffffffffff
time=2026-03-09T11:56:04Z level=WARN msg="uid 501 took the place of uid 502"
time=2026-03-09T11:56:05Z level=INFO msg="session of jane" error="john is there too"
panic: something
`

var (
	jane = excerpt.Person{Name: "jane", UID: 501, SignInNames: []string{"Jane@contoso.com"},
		Identifiers: []string{"5b9c0c8e-2f0a-4b5e-9a58-6d1c1f6d1a01"}}
	noon = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
)

// thisMac writes both logs and returns them.
func thisMac(t *testing.T) *support.Logs {
	t.Helper()
	folder := t.TempDir()
	own := filepath.Join(folder, "usher")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{filepath.Join(folder, "jamf.log"): jamfLog,
		filepath.Join(own, "usherd.log"): ownLog} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, noon.Add(time.Hour), noon.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	return support.New(support.Config{
		JamfLog: filepath.Join(folder, "jamf.log"), OwnFiles: own, Zone: time.UTC,
		People: func() []string { return []string{"jane", "john", "John Q. Public", "502", ""} },
	})
}

func copied(t *testing.T, logs *support.Logs, name string, selection support.Selection) (text, missing string) {
	t.Helper()
	all := logs.List()
	at := slices.IndexFunc(all, func(log support.Log) bool { return log.Name == name })
	if at < 0 {
		t.Fatalf("there is no %s in %+v", name, all)
	}
	var to bytes.Buffer
	missing, err := logs.Copy(t.Context(), &to, all[at], selection)
	if err != nil {
		t.Fatal(err)
	}
	return to.String(), missing
}

func TestAUserGetsNothingOfOthers(t *testing.T) {
	logs := thisMac(t)
	around := support.Selection{About: jane, Spans: []excerpt.Span{excerpt.Around(noon, noon)}}
	text, missing := copied(t, logs, "logs/jamf.log", around)
	var want strings.Builder
	for line := range strings.Lines(jamfLog) {
		if !strings.Contains(line, "SECRET") && !strings.Contains(line, "long ") {
			want.WriteString(line)
		}
	}
	if text != want.String() {
		t.Errorf("jane gets\n%swant\n%s", text, want.String())
	}
	if !strings.Contains(missing, "is left out") {
		t.Errorf("it says %q", missing)
	}
	// usherd's own log is about everybody; Jane gets her registrations from usherd itself.
	var own bytes.Buffer
	for _, log := range logs.List() {
		if _, err := logs.Copy(t.Context(), &own, log, around); log.Own &&
			(!errors.Is(err, support.ErrNoLog) || own.Len() > 0) {
			t.Errorf("jane gets of usherd's log %q, %v", own.String(), err)
		}
		own.Reset()
	}
	// A user without an account is known from the journal.
	around.Others = []string{"johnny"}
	if text, _ = copied(t, logs, "logs/jamf.log", around); strings.Contains(text, "johnny") {
		t.Errorf("jane gets\n%s", text)
	}
}

func TestAnAdminGetsAllOfTheTime(t *testing.T) {
	logs := thisMac(t)
	everything := support.Selection{About: jane, Everything: true, Spans: []excerpt.Span{excerpt.Around(noon, noon)}}
	text, missing := copied(t, logs, "logs/jamf.log", everything)
	if strings.Contains(text, "long ") || strings.Count(text, "SECRET") != 10 || missing != "" {
		t.Errorf("an admin gets\n%s%s", text, missing)
	}
	if text, _ = copied(t, logs, "logs/usher/usherd.log", everything); text != ownLog {
		t.Errorf("an admin gets of usherd's log\n%s", text)
	}
	everything.Spans = nil
	if text, _ = copied(t, logs, "logs/jamf.log", everything); text != jamfLog {
		t.Errorf("without spans\n%s", text)
	}
}

func TestOnlyWhatRootPutThereIsALog(t *testing.T) {
	folder := t.TempDir()
	secret := filepath.Join(folder, "secret")
	if err := os.WriteFile(secret, []byte(jamfLog), 0o600); err != nil {
		t.Fatal(err)
	}
	link, own := filepath.Join(folder, "jamf.log"), filepath.Join(folder, "usher")
	if err := errors.Join(os.Symlink(secret, link), os.Mkdir(own, 0o755),
		os.Mkdir(filepath.Join(own, "folder.log"), 0o755)); err != nil {
		t.Fatal(err)
	}
	logs := support.New(support.Config{JamfLog: link, OwnFiles: own})
	if found := logs.List(); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
	if _, err := logs.Copy(t.Context(), &bytes.Buffer{}, support.Log{Path: link},
		support.Selection{Everything: true}); !errors.Is(err, support.ErrNoLog) {
		t.Errorf("a link is copied: %v", err)
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := logs.Copy(t.Context(), &bytes.Buffer{}, support.Log{Path: secret},
		support.Selection{Everything: true}); !errors.Is(err, support.ErrNoLog) {
		t.Errorf("a file in a folder that everybody can write to is copied: %v", err)
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(folder, 0o755), os.Chown(secret, 501, 20)); err != nil {
			t.Fatal(err)
		}
		if _, err := logs.Copy(t.Context(), &bytes.Buffer{}, support.Log{Path: secret},
			support.Selection{Everything: true}); !errors.Is(err, support.ErrNoLog) {
			t.Errorf("a file of somebody else's is copied: %v", err)
		}
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	logs := thisMac(t)
	gone := errors.New("caller is gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := logs.Copy(ctx, &bytes.Buffer{}, logs.List()[0], support.Selection{Everything: true}); !errors.Is(err,
		gone) {
		t.Errorf("got %v", err)
	}
}

func TestPeople(t *testing.T) {
	homes := t.TempDir()
	if err := os.Mkdir(filepath.Join(homes, "jane"), 0o700); err != nil {
		t.Fatal(err)
	}
	if names := excerpt.PeopleIn(homes, filepath.Join(homes, "missing")); !slices.Contains(names, "jane") {
		t.Errorf("people are %q", names)
	}
}
