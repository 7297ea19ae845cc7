package fleetview

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/fleet"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mac = "0A1B2C3D-0000-4000-8000-00000000BEEF"

var stored = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// stream is a message as the stream of changes has it.
func stream(data []byte) message {
	return message{subject: fleet.ChangesOf(mac), sequence: 7, data: data, time: stored}
}

// published is a change as the stream has it.
func published(t testing.TB, change *usherv1.StatusChange) message {
	t.Helper()
	data, err := proto.Marshal(change)
	if err != nil {
		t.Fatal(err)
	}
	return stream(data)
}

// evil is what an attacker would publish to control an admin's terminal or program.
func evil() *usherv1.StatusChange {
	const text = "\x1b]0;title\x07a\nb\u202e\u0085c\u2028"
	code := int32(-1)
	return &usherv1.StatusChange{
		Id: text, Time: &timestamppb.Timestamp{Seconds: 1 << 60, Nanos: -5}, Uid: 1<<32 - 1, State: 99, Outcome: 99,
		FailureReason: -7, PortalExitCode: &code,
		DeviceIdChange: &usherv1.DeviceIDChange{OldDeviceId: text, NewDeviceId: strings.Repeat(text, 30),
			Time: &timestamppb.Timestamp{Seconds: -1 << 60}},
		Mac: &usherv1.MacStatus{
			Mac: mac, Version: text, OperatingSystem: text, ComputerName: strings.Repeat("\x00", 400), State: -5,
			ProblemCount:   -3,
			DroppedChanges: -9, Instance: text, Problems: []string{text, "", strings.Repeat("x", 400)},
			Time: &timestamppb.Timestamp{Seconds: 1 << 62},
			Users: []*usherv1.MacUser{
				{Uid: 1<<32 - 1, Name: text, RegistrationState: 1000, FailureReason: 1000, UserPrincipalName: text}},
		},
	}
}

// mustBeShown checks that a value can be shown: no text moves a cursor or is long, and all of it is valid JSON.
func mustBeShown(t *testing.T, value any) {
	t.Helper()
	written, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	if err := json.Unmarshal(written, &read); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(one any) {
		switch one := one.(type) {
		case string:
			if !utf8.ValidString(one) || strings.ContainsFunc(one, func(r rune) bool { return !unicode.IsPrint(r) }) ||
				utf8.RuneCountInString(one) > longestText+100 {
				t.Errorf("%q is shown", one)
			}
		case []any:
			for _, part := range one {
				walk(part)
			}
		case map[string]any:
			for _, part := range one {
				walk(part)
			}
		}
	}
	walk(read)
}

func TestChangeOf(t *testing.T) {
	code := int32(66)
	said := &usherv1.StatusChange{
		Id: "1-2", Time: timestamppb.New(stored.Add(-time.Hour)), Uid: 501, PortalExitCode: &code,
		Outcome:       usherv1.RegistrationState_REGISTRATION_STATE_FAILED,
		FailureReason: usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED,
		State:         usherv1.IdentityState_IDENTITY_STATE_ORPHANED,
		Mac: &usherv1.MacStatus{
			Mac: mac, ComputerName: "janes-mac", Instance: "i",
			State: usherv1.IdentityState_IDENTITY_STATE_REGISTERED,
			Users: []*usherv1.MacUser{{Uid: 502, Name: "john"}, {Uid: 501, Name: "jane"}},
		},
		DeviceIdChange: &usherv1.DeviceIDChange{OldDeviceId: "old", NewDeviceId: "new"},
	}
	got := changeOf(published(t, said))
	want := Change{
		Mac: mac, Stored: stored, Time: stored.Add(-time.Hour), Computer: "janes-mac", User: "jane", UID: 501,
		State: "ORPHANED", MacState: "REGISTERED",
		Registration: "FAILED: PORTAL_FAILED", PortalExitCode: got.PortalExitCode, DeviceIDBefore: "old",
		DeviceIDAfter: "new", id: "1-2",
	}
	if *got != want || got.PortalExitCode == nil || *got.PortalExitCode != 66 {
		t.Errorf("%+v", got)
	}
	// If a message names no user, the state is that of the Mac.
	present := changeOf(published(t, &usherv1.StatusChange{Id: "present-1", Mac: said.GetMac()}))
	if present.State != "REGISTERED" || present.User != "" || !present.Time.IsZero() {
		t.Errorf("%+v", present)
	}
}

// A change has the time when it happened, and not when a server that was away got it, unless the Mac's clock is wrong.
func TestWhen(t *testing.T) {
	for said, want := range map[time.Time]time.Time{
		stored.Add(-72 * time.Hour): stored.Add(-72 * time.Hour), stored.Add(time.Minute): stored.Add(time.Minute),
		stored.Add(time.Hour): stored, {}: stored,
	} {
		if got := (&Change{Stored: stored, Time: said}).When(); !got.Equal(want) {
			t.Errorf("%s is shown as %s, want %s", said, got, want)
		}
	}
}

func TestChangeIsBelievedUnderItsOwnNameAlone(t *testing.T) {
	forged := evil()
	forged.Mac.Mac = "another\x1b[2J"
	for name, message := range map[string]message{
		"nothing": stream(nil),
		"noise":   stream([]byte("\xff\xff\x00noise")),
		"no Mac": published(t,
			&usherv1.StatusChange{Id: "1", State: usherv1.IdentityState_IDENTITY_STATE_REGISTERED}),
		"another's name": published(t, forged),
		"no name": published(t,
			&usherv1.StatusChange{Mac: &usherv1.MacStatus{
				State: usherv1.IdentityState_IDENTITY_STATE_REGISTERED}}),
	} {
		got := changeOf(message)
		if got.Mac != mac || got.State != Unknown || got.MacState != Unknown || got.Note == "" {
			t.Errorf("%s: %+v", name, got)
		}
		mustBeShown(t, got)
	}
}

func TestEvilChangeIsShownHarmlessly(t *testing.T) {
	got := changeOf(published(t, evil()))
	if got.Note != "" || got.State != "CANNOT_TELL (99)" || got.MacState != "CANNOT_TELL (-5)" ||
		!got.Time.IsZero() || got.Registration != "UNKNOWN (99): UNKNOWN (-7)" {
		t.Errorf("%+v", got)
	}
	mustBeShown(t, got)
}

// Anything that a Mac publishes or answers is shown as text, or not at all.
func FuzzWhatMacsSay(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("\xff"))
	f.Add(published(f, evil()).data)
	if status, err := proto.Marshal(evil().GetMac()); err == nil {
		f.Add(status)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		mustBeShown(t, changeOf(stream(data)))
		change, status := new(usherv1.StatusChange), new(usherv1.MacStatus)
		if proto.Unmarshal(data, change) == nil {
			mustBeShown(t, silent(mac, &known{change: change, at: stored}))
		}
		one := &answers{at: stored, instances: []string{""}}
		if proto.Unmarshal(data, status) == nil {
			one.status = status
		} else {
			one.garbage = "it answered bytes that are no status"
		}
		mustBeShown(t, (&asking{began: stored}).answered(mac, one, nil))
	})
}

// A change that was published twice, because its acknowledgement was lost, is counted once. The memory for that is
// limited.
func TestChangesAreSeenOnce(t *testing.T) {
	known := seen{}
	before := func(mac, id string) bool { return known.before(&Change{Mac: mac, id: id}) }
	for range 2 {
		if before("a", "") {
			t.Error("what has no id was seen")
		}
	}
	if before("a", "1") || !before("a", "1") || before("b", "1") {
		t.Error("each change of each Mac is seen once")
	}
	for i := range 10 * seenOfEach {
		before("a", fmt.Sprint("x", i))
	}
	if len(known["a"]) != seenOfEach || !before("a", fmt.Sprint("x", 9*seenOfEach)) || before("a", "1") {
		t.Errorf("%d are remembered", len(known["a"]))
	}
}

func TestTrend(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.FixedZone("", -10*60*60)) // 19 o'clock by UTC
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }
	counted := newTrend(7, now)
	for _, change := range []*Change{
		{Mac: "a", Stored: at(1, 12), MacState: "NOT_REGISTERED"}, // long before
		{Mac: "b", Stored: at(25, 0), MacState: "ORPHANED"},
		{Mac: "a", Stored: at(25, 23), MacState: "REGISTERED"},
		{Mac: "c", Stored: at(25, 23), MacState: Unknown, Note: "it published 5 bytes that are no change"},
		{Mac: "b", Stored: at(29, 1), MacState: "REGISTERED"}, // after a gap of days
		{Mac: "b", Stored: at(29, 2), MacState: "COMPLIANT"},
		{Mac: "d", Stored: at(31, 1), MacState: "REGISTERED"}, // the server's clock is ahead
	} {
		counted.add(change)
	}
	want := []Day{
		{"2026-11-24", map[string]int{"NOT_REGISTERED": 1}},
		{"2026-11-25", map[string]int{"REGISTERED": 1, "ORPHANED": 1}},
		{"2026-11-26", map[string]int{"REGISTERED": 1, "ORPHANED": 1}},
		{"2026-11-27", map[string]int{"REGISTERED": 1, "ORPHANED": 1}},
		{"2026-11-28", map[string]int{"REGISTERED": 1, "ORPHANED": 1}},
		{"2026-11-29", map[string]int{"REGISTERED": 1, "COMPLIANT": 1}},
		{"2026-11-30", map[string]int{"REGISTERED": 2, "COMPLIANT": 1}},
	}
	got := counted.end()
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, day := range got {
		if day.Date != want[i].Date || !maps.Equal(day.States, want[i].States) {
			t.Errorf("%+v, want %+v", day, want[i])
		}
	}
}

// Days before the first message are left out, except today.
func TestTrendOfAYoungFleet(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	if got := newTrend(30, now).end(); len(got) != 1 || got[0].Date != "2026-11-30" || len(got[0].States) != 0 {
		t.Errorf("%+v", got)
	}
	young := newTrend(30, now)
	young.add(&Change{Mac: "a", Stored: now.Add(-48 * time.Hour), MacState: NoUser})
	if got := young.end(); len(got) != 3 || got[0].Date != "2026-11-28" || got[2].States[NoUser] != 1 {
		t.Errorf("%+v", got)
	}
}
