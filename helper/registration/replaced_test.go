package registration_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/delivery"
	"usher.internal/helper/registration"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

func exited(code int32) *usherv1.PortalExit {
	return &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: code}}
}

// The user finished in the last minute, while their agent was away: the portal's own end decides.
func TestTimeIsOverButThePortalIsDone(t *testing.T) {
	for name, test := range map[string]struct {
		stopped *usherv1.PortalExit
		state   registration.State
		reason  registration.FailureReason
	}{
		"success":    {exited(0), registration.StateDelivering, ""},
		"device cap": {exited(66), registration.StateFailed, registration.ReasonPortalFailed},
		"by our signal": {&usherv1.PortalExit{How: &usherv1.PortalExit_Signal{Signal: 15}},
			registration.StateFailed, registration.ReasonSignInTimeout},
		"nobody knows": {&usherv1.PortalExit{How: &usherv1.PortalExit_Unknown{Unknown: true}},
			registration.StateFailed, registration.ReasonSignInTimeout},
		"agent says nothing": {nil, registration.StateFailed, registration.ReasonSignInTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.agent.exit, w.agent.stopped = nil, test.stopped
				id := w.register(registration.KindRegister).ID
				r := w.until(id, registration.StateDelivering, registration.StateFailed)
				if r.State != test.state || r.FailureReason != test.reason || r.TimedOutAt.IsZero() ||
					w.agent.stops != 1 {
					t.Errorf("%s %s, timed out at %s, %d stops", r.State, r.FailureReason, r.TimedOutAt, w.agent.stops)
				}
			})
		})
	}
}

// The timeout is in the journal before the portal is stopped, so a successor knows whose signal ended it.
func TestHelperEndsWhileItStopsThePortal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.exit = nil
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSignIn)
		w.agent.mu.Lock()
		w.agent.broken = status.Error(codes.Unavailable, "gone")
		w.agent.loggedIn = make(chan struct{}) // stopping waits for the agent
		close(w.agent.ended)
		w.agent.mu.Unlock()
		time.Sleep(30*time.Minute + time.Second) // synctest's clock
		w.stop()
		w.agent.broken, w.agent.exit = nil, &usherv1.PortalExit{How: &usherv1.PortalExit_Signal{Signal: 15}}
		w.agent.stopped = w.agent.exit
		close(w.agent.loggedIn)
		w.start()
		if r := w.until(id, registration.StateFailed); r.FailureReason != registration.ReasonSignInTimeout {
			t.Errorf("failed with %s: %s", r.FailureReason, r.FailureDetail)
		}
	})
}

// A failure must not remove the only report that names the registered user.
func TestFailureStillReportsTheLastIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.until(w.register(registration.KindRegister).ID, registration.StateDelivering)
		w.deliver(w.register(registration.KindRegister).ID, "REFUSED")
		w.agent.mu.Lock()
		w.agent.loggedIn = make(chan struct{})
		w.agent.mu.Unlock()
		r := w.until(w.register(registration.KindRegister).ID, registration.StateFailed)
		synctest.Wait()
		last := w.outbox.reports[len(w.outbox.reports)-1]
		if last.Identity == nil || last.Identity.State != wpj.StateRegistered || last.Outcome != "FAILED" {
			t.Errorf("reported %+v", last)
		}
		if r.Identity != nil {
			t.Errorf("the registration claims to have read %+v", r.Identity)
		}
	})
}

// Registering does all that gathering does, and more: a request to register is not answered by a gathering.
func TestRegisteringTakesThePlaceOfGathering(t *testing.T) {
	for state, prepare := range map[registration.State]func(*world){
		registration.StateWaitingForSession: func(w *world) { w.agent.loggedIn = make(chan struct{}) },
		registration.StateDelivering:        func(w *world) { w.agent.identity = registered },
	} {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				prepare(w)
				gathering := w.register(registration.KindGather).ID
				w.until(gathering, state)
				r, attached, err := w.machine.Start(t.Context(),
					registration.StartRequest{Kind: registration.KindRegister, User: jane})
				if err != nil || attached || r.ID == gathering {
					t.Fatalf("attached %t to %s, %v", attached, r.ID, err)
				}
				w.until(gathering, registration.StateCancelled)
				if state == registration.StateWaitingForSession {
					close(w.agent.loggedIn)
				}
				w.until(r.ID, registration.StateDelivering)
				// The other way round it attaches.
				same, attached, err := w.machine.Start(t.Context(),
					registration.StartRequest{Kind: registration.KindGather, User: jane})
				if err != nil || !attached || same.ID != r.ID {
					t.Errorf("attached %t to %s, %v", attached, same.ID, err)
				}
			})
		})
	}
}

// A half-written identity looks orphaned.
func TestIdentityThatIsHalfWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.registers = false
		half := registered()
		half[0].Certificates[0].HasPrivateKey = false
		w.agent.identity = func() []*usherv1.Evidence { return half }
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateReadingIdentity)
		time.Sleep(5 * time.Second) // synctest's clock
		w.agent.mu.Lock()
		w.agent.identity = registered
		w.agent.mu.Unlock()
		w.until(id, registration.StateDelivering)
	})
}

// A registered user needs neither network nor Company Portal, so a Mac without them does not fail.
func TestPreflightDoesNotMatterToWhoIsRegistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *registration.Config) {
			c.Preflight = fakePreflight{
				&registration.PreflightError{Reason: registration.ReasonEndpointsUnreachable, Detail: "no network"}}
		})
		w.agent.identity = registered
		r := w.until(w.register(registration.KindRegister).ID, registration.StateDelivering)
		if len(w.agent.launches) != 0 || !strings.Contains(r.Transitions[1].Evidence, "no network") {
			t.Errorf("launches %v, evidence %q", w.agent.launches, r.Transitions[1].Evidence)
		}
	})
}

// If the journal refuses a decision for another reason than the disk, the registration ends.
func TestDefectEndsTheRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.outbox.refuse = func(report delivery.Report) error {
			if report.Outcome == "SUCCEEDED" {
				return errors.New("record 7 cannot be read")
			}
			return nil
		}
		r := w.until(w.register(registration.KindRegister).ID, registration.StateFailed)
		if r.FailureReason != registration.ReasonInternal || !strings.Contains(r.FailureDetail, "record 7") {
			t.Errorf("failed with %s: %s", r.FailureReason, r.FailureDetail)
		}
	})
}

// A registration that cannot even fail is stuck, and continues with the next usherd.
func TestRegistrationThatCannotEvenFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.outbox.refuse = func(delivery.Report) error { return errors.New("record 7 cannot be read") }
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateReadingIdentity)
		synctest.Wait()
		w.stop()
		w.outbox.refuse = nil
		w.start()
		w.until(id, registration.StateDelivering)
	})
}
