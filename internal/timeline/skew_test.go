package timeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"usher.internal/internal/timeline"
)

// exited is Company Portal's log of a run that ended at a moment.
func exited(at time.Time) string {
	return fmt.Sprintf(
		`%s VERB com.microsoft.ssp.telemetry TID=10971 AriaTelemetryService.swift: 283 (sendEvent(featureArea:type:eventTitle:)) Sending event using aria: InAppProcess : {
    context = partnerFlow;
    eventTitle = CompanyPortalExited;
    featureArea = General;
    result = Failed;
    resultData = 66;
}
`, at.UTC().Format("2006-01-02 15:04:05.000"))
}

// failed is a registration of a user in usher's journal that ended at a moment.
func failed(user string, at time.Time) string {
	state := func(name string, before time.Duration) string {
		return fmt.Sprintf(`{"state": "REGISTRATION_STATE_%s", "time": %q, "evidence": "seen"}`, name,
			at.Add(-before).UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return fmt.Sprintf(
		`{"schema": "usher.v1", "command": "registrations show", "data": {"id": "0199b3a2-4c1d-7000-8000-%012d", "kind": "REGISTRATION_KIND_REGISTER", "user": {"name": %q, "uid": 501}, "state": "REGISTRATION_STATE_FAILED", "failure_reason": "FAILURE_REASON_PORTAL_FAILED", "failure_detail": "it ended", "portal_exit": {"code": 66, "name": "registrationDeviceCapError"}, "transitions": [%s], "milestones": []}}
`, len(user), user, strings.Join(
			[]string{state("PREFLIGHT", time.Minute), state("LAUNCHING_PORTAL", 50*time.Second), state("FAILED", 0)},
			", "))
}

// skewsOf returns the clock differences between logs, which are given by name.
func skewsOf(t *testing.T, logs map[string]string) (told []string, report *timeline.Report) {
	t.Helper()
	archive := &txtar.Archive{}
	for name, content := range logs {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(content)})
	}
	found, _ := unpack(t, archive)
	report, err := timeline.Build(t.Context(), found, timeline.Options{Now: now, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	for _, skew := range report.Skews {
		told = append(told, fmt.Sprintf("%s %ds", skew.Source, skew.Milliseconds/1000))
	}
	return told, report
}

// A clock difference is between logs of the same user and Mac; logs of two users show none.
func TestTwoUsersLogsShowNoDifferenceOfClocks(t *testing.T) {
	noon := time.Date(2026, 4, 27, 12, 0, 0, 0, time.UTC)
	const portal = "/Library/Logs/Company Portal/com.microsoft.CompanyPortalMac.log"
	for _, test := range []struct {
		what string
		logs map[string]string
		want string
	}{
		{"one user, whose journal is ahead",
			map[string]string{"Users/jane" + portal: exited(noon),
				"journal.json": failed("jane", noon.Add(90*time.Second))}, "usher 90s"},
		{"one user's journal, and another user's Company Portal",
			map[string]string{"Users/jane" + portal: exited(noon),
				"journal.json": failed("john", noon.Add(90*time.Second))}, ""},
		{"two users at once, with clocks that agree",
			map[string]string{"Users/jane" + portal: exited(noon),
				"Users/john" + portal: exited(noon.Add(5 * time.Minute)),
				"journal.json": failed("jane", noon.Add(time.Second)) +
					failed("john", noon.Add(5*time.Minute+time.Second))}, ""},
		{"two users, of whom one has no log of Company Portal",
			map[string]string{"Users/jane" + portal: exited(noon),
				"journal.json": failed("jane", noon.Add(time.Second)) + failed("john", noon.Add(3*time.Minute))}, ""},
		{"two users, whose logs show the same difference",
			map[string]string{"Users/jane" + portal: exited(noon),
				"Users/john" + portal: exited(noon.Add(5 * time.Minute)),
				"journal.json": failed("jane", noon.Add(90*time.Second)) +
					failed("john", noon.Add(5*time.Minute+90*time.Second))}, "usher 90s"},
		{"two users, of whom one shows a difference that the other's logs deny",
			map[string]string{"Users/jane" + portal: exited(noon),
				"Users/john" + portal: exited(noon.Add(-4 * time.Minute)),
				"journal.json":        failed("jane", noon.Add(time.Second)) + failed("john", noon)}, ""},
		{"the homes of two users, of whom each has one log",
			map[string]string{"Users/jane" + portal: exited(noon),
				"Users/john/Library/Logs/usher/journal.json": failed("john", noon.Add(90*time.Second))}, ""},
		{"two Macs, each with one log of a user of the same name",
			map[string]string{"one/Users/jane" + portal: exited(noon),
				"two/Library/Logs/usher/journal.json": failed("jane", noon.Add(90*time.Second))}, ""},
		{"two Macs, of which one has a difference",
			map[string]string{"one/Users/jane" + portal: exited(noon),
				"one/Library/Logs/usher/journal.json": failed("jane", noon.Add(90*time.Second)),
				"two/Users/jane" + portal:             exited(noon),
				"two/Library/Logs/usher/journal.json": failed("jane", noon.Add(time.Second))}, "usher 90s"},
		{"logs of one Mac in somebody's Downloads folder",
			map[string]string{"Users/help/Downloads/mac/Users/jane" + portal: exited(noon),
				"Users/help/Downloads/mac/Library/Logs/usher/journal.json": failed("jane", noon.Add(90*time.Second))},
			"usher 90s"},
	} {
		told, report := skewsOf(t, test.logs)
		if got := strings.Join(told, ", "); got != test.want {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
		for _, attempt := range report.Attempts {
			for _, event := range attempt.Events {
				if event.Time.At.Before(noon.Add(-7*time.Minute)) || event.Time.At.After(noon.Add(8*time.Minute)) {
					t.Errorf("%s: %s at %s", test.what, event.Name, event.Time.At)
				}
			}
		}
	}
}
