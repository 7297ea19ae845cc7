package handlers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"usher.internal/helper/doctor"
	"usher.internal/helper/gate"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// fakeDoctor finds something about the computer, and about each user that may be seen.
type fakeDoctor struct{}

func (fakeDoctor) Examine(_ context.Context, caller doctor.Caller, report func(doctor.Outcome) error) error {
	if err := report(doctor.Outcome{Name: "disk", Title: "The disk has room", Result: doctor.Failed,
		Evidence: "No room.",
		Fix:      "Make room."}); err != nil {
		return err
	}
	for _, user := range []accounts.User{{Name: "jane", UID: 501}, {Name: "john", UID: 502}} {
		if caller.All && caller.Admin || user.UID == caller.UID {
			if err := report(doctor.Outcome{Name: "agent-connected", Title: "t", Result: doctor.OK, Evidence: "e",
				User: user}); err != nil {
				return err
			}
		}
	}
	return nil
}

// examining is the stream of one caller, in the form in which the gate passes it on.
type examining struct {
	grpc.ServerStreamingServer[usherv1.ExamineResponse]
	ctx   context.Context
	actor *gate.Actor
	sent  []*usherv1.ExamineResponse
}

func (e *examining) Context() context.Context { return gate.WithActor(e.ctx, e.actor) }

func (e *examining) Send(response *usherv1.ExamineResponse) error {
	if !e.actor.Judged() {
		return errors.New("nobody has asked what the caller may do")
	}
	e.sent = append(e.sent, response)
	return nil
}

func examinedBy(t *testing.T, uid uint32, admin bool) *examining {
	return &examining{ctx: t.Context(), actor: gate.NewActor(&link.Peer{UID: uid}, admin, nil)}
}

func TestWhoSeesWhichChecks(t *testing.T) {
	service := &doctorService{doctor: fakeDoctor{}, examinations: newExaminations()}
	for name, test := range map[string]struct {
		caller *examining
		about  []string
	}{
		"root":          {examinedBy(t, 0, true), []string{"", "jane", "john"}},
		"an admin":      {examinedBy(t, 503, true), []string{"", "jane", "john"}},
		"jane":          {examinedBy(t, 501, false), []string{"", "jane"}},
		"somebody else": {examinedBy(t, 504, false), []string{""}},
	} {
		if err := service.Examine(nil, test.caller); err != nil {
			t.Fatal(err)
		}
		var about []string
		for _, one := range test.caller.sent {
			about = append(about, one.GetCheck().GetUser())
		}
		if !slices.Equal(about, test.about) {
			t.Errorf("%s sees checks about %q, want %q", name, about, test.about)
		}
	}
	first := examinedBy(t, 0, true)
	if err := service.Examine(nil, first); err != nil {
		t.Fatal(err)
	}
	got := first.sent[0]
	if check := got.GetCheck(); check.GetName() != "disk" ||
		check.GetTitle() != "The disk has room" ||
		check.GetResult() != usherv1.CheckResult_CHECK_RESULT_FAILED || check.GetEvidence() != "No room." ||
		check.GetFix() != "Make room." {
		t.Errorf("got %v", got)
	}
}

func TestEveryResultHasItsName(t *testing.T) {
	seen := map[usherv1.CheckResult]bool{}
	for _, result := range []doctor.Result{doctor.NotApplicable, doctor.OK, doctor.Warning, doctor.Failed} {
		seen[outcomeToProto(doctor.Outcome{Result: result}).GetResult()] = true
	}
	if seen[usherv1.CheckResult_CHECK_RESULT_UNSPECIFIED] || len(seen) != len(usherv1.CheckResult_name)-1 {
		t.Errorf("the results become %v", seen)
	}
}

func TestUserCannotExamineWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &doctorService{doctor: fakeDoctor{}, examinations: newExaminations()}
		times := func(uid uint32, admin bool) (allowed int) {
			for range 10 {
				err := service.Examine(nil, examinedBy(t, uid, admin))
				if err == nil {
					allowed++
				} else if contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED {
					t.Fatal(err)
				}
			}
			return allowed
		}
		if first, other, admin := times(501, false), times(502, false),
			times(503, true); first != 3 || other != 3 || admin != 10 {
			t.Errorf("a user has %d, another one %d, an admin %d", first, other, admin)
		}
		time.Sleep(examinationInterval) // in the bubble's own time
		if again := times(501, false); again != 1 {
			t.Errorf("after %s the user has %d", examinationInterval, again)
		}
		time.Sleep(time.Hour)
		if times(504, false); len(service.examinations.asked) != 1 {
			t.Errorf("%d users are remembered", len(service.examinations.asked))
		}
	})
}
