package fleetview

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/fleet"
	usherv1 "usher.internal/proto/usher/v1"
)

// question is a question under way; a test gives the answers.
func question() *asking {
	return &asking{query: "q", began: stored, macs: make(map[string]*answers), news: make(chan struct{}, 1)}
}

// answerOf is the subject on which a Mac answers it.
func answerOf(name string) string {
	subject, _ := fleet.AnswerOf("q", name)
	return subject
}

func (a *asking) give(t *testing.T, name string, status *usherv1.MacStatus) {
	t.Helper()
	data, err := proto.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	a.take(&nats.Msg{Subject: answerOf(name), Data: data})
}

// status is the status of a healthy Mac.
func status(name, instance string) *usherv1.MacStatus {
	return &usherv1.MacStatus{Mac: name, Instance: instance, Version: "1.2.3",
		State: usherv1.IdentityState_IDENTITY_STATE_REGISTERED, ComputerName: "mac of " + name}
}

// Each Mac is counted once, whatever it sends.
func TestAnswers(t *testing.T) {
	a := question()
	a.known = map[string]*known{
		"twice":   {change: &usherv1.StatusChange{Mac: status("twice", "i")}, at: stored},
		"silent":  {change: &usherv1.StatusChange{Mac: status("silent", "i")}, at: stored},
		"garbled": {garbage: true, at: stored},
		"noise":   {change: &usherv1.StatusChange{Mac: status("noise", "i")}, at: stored},
	}
	a.missing = len(a.known)
	a.give(t, "twice", status("twice", "i"))
	a.give(t, "twice", status("twice", "i"))
	a.give(t, "cloned", status("cloned", "i"))
	a.give(t, "cloned", status("cloned", "j"))
	a.give(t, "forger", status("twice", "i"))
	a.take(&nats.Msg{Subject: answerOf("noise"), Data: []byte("\xff\xff")})
	a.take(&nats.Msg{Subject: answerOf("empty")})
	a.take(&nats.Msg{Subject: answerOf("server"), Header: nats.Header{"Status": {"404"}}})
	a.take(&nats.Msg{Subject: answerOf("info"),
		Data: []byte(`{"type":"io.nats.jetstream.api.v1.stream_info_response","total":0}`)})
	if answered, _, complete := a.progress(); answered != 5 || complete {
		t.Errorf("%d have answered, complete: %v", answered, complete)
	}
	report := a.report()
	var names []string
	for _, one := range report.Macs {
		names = append(names, one.Mac)
		mustBeShown(t, one)
	}
	if got := strings.Join(names, " "); got != "cloned empty forger garbled noise silent twice" ||
		len(report.Warnings) != 0 {
		t.Fatalf("%s, %q", got, report.Warnings)
	}
	for i, want := range []struct {
		answer    Answer
		state     string
		instances int
		note      string
	}{
		{Answered, "REGISTERED", 2, "2 Macs answer under this name"},
		{Garbage, Unknown, 1, "it answered 0 bytes"},
		{Garbage, Unknown, 1, "it answered as twice, which the server does not let it be"},
		{Silent, Unknown, 0, "what it published last is no status"},
		{Garbage, "REGISTERED", 1, "it answered 2 bytes that are no status"},
		{Silent, "REGISTERED", 0, ""},
		{Answered, "REGISTERED", 1, ""},
	} {
		one := report.Macs[i]
		if one.Answer != want.answer || one.State != want.state || one.Instances != want.instances ||
			(want.note == "") != (len(one.Notes) == 0) ||
			!strings.Contains(strings.Join(one.Notes, "; "), want.note) {
			t.Errorf("%+v", one)
		}
	}
	// All known Macs have answered.
	a.give(t, "silent", status("silent", "i"))
	a.give(t, "garbled", status("garbled", "i"))
	if _, _, complete := a.progress(); !complete {
		t.Error("somebody is still waited for")
	}
}

func TestWhatIsOddIsNoted(t *testing.T) {
	behind, ahead, old := status(mac, "i"), status(mac, "i"),
		&usherv1.MacStatus{Mac: mac, Version: "0.9"}
	behind.Time, ahead.Time = timestamppb.New(stored.Add(-time.Hour)), timestamppb.New(stored.Add(3*time.Minute))
	dropped, future := status(mac, "i"), status(mac, "i")
	dropped.DroppedChanges, dropped.Time = 3, timestamppb.New(stored.Add(time.Minute))
	future.State = 99
	for want, status := range map[string]*usherv1.MacStatus{
		"its clock is 1h0m0s behind":                                    behind,
		"its clock is 3m0s ahead":                                       ahead,
		"usherd 0.9 tells less than this usherctl knows":                old,
		"3 of its changes were never published":                         dropped,
		"usherd 1.2.3 says state 99, which this usherctl does not know": future,
	} {
		got := question().answered(mac, &answers{status: status, at: stored}, nil)
		if len(got.Notes) != 1 || !strings.HasPrefix(got.Notes[0], want) {
			t.Errorf("%q, want %q", got.Notes, want)
		}
	}
	nobody := question().answered(mac,
		&answers{status: &usherv1.MacStatus{Mac: mac, Instance: "i"}, at: stored}, nil)
	if nobody.State != NoUser || len(nobody.Notes) != 0 {
		t.Errorf("%+v", nobody)
	}
}

func TestMacsOfOneNameAreBounded(t *testing.T) {
	a := question()
	for i := range 10 * instancesKept {
		a.give(t, mac, status(mac, strings.Repeat("i", i+1)))
	}
	if got := a.report().Macs; len(got) != 1 || got[0].Instances != instancesKept {
		t.Errorf("%+v", got)
	}
}

// Without the last known states no Mac is reported as missing, and a warning says so.
func TestKnownStatesCouldNotBeRead(t *testing.T) {
	a := question()
	a.give(t, mac, status(mac, "i"))
	if _, _, complete := a.progress(); complete {
		t.Error("it is complete before it is known who is missing")
	}
	a.warning = "The last known states could not be read."
	if report := a.report(); len(report.Warnings) != 1 || len(report.Macs) != 1 {
		t.Errorf("%+v", report)
	}
	a.question.Mac, a.known = mac, map[string]*known{}
	if _, _, complete := a.progress(); !complete || a.subject() != fleet.StatusOf(mac) {
		t.Error("the one that was asked has answered")
	}
}
