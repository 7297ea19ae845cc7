package registration_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"usher.internal/helper/delivery"
	"usher.internal/helper/registration"
	usherv1 "usher.internal/proto/usher/v1"
)

// crasher ends the goroutine at the n-th boundary of a commit, as a kill would. The crash is either before the commit,
// which is then rolled back, or right after it, before its consequences.
type crasher struct {
	mu      sync.Mutex
	left    int
	crashed string
}

func (c *crasher) at(moment string) func(registration.Registration) {
	return func(r registration.Registration) {
		c.mu.Lock()
		c.left--
		crash := c.left == 0
		if crash {
			c.crashed = moment + " " + string(r.State)
		}
		c.mu.Unlock()
		if crash {
			runtime.Goexit()
		}
	}
}

// where is the boundary of the crash, "" before it.
func (c *crasher) where() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.crashed
}

// auditor is an agent that compares every launch with the journal.
type auditor struct {
	*fakeAgent
	w *world
}

func (a auditor) Await(ctx context.Context, uid uint32) (usherv1.UserAgentServiceClient, error) {
	_, err := a.fakeAgent.Await(ctx, uid)
	return a, err
}

func (a auditor) RunPortal(ctx context.Context, request *usherv1.RunPortalRequest,
	options ...grpc.CallOption) (grpc.ServerStreamingClient[usherv1.RunPortalResponse], error) {
	r, err := a.w.machine.Get(request.GetRegistrationId())
	want := registration.StateLaunchingPortal
	if request.GetAttachOnly() {
		want = registration.StateWaitingForSignIn
	}
	if err != nil || r.State != want {
		a.w.t.Errorf("asked for the portal, attach only %t, while the journal says %s, %v", request.GetAttachOnly(),
			r.State, err)
	}
	return a.fakeAgent.RunPortal(ctx, request, options...)
}

// aside runs f, which may crash, in its own goroutine. It returns when all goroutines are idle.
func aside(run func()) {
	go run()
	synctest.Wait()
}

// usherd crashes at each boundary of a successful registration, and its successor brings it to the same end.
func TestCrashAtEachCommit(t *testing.T) {
	reached := make(map[string]bool)
	for n, more := 1, true; more; n++ {
		synctest.Test(t, func(t *testing.T) {
			c := &crasher{left: n}
			w := newWorld(t, nil)
			w.stop()
			w.config.Committing, w.config.Committed, w.config.Sessions = c.at("before"), c.at("after"),
				auditor{w.agent, w}
			w.start()
			newest := func() (r registration.Registration) {
				all, err := w.machine.List(registration.Filter{})
				if err != nil || len(all) > 1 {
					t.Fatalf("%d registrations, %v", len(all), err)
				}
				if len(all) == 1 {
					r = all[0]
				}
				return r
			}
			request := registration.StartRequest{Kind: registration.KindRegister, User: jane}
			aside(func() { w.machine.Start(context.Background(), request) })
			if c.where() == "" {
				aside(func() { w.deliver(newest().ID, delivery.StateDelivered) })
			}
			more = c.where() != ""
			reached[c.where()] = true

			w.stop()
			w.config.Committing, w.config.Committed = nil, nil
			w.start()
			if newest().ID == "" { // it had not begun, and Start has not returned
				w.register(registration.KindRegister)
			}
			id := newest().ID
			if r := w.until(id, registration.StateDelivering, registration.StateSucceeded); r.State ==
				registration.StateDelivering {
				w.deliver(id, delivery.StateDelivered)
			}
			r := w.until(id, registration.StateSucceeded)
			if got := path(r); got != "[PREFLIGHT WAITING_FOR_SESSION LAUNCHING_PORTAL WAITING_FOR_SIGN_IN "+
				"READING_IDENTITY DELIVERING SUCCEEDED]" {
				t.Errorf("crash %s: went %s", c.where(), got)
			}
			if got := fmt.Sprint(w.outbox.outcomes()); w.agent.launches[id] != 1 || len(w.agent.launches) != 1 ||
				got != "[SUCCEEDED]" || len(r.Milestones) != 2 {
				t.Errorf("crash %s: launches %v, reports %s, milestones %v", c.where(), w.agent.launches, got,
					r.Milestones)
			}
		})
	}
	for _, state := range registration.States() {
		for _, moment := range []string{"before ", "after "} {
			happy := state != registration.StateFailed && state != registration.StateCancelled
			if reached[moment+string(state)] != happy {
				t.Errorf("crashed %s%s: %t", moment, state, !happy)
			}
		}
	}
}

// A request to cancel survives a crash at any boundary.
func TestCrashWhileCancelling(t *testing.T) {
	for _, moment := range []string{"before", "after"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			w.agent.exit = nil
			w.stop()
			c := &crasher{left: -1}
			if moment == "before" {
				w.config.Committing = c.at(moment)
			} else {
				w.config.Committed = c.at(moment)
			}
			w.start()
			id := w.register(registration.KindRegister).ID
			w.until(id, registration.StateWaitingForSignIn)
			synctest.Wait() // until that commit's own boundary is passed
			c.mu.Lock()
			c.left = 1
			c.mu.Unlock()
			ctx, cancel := context.WithCancel(t.Context())
			aside(func() { w.machine.Cancel(ctx, id, "uid 0") })
			cancel()
			if c.where() != moment+" CANCELLED" {
				t.Fatalf("crashed %q", c.where())
			}
			w.stop()
			w.config.Committing, w.config.Committed = nil, nil
			w.start()
			r := w.until(id, registration.StateCancelled)
			if got := fmt.Sprint(w.outbox.outcomes()); got != "[CANCELLED]" || w.agent.stops == 0 ||
				r.CancelledBy != "uid 0" {
				t.Errorf("reports %s, %d stops, cancelled by %q", got, w.agent.stops, r.CancelledBy)
			}
		})
	}
}

// The agent reconnects only some time after the helper has restarted; what it reports happened in time.
func TestLateResumeAsksTheAgentBeforeItGivesUp(t *testing.T) {
	for _, state := range []registration.State{registration.StateWaitingForSignIn, registration.StateReadingIdentity} {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				if state == registration.StateReadingIdentity {
					w.agent.registers = false
				} else {
					w.agent.exit = nil
				}
				id := w.register(registration.KindRegister).ID
				w.until(id, state)
				w.stop()
				time.Sleep(2 * time.Hour) // synctest's clock: the Mac was off
				w.agent.exit, w.agent.identity = &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 0}}, registered
				w.agent.loggedIn = make(chan struct{})
				w.start()
				time.Sleep(35 * time.Second) // synctest's clock: the agent's pause between two dials
				w.agent.mu.Lock()
				close(w.agent.loggedIn)
				w.agent.mu.Unlock()
				w.until(id, registration.StateDelivering)
			})
		})
	}
}

// No agent reconnects: the registration ends soon after its time, and does not hang.
func TestLateResumeEnds(t *testing.T) {
	for state, reason := range map[registration.State]registration.FailureReason{
		registration.StateWaitingForSession: registration.ReasonSessionTimeout,
		registration.StateWaitingForSignIn:  registration.ReasonSignInTimeout,
		registration.StateReadingIdentity:   registration.ReasonIdentityUnreadable,
	} {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				switch state {
				case registration.StateWaitingForSession:
					w.agent.loggedIn = make(chan struct{})
				case registration.StateWaitingForSignIn:
					w.agent.exit = nil
				case registration.StateReadingIdentity:
					w.agent.registers = false
				}
				id := w.register(registration.KindRegister).ID
				w.until(id, state)
				w.stop()
				time.Sleep(2 * time.Hour) // synctest's clock
				w.agent.loggedIn = make(chan struct{})
				w.start()
				begun := time.Now()
				r := w.until(id, registration.StateFailed)
				if took := time.Since(begun); r.FailureReason != reason || took > 2*time.Minute {
					t.Errorf("ended with %s after %s", r.FailureReason, took)
				}
			})
		})
	}
}

// A clock that was set back, as on a Mac whose battery was empty, makes no state longer and no id smaller.
func TestClockSetBack(t *testing.T) {
	var journal string
	var first registration.Registration
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(365 * 24 * time.Hour) // synctest's clock, which starts over in the next test
		w := newWorld(t, nil)
		w.stop()
		journal = dir + "/journal"
		w.path = journal
		w.start()
		w.until(w.register(registration.KindGather).ID, registration.StateFailed)
		w.agent.exit = nil
		first = w.register(registration.KindRegister)
		w.until(first.ID, registration.StateWaitingForSignIn)
		w.stop()
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.stop()
		w.path, w.agent.exit = journal, nil
		w.agent.launches[first.ID] = 1
		w.start()
		begun := time.Now()
		w.until(first.ID, registration.StateFailed)
		if took := time.Since(begun); took > 31*time.Minute {
			t.Errorf("the user had %s", took)
		}
		for range 3 {
			last := first.ID
			first = w.register(registration.KindGather)
			if strings.Compare(first.ID, last) <= 0 {
				t.Errorf("id %s comes after %s", first.ID, last)
			}
			w.until(first.ID, registration.StateFailed, registration.StateDelivering)
			if r, _ := w.machine.Get(first.ID); r.State == registration.StateDelivering {
				w.deliver(first.ID, delivery.StateDelivered)
			}
		}
		if all, err := w.machine.List(registration.Filter{Limit: 1}); err != nil || all[0].ID != first.ID {
			t.Errorf("the newest is %v, %v", all, err)
		}
	})
}
