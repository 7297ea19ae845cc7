package registration_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/helper/delivery"
	"usher.internal/helper/registration"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// scripted is an agent whose portal sends the messages of a test, and whose identity calls may fail or hang.
type scripted struct {
	*fakeAgent
	tell      []*usherv1.RunPortalResponse
	over      error // what the stream ends with
	endless   bool  // the last message repeats without end
	calls     int
	readError error
	hangs     bool
}

func (a *scripted) Await(ctx context.Context, uid uint32) (usherv1.UserAgentServiceClient, error) {
	_, err := a.fakeAgent.Await(ctx, uid)
	return a, err
}

func (a *scripted) ReadIdentity(ctx context.Context, request *usherv1.ReadIdentityRequest,
	options ...grpc.CallOption) (*usherv1.ReadIdentityResponse, error) {
	if a.hangs {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	if a.readError != nil {
		return nil, a.readError
	}
	return a.fakeAgent.ReadIdentity(ctx, request, options...)
}

func (a *scripted) RunPortal(context.Context, *usherv1.RunPortalRequest,
	...grpc.CallOption) (grpc.ServerStreamingClient[usherv1.RunPortalResponse], error) {
	a.calls++
	return &told{messages: a.tell, over: a.over, endless: a.endless}, nil
}

type told struct {
	grpc.ClientStream
	messages []*usherv1.RunPortalResponse
	over     error
	endless  bool
}

func (s *told) Recv() (*usherv1.RunPortalResponse, error) {
	if len(s.messages) == 0 {
		return nil, s.over
	}
	message := s.messages[0]
	if !s.endless || len(s.messages) > 1 {
		s.messages = s.messages[1:]
	}
	return message, nil
}

func newScripted(t *testing.T) (*world, *scripted) {
	a := &scripted{over: status.Error(codes.Unavailable, "gone")}
	w := newWorld(t, func(c *registration.Config) {
		a.fakeAgent = c.Sessions.(*fakeAgent)
		c.Sessions = a
	})
	return w, a
}

func milestone(kind usherv1.MilestoneKind, at int64, detail string) *usherv1.RunPortalResponse {
	return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Milestone{Milestone: &usherv1.Milestone{
		Kind: kind, Time: timestamppb.New(time.Unix(at, 0)), Detail: detail,
	}}}
}

var (
	started = &usherv1.RunPortalResponse{
		Event: &usherv1.RunPortalResponse_Started{Started: &usherv1.PortalStarted{Pid: 7}}}
	success = &usherv1.RunPortalResponse{
		Event: &usherv1.RunPortalResponse_Exit{Exit: &usherv1.PortalExit{How: &usherv1.PortalExit_Code{}}}}
)

func TestFloodOfMilestonesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a := newScripted(t)
		a.tell = append(a.tell, started)
		for i := range 2000 {
			a.tell = append(a.tell, milestone(99, int64(i), strings.Repeat("\x1b[2Jx", 200)))
		}
		begun, _, err := w.machine.Start(t.Context(), registration.StartRequest{
			Kind: registration.KindRegister, User: jane, SignInTimeout: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := w.until(begun.ID, registration.StateFailed)
		if r.FailureReason != registration.ReasonSignInTimeout || len(r.Milestones) != 64 || a.calls > 50 {
			t.Errorf("ended with %s, %d milestones, %d calls", r.FailureReason, len(r.Milestones), a.calls)
		}
		for _, one := range r.Milestones {
			if len(one.Detail) > 600 || strings.ContainsRune(one.Detail, 0x1b) || one.Kind != "UNSPECIFIED" {
				t.Fatalf("kept %s %.60q", one.Kind, one.Detail)
			}
		}
	})
}

// A stream that never pauses delays neither the deadline nor a cancel.
func TestEndlessStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a := newScripted(t)
		a.tell, a.endless = []*usherv1.RunPortalResponse{started, milestone(1, 1, "")}, true
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSignIn)
		if r, err := w.machine.Cancel(t.Context(), id, "uid 0"); err != nil || r.State != registration.StateCancelled {
			t.Errorf("cancelled: %s, %v", r.State, err)
		}
		r := w.until(w.register(registration.KindRegister).ID, registration.StateFailed)
		if r.FailureReason != registration.ReasonSignInTimeout || len(r.Milestones) != 1 {
			t.Errorf("failed with %s and %d milestones", r.FailureReason, len(r.Milestones))
		}
	})
}

// An agent may leave out the start, send nothing at all, or send an exit that no process has.
func TestOddStreams(t *testing.T) {
	exit := func(exit *usherv1.PortalExit) []*usherv1.RunPortalResponse {
		return []*usherv1.RunPortalResponse{started, {Event: &usherv1.RunPortalResponse_Exit{Exit: exit}}}
	}
	for name, test := range map[string]struct {
		tell   []*usherv1.RunPortalResponse
		reason registration.FailureReason
	}{
		"exit alone":     {[]*usherv1.RunPortalResponse{success}, registration.ReasonIdentityNotFound},
		"empty messages": {[]*usherv1.RunPortalResponse{{}, nil, {}, success}, registration.ReasonIdentityNotFound},
		"nothing":        {nil, registration.ReasonSignInTimeout},
		"code -1": {exit(&usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: -1}}),
			registration.ReasonPortalOutcomeUnknown},
		"code 256": {exit(&usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 256}}),
			registration.ReasonPortalOutcomeUnknown},
		"signal 0": {exit(&usherv1.PortalExit{How: &usherv1.PortalExit_Signal{}}),
			registration.ReasonPortalOutcomeUnknown},
		"signal 4711": {exit(&usherv1.PortalExit{How: &usherv1.PortalExit_Signal{Signal: 4711}}),
			registration.ReasonPortalOutcomeUnknown},
		"no how": {exit(nil), registration.ReasonPortalOutcomeUnknown},
		"milestone early": {[]*usherv1.RunPortalResponse{milestone(1, 1, ""), started, milestone(1, 1, ""), success},
			registration.ReasonIdentityNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, a := newScripted(t)
				a.tell = test.tell
				r := w.until(w.register(registration.KindRegister).ID, registration.StateFailed)
				if r.FailureReason != test.reason || len(r.Milestones) > 1 {
					t.Errorf("failed with %s: %s, %d milestones", r.FailureReason, r.FailureDetail, len(r.Milestones))
				}
			})
		})
	}
}

// tooOld is the error of a call of a method that the agent does not have; package sessions makes it.
var tooOld = contract.Error(codes.Unimplemented, usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED,
	"log out and in to update usher-agent")

// The results of RunPortal's errors. If another call may succeed, the registration waits for it within the user's time;
// nothing hangs.
func TestErrorsOfTheStream(t *testing.T) {
	for name, test := range map[string]struct {
		tell   []*usherv1.RunPortalResponse
		over   error
		reason registration.FailureReason
	}{
		"transport": {nil, status.Error(codes.Internal, "stream terminated by RST_STREAM"),
			registration.ReasonSignInTimeout},
		"unknown": {nil, errors.New("no status"), registration.ReasonSignInTimeout},
		"rate": {nil, contract.Error(codes.ResourceExhausted, usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED, "slower"),
			registration.ReasonSignInTimeout},
		"too old":              {nil, tooOld, registration.ReasonAgentOutdated},
		"too old to attach to": {[]*usherv1.RunPortalResponse{started}, tooOld, registration.ReasonSignInTimeout},
		"defect before the start": {nil,
			contract.Error(codes.Internal, usherv1.ErrorReason_ERROR_REASON_INTERNAL, "defect"),
			registration.ReasonPortalLaunchFailed},
		"defect after the start": {[]*usherv1.RunPortalResponse{started},
			contract.Error(codes.Internal, usherv1.ErrorReason_ERROR_REASON_INTERNAL, "defect"),
			registration.ReasonSignInTimeout},
		"run lost": {[]*usherv1.RunPortalResponse{started},
			contract.Error(codes.NotFound, usherv1.ErrorReason_ERROR_REASON_PORTAL_RUN_NOT_FOUND, "none"),
			registration.ReasonPortalOutcomeUnknown},
		"busy": {nil, contract.Error(codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PORTAL_BUSY,
			"busy with another one"),
			registration.ReasonPortalAlreadyRunning},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, a := newScripted(t)
				a.tell, a.over = test.tell, test.over
				begun := time.Now()
				r := w.until(w.register(registration.KindRegister).ID, registration.StateFailed)
				if r.FailureReason != test.reason || time.Since(begun) > 32*time.Minute {
					t.Errorf("failed with %s after %s: %s", r.FailureReason, time.Since(begun), r.FailureDetail)
				}
				if a.calls > 500 {
					t.Errorf("the agent was called %d times in half an hour", a.calls)
				}
			})
		})
	}
}

// An agent that cannot or will not return the identity keeps nobody from registering, and ends a registration in time.
func TestAgentThatDoesNotReturnTheIdentity(t *testing.T) {
	for name, change := range map[string]func(*scripted){
		"hangs":   func(a *scripted) { a.hangs = true },
		"refuses": func(a *scripted) { a.readError = status.Error(codes.Internal, "keychain\x1b[2J broke") },
		"too old": func(a *scripted) { a.readError = tooOld },
	} {
		reason := registration.ReasonIdentityUnreadable
		if name == "too old" {
			reason = registration.ReasonAgentOutdated
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, a := newScripted(t)
				change(a)
				a.tell = []*usherv1.RunPortalResponse{started, success}
				begun := time.Now()
				r := w.until(w.register(registration.KindRegister).ID, registration.StateFailed)
				if r.FailureReason != reason || a.calls != 1 || r.Identity != nil || time.Since(begun) > 3*time.Minute {
					t.Errorf("failed with %s after %s and %d calls: %s", r.FailureReason, time.Since(begun), a.calls,
						r.FailureDetail)
				}
				if strings.ContainsRune(r.FailureDetail, 0x1b) {
					t.Errorf("a terminal would obey %q", r.FailureDetail)
				}
			})
		})
	}
}

func TestImplausibleClaimsAreNotKept(t *testing.T) {
	for name, claim := range map[string]wpj.Evidence{
		"long name":          {UserPrincipalName: wpj.UserPrincipalName(strings.Repeat("x", 1<<20))},
		"terminal's name":    {UserPrincipalName: "jane\x1b]0;pwned\a"},
		"long tenant":        {TenantID: wpj.TenantID(strings.Repeat("x", 1<<20))},
		"long thumbprint":    {Thumbprint: wpj.Thumbprint(strings.Repeat("x", 1<<20))},
		"long host":          {CloudHost: strings.Repeat("x", 1<<20)},
		"device's formula":   {DeviceID: `=HYPERLINK("http://evil.example")`},
		"device's word":      {DeviceID: "the-device-id"},
		"device's path":      {DeviceID: "../../v1/users"},
		"almost a device":    {DeviceID: "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0f"},
		"device with a tail": {DeviceID: "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe and more"},
		"tenant's formula":   {TenantID: "=1+1"},
		"tenant's path":      {TenantID: "../../common"},
		"tenant's script":    {TenantID: "<script>"},
		"thumbprint's words": {Thumbprint: "not a thumbprint"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				claim.Finding = wpj.Found
				w.agent.identity = func() []*usherv1.Evidence {
					one := registered()
					return append(one[:0], evidence(claim)...)
				}
				r := w.until(w.register(registration.KindGather).ID, registration.StateFailed)
				if r.FailureReason != registration.ReasonIdentityUnreadable || len(fmt.Sprint(*r.Identity)) > 2000 {
					t.Errorf("failed with %s, identity of %d bytes", r.FailureReason, len(fmt.Sprint(*r.Identity)))
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.identity = func() []*usherv1.Evidence {
			many := make([]*usherv1.Evidence, 5000)
			for i := range many {
				many[i] = &usherv1.Evidence{
					Certificates: []*usherv1.DeviceCertificate{{Der: bytes.Repeat([]byte{0x30}, 500)}, nil}}
			}
			many[0] = nil
			return many
		}
		r := w.until(w.register(registration.KindGather).ID, registration.StateFailed)
		if r.FailureReason != registration.ReasonIdentityUnreadable {
			t.Errorf("failed with %s: %.200s", r.FailureReason, r.FailureDetail)
		}
	})
}

// An identity that existed before says nothing about a portal whose end is unknown. One from within the last hour is
// accepted as new, since Entra dates certificates back and clocks differ.
func TestUnknownEndNeedsAFreshIdentity(t *testing.T) {
	for age, fresh := range map[time.Duration]bool{0: true, 20 * time.Minute: true, 40 * time.Minute: false,
		24 * time.Hour: false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			// There is no identity before the portal, so it is launched.
			w.agent.exit = &usherv1.PortalExit{How: &usherv1.PortalExit_Unknown{Unknown: true}}
			w.agent.registers = false
			id := w.register(registration.KindRegister).ID
			w.until(id, registration.StateReadingIdentity)
			left := issued(w.until(id, registration.StateReadingIdentity).CreatedAt.Add(-age))
			w.agent.mu.Lock()
			w.agent.identity = func() []*usherv1.Evidence { return left }
			w.agent.mu.Unlock()
			r := w.until(id, registration.StateFailed, registration.StateDelivering)
			if fresh != (r.State == registration.StateDelivering) ||
				(!fresh && r.FailureReason != registration.ReasonPortalOutcomeUnknown) || r.Identity == nil {
				t.Errorf("%s old: %s %s", age, r.State, r.FailureReason)
			}
		})
	}
}

// A preflight that could not check, or never answers, is no obstacle.
func TestPreflightThatCannotLook(t *testing.T) {
	for name, check := range map[string]checkFunc{
		"fails": func(context.Context) error { return errors.New("no such plist\x07") },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(c *registration.Config) { c.Preflight = check })
				r := w.until(w.register(registration.KindRegister).ID, registration.StateDelivering)
				if !strings.Contains(r.Transitions[1].Evidence, "could not be completed") {
					t.Errorf("evidence is %q", r.Transitions[1].Evidence)
				}
			})
		})
	}
}

type checkFunc func(context.Context) error

func (f checkFunc) Check(ctx context.Context) error { return f(ctx) }

func TestLogHoldsNoPersonalData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := newWorld(t, func(c *registration.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		id := w.register(registration.KindRegister).ID
		r := w.until(id, registration.StateDelivering)
		w.deliver(id, delivery.StateDelivered)
		w.until(id, registration.StateSucceeded)
		w.stop()
		for _, personal := range []string{"jane", string(r.Identity.DeviceID), string(r.Identity.Thumbprint),
			string(r.Identity.UserObjectID)} {
			if strings.Contains(log.String(), personal) {
				t.Errorf("the log says %q:\n%s", personal, &log)
			}
		}
		for _, transition := range r.Transitions {
			if !strings.Contains(log.String(), "registration_id="+id+" uid=1501 state="+string(transition.State)) {
				t.Errorf("the log does not mention %s:\n%s", transition.State, &log)
			}
		}
	})
}
