package registration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/delivery"
	"usher.internal/helper/quota"
	"usher.internal/helper/registration"
	"usher.internal/helper/store"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestHappyRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		id := w.register(registration.KindRegister).ID
		r := w.until(id, registration.StateDelivering)
		if len(r.Milestones) != 2 || r.Identity == nil || r.Identity.State != wpj.StateRegistered ||
			r.PortalExit == nil {
			t.Errorf("delivering %+v", r)
		}
		w.deliver(id, delivery.StateDelivered)
		r = w.until(id, registration.StateSucceeded)
		if got := path(r); got != "[PREFLIGHT WAITING_FOR_SESSION LAUNCHING_PORTAL WAITING_FOR_SIGN_IN "+
			"READING_IDENTITY DELIVERING SUCCEEDED]" {
			t.Errorf("went %s", got)
		}
		for _, transition := range r.Transitions {
			if transition.Evidence == "" || transition.At.IsZero() {
				t.Errorf("transition without time or evidence: %+v", transition)
			}
		}
		if known, err := w.observer.Of(jane.UID); err != nil || known == nil ||
			known.Identity.State != wpj.StateRegistered {
			t.Errorf("last identity is %+v, %v", known, err)
		}
		if got := fmt.Sprint(w.outbox.outcomes()); got != "[SUCCEEDED]" {
			t.Errorf("reported %s", got)
		}

		t.Log("registered already: the user is not bothered again")
		again := w.register(registration.KindRegister)
		r = w.until(again.ID, registration.StateDelivering)
		if got := path(r); again.ID == id || got != "[PREFLIGHT WAITING_FOR_SESSION READING_IDENTITY DELIVERING]" ||
			len(w.agent.launches) != 1 {
			t.Errorf("went %s, launches %v", got, w.agent.launches)
		}
	})
}

func TestGatherNeverLaunchesThePortal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *registration.Config) { c.Preflight = fakePreflight{errors.New("must not be asked")} })
		r := w.until(w.register(registration.KindGather).ID, registration.StateFailed)
		if r.FailureReason != registration.ReasonIdentityNotFound || len(w.agent.launches) != 0 {
			t.Errorf("ended with %s, launches %v", r.FailureReason, w.agent.launches)
		}
		w.agent.identity = registered
		w.until(w.register(registration.KindGather).ID, registration.StateDelivering)
	})
}

// Jamf's own program runs after a portal, and for a user who gathers an identity that Jamf lacks. A user whose identity
// is complete, or who is registered already, is not asked to sign in once more.
func TestJamfGathers(t *testing.T) {
	for name, test := range map[string]struct {
		kind     registration.Kind
		wanted   bool
		unknown  error
		identity func() []*usherv1.Evidence
		want     int
		state    wpj.State
	}{
		"gather what Jamf lacks": {registration.KindGather, true, nil,
			func() []*usherv1.Evidence { return jamfSays(false) }, 1, wpj.StateRegistered},
		"gather what Jamf has": {registration.KindGather, true, nil,
			func() []*usherv1.Evidence { return jamfSays(true) }, 0, wpj.StateRegistered},
		"not configured": {registration.KindGather, false, nil,
			func() []*usherv1.Evidence { return jamfSays(false) }, 0, wpj.StateDeactivated},
		"register a registered user": {registration.KindRegister, true, nil,
			func() []*usherv1.Evidence { return jamfSays(false) }, 0, wpj.StateDeactivated},
		"register an unregistered user": {registration.KindRegister, true, nil, nil, 1, wpj.StateRegistered},
		"register, and not configured":  {registration.KindRegister, false, nil, nil, 0, wpj.StateRegistered},
		"gather, and it is not known": {registration.KindGather, true, errors.New("the disk is on fire"),
			func() []*usherv1.Evidence { return jamfSays(false) }, 0, wpj.StateDeactivated},
		"register, and it is not known": {registration.KindRegister, true, errors.New("the disk is on fire"), nil, 0,
			wpj.StateRegistered},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(c *registration.Config) {
					c.GatherWithJamf = func(context.Context) (bool, error) { return test.wanted, test.unknown }
				})
				if test.identity != nil {
					w.agent.identity = test.identity
				}
				r := w.until(w.register(test.kind).ID, registration.StateDelivering)
				if w.agent.gathers != test.want || r.Identity.State != test.state {
					t.Errorf("Jamf's program ran %d times, and the user is %s", w.agent.gathers, r.Identity.State)
				}
				// An unknown answer is not treated as a good one, and is reported.
				said := r.Transitions[len(r.Transitions)-1].Evidence
				if not := strings.Contains(said,
					"did not run: it is not known whether this Mac needs it, since the disk is on fire"); not !=
					(test.unknown != nil) {
					t.Errorf("it says %q", said)
				}
			})
		})
	}
}

// How a registration fails, and what the user and Jamf Pro see.
func TestFailures(t *testing.T) {
	code := func(code int32) *usherv1.PortalExit {
		return &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: code}}
	}
	refusal := func(reason usherv1.ErrorReason) error {
		return contract.Error(codes.FailedPrecondition, reason, "said the agent")
	}
	for name, test := range map[string]struct {
		change func(w *world)
		reason registration.FailureReason
		detail string
	}{
		"preflight": {func(w *world) {
			w.config.Preflight = fakePreflight{
				&registration.PreflightError{Reason: registration.ReasonPortalMissing, Detail: "no portal"}}
		}, registration.ReasonPortalMissing, "no portal"},
		"nobody logs in": {func(w *world) { w.agent.loggedIn = make(chan struct{}) },
			registration.ReasonSessionTimeout, "within 1h"},
		"device cap": {func(w *world) { w.agent.exit = code(66) }, registration.ReasonPortalFailed,
			"registrationDeviceCapError (66)"},
		"default error": {func(w *world) { w.agent.exit = code(1) }, registration.ReasonPortalFailed,
			"defaultError (1)"},
		"unheard of code": {func(w *world) { w.agent.exit = code(99) }, registration.ReasonPortalFailed,
			"unknown (99)"},
		"signal": {func(w *world) {
			w.agent.exit = &usherv1.PortalExit{How: &usherv1.PortalExit_Signal{Signal: 9}}
		}, registration.ReasonPortalKilled, "signal 9"},
		"unknown end, no identity": {func(w *world) {
			w.agent.exit, w.agent.registers = &usherv1.PortalExit{How: &usherv1.PortalExit_Unknown{Unknown: true}},
				false
		}, registration.ReasonPortalOutcomeUnknown, "NOT_REGISTERED"},
		"user never signs in": {func(w *world) { w.agent.exit = nil }, registration.ReasonSignInTimeout,
			"within 30m0s; Company Portal was closed"},
		"success, no identity": {func(w *world) { w.agent.registers = false }, registration.ReasonIdentityNotFound,
			"NOT_REGISTERED"},
		"locked": {func(w *world) {
			w.agent.registers = false
			w.agent.identity = func() []*usherv1.Evidence {
				return evidence(wpj.Evidence{Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleLocked,
					Detail: "the keychain is locked"})
			}
		}, registration.ReasonIdentityUnreadable, "locked"},
		"garbage in the keychain": {func(w *world) {
			w.agent.registers = false
			w.agent.identity = func() []*usherv1.Evidence {
				many := make([]wpj.HeldCertificate, 5000)
				return evidence(wpj.Evidence{Finding: wpj.Found, Certificates: many,
					Detail: strings.Repeat("x", 1<<20)})
			}
		}, registration.ReasonIdentityNotFound, ""},
		"portal not runnable": {func(
			w *world) {
			w.agent.refusal = refusal(usherv1.ErrorReason_ERROR_REASON_PORTAL_NOT_RUNNABLE)
		}, registration.ReasonPortalLaunchFailed, "said the agent"},
		"portal already running": {func(
			w *world) {
			w.agent.refusal = refusal(usherv1.ErrorReason_ERROR_REASON_PORTAL_ALREADY_RUNNING)
		}, registration.ReasonPortalAlreadyRunning, "said the agent"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.stop()
				test.change(w)
				w.start()
				id := w.register(registration.KindRegister).ID
				r := w.until(id, registration.StateFailed, registration.StateDelivering)
				if r.FailureReason != test.reason || !strings.Contains(r.FailureDetail, test.detail) ||
					len(r.FailureDetail) > 4096 {
					t.Errorf("failed with %s: %.200s; want %s: …%s…", r.FailureReason, r.FailureDetail, test.reason,
						test.detail)
				}
				if got := fmt.Sprint(w.outbox.outcomes()); got != "[FAILED]" {
					t.Errorf("reported %s", got)
				}
				synctest.Wait()
				if _, attached, err := w.machine.Start(t.Context(),
					registration.StartRequest{Kind: registration.KindGather, User: jane}); attached || err != nil {
					t.Errorf("the failed registration is in the way of a new one: %v", err)
				}
			})
		})
	}
}

// A portal that succeeded may write its items a moment later.
func TestIdentityThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.registers = false
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateReadingIdentity)
		time.Sleep(5 * time.Second) // synctest's clock
		w.agent.mu.Lock()
		w.agent.identity = registered
		w.agent.mu.Unlock()
		w.until(id, registration.StateDelivering)
	})
}

func TestAgentComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.loggedIn, w.agent.exit = make(chan struct{}), nil
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSession)
		close(w.agent.loggedIn)
		w.until(id, registration.StateWaitingForSignIn)
		for range 3 {
			w.agent.mu.Lock()
			w.agent.broken = status.Error(codes.Unavailable, "gone")
			close(w.agent.ended)
			w.agent.ended = make(chan struct{})
			w.agent.mu.Unlock()
			time.Sleep(time.Minute) // synctest's clock
			w.agent.mu.Lock()
			w.agent.broken = nil
			w.agent.mu.Unlock()
		}
		w.agent.mu.Lock()
		w.agent.exit = &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 0}}
		close(w.agent.ended)
		w.agent.ended = make(chan struct{})
		w.agent.mu.Unlock()
		r := w.until(id, registration.StateDelivering)
		if w.agent.launches[id] != 1 || len(r.Milestones) != 2 {
			t.Errorf("launched %d times, milestones %v", w.agent.launches[id], r.Milestones)
		}
	})
}

// In whatever state usherd ends, its successor continues from there, and the portal is launched once.
func TestRestartInEachState(t *testing.T) {
	hold := map[registration.State]func(w *world) (goOn func()){
		registration.StateWaitingForSession: func(w *world) func() {
			w.agent.loggedIn = make(chan struct{})
			return func() { close(w.agent.loggedIn) }
		},
		registration.StateWaitingForSignIn: func(w *world) func() {
			w.agent.exit = nil
			return func() { w.agent.exit = &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 0}} }
		},
		registration.StateReadingIdentity: func(w *world) func() {
			w.agent.registers = false
			return func() { w.agent.identity = registered }
		},
		registration.StateDelivering: func(*world) func() { return func() {} },
	}
	for state, prepare := range hold {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				goOn := prepare(w)
				id := w.register(registration.KindRegister).ID
				w.until(id, state)
				w.stop()
				goOn()
				w.start()
				w.until(id, registration.StateDelivering)
				w.deliver(id, delivery.StateDelivered)
				r := w.until(id, registration.StateSucceeded)
				if w.agent.launches[id] != 1 ||
					path(r) != "[PREFLIGHT WAITING_FOR_SESSION LAUNCHING_PORTAL WAITING_FOR_SIGN_IN READING_IDENTITY "+
						"DELIVERING SUCCEEDED]" {
					t.Errorf("launched %d times, went %s", w.agent.launches[id], path(r))
				}
			})
		})
	}
}

// The deadline of a sign-in is the user's, and a restart does not reset it.
func TestDeadlineOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.exit = nil
		id := w.register(registration.KindRegister).ID
		begun := time.Now()
		w.until(id, registration.StateWaitingForSignIn)
		time.Sleep(20 * time.Minute) // synctest's clock
		w.stop()
		w.start()
		r := w.until(id, registration.StateFailed)
		if took := time.Since(begun); r.FailureReason != registration.ReasonSignInTimeout || took > 31*time.Minute {
			t.Errorf("ended with %s after %s", r.FailureReason, took)
		}
	})
}

func TestCancelInEachState(t *testing.T) {
	for state, test := range map[registration.State]struct {
		change  func(w *world)
		stops   int
		reports string
	}{
		registration.StateWaitingForSession: {func(w *world) { w.agent.loggedIn = make(chan struct{}) }, 0,
			"[CANCELLED]"},
		registration.StateWaitingForSignIn: {func(w *world) { w.agent.exit = nil }, 1, "[CANCELLED]"},
		registration.StateReadingIdentity:  {func(w *world) { w.agent.registers = false }, 0, "[CANCELLED]"},
		registration.StateDelivering:       {func(*world) {}, 0, "[SUCCEEDED]"},
	} {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				test.change(w)
				id := w.register(registration.KindRegister).ID
				w.until(id, state)
				r, err := w.machine.Cancel(t.Context(), id, "uid 0")
				if err != nil || r.State != registration.StateCancelled || !strings.Contains(r.FailureDetail, "uid 0") {
					t.Fatalf("cancelled: %s %q, %v", r.State, r.FailureDetail, err)
				}
				if got := fmt.Sprint(w.outbox.outcomes()); w.agent.stops != test.stops || got != test.reports {
					t.Errorf("portal stopped %d times, reported %s", w.agent.stops, got)
				}
				if _, err := w.machine.Cancel(t.Context(), id, "uid 0"); !errors.Is(err, registration.ErrEnded) {
					t.Errorf("cancelled again: %v", err)
				}
			})
		})
	}
}

func TestDeliveryDecidesTheEnd(t *testing.T) {
	for state, want := range map[delivery.State]registration.State{
		delivery.StateDelivered: registration.StateSucceeded, delivery.StateSuperseded: registration.StateSucceeded,
		delivery.StateRefused: registration.StateFailed, delivery.StatePending: registration.StateDelivering,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			id := w.register(registration.KindRegister).ID
			w.until(id, registration.StateDelivering)
			w.deliver(id, state)
			r, err := w.machine.Get(id)
			if err != nil || r.State != want || r.Delivery.State != state {
				t.Errorf("%s made it %s, %v", state, r.State, err)
			}
			if refused := state == delivery.StateRefused; refused !=
				(r.FailureReason == registration.ReasonDeliveryRefused) {
				t.Errorf("%s: failure reason %q", state, r.FailureReason)
			}
		})
	}
}

func TestOneActiveRegistrationPerUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.exit = nil
		var mu sync.Mutex
		ids, fresh := make(map[string]bool), 0
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				r, attached, err := w.machine.Start(t.Context(),
					registration.StartRequest{Kind: registration.KindRegister, User: jane})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if ids[r.ID] = true; !attached {
					fresh++
				}
			})
		}
		group.Wait()
		if len(ids) != 1 || fresh != 1 {
			t.Errorf("%d registrations, %d of them new", len(ids), fresh)
		}
	})
}

func TestStartWhileNothingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.stop()
		_, _, err := w.machine.Start(t.Context(),
			registration.StartRequest{Kind: registration.KindRegister, User: jane})
		if !errors.Is(err, registration.ErrShuttingDown) {
			t.Errorf("got %v", err)
		}
	})
}

func TestJournalKeepsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *registration.Config) { c.Kept = quota.Limits{PerUser: 3, Total: 3} })
		var last string
		for range 6 {
			last = w.register(registration.KindGather).ID
			w.until(last, registration.StateFailed)
			time.Sleep(time.Second) // synctest's clock
		}
		kept, err := w.machine.List(registration.Filter{})
		if err != nil || len(kept) != 3 || kept[0].ID != last {
			t.Errorf("kept %d, %v", len(kept), err)
		}
		if newest, err := w.machine.Newest(); err != nil || len(newest) != 1 || newest[0].Newest.ID != last {
			t.Errorf("newest is %+v, %v", newest, err)
		}
		if _, err := w.machine.Get(last[:35]); err != nil {
			t.Errorf("get by the beginning of an id: %v", err)
		}
		if _, err := w.machine.Get("0"); !errors.Is(err, registration.ErrAmbiguousID) {
			t.Errorf("get by the beginning of several ids: %v", err)
		}
		if _, err := w.machine.Get("x"); !errors.Is(err, registration.ErrNotFound) {
			t.Errorf("get an unknown id: %v", err)
		}
	})
}

// A journal that cannot be written holds the registration in its state: no side effect without its commit.
func TestNothingHappensWithoutItsCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("full")
		var mu sync.Mutex
		blocked := true
		w := newWorld(t, nil)
		w.stop()
		outbox := w.config.Outbox
		w.config.Outbox = enqueueFunc(func(tx *store.Tx, report delivery.Report) (delivery.Delivery, error) {
			mu.Lock()
			defer mu.Unlock()
			if blocked {
				return delivery.Delivery{}, full
			}
			return outbox.Enqueue(tx, report)
		})
		w.start()
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateReadingIdentity)
		synctest.Wait()
		if r, _ := w.machine.Get(id); r.State != registration.StateReadingIdentity || r.Identity != nil {
			t.Errorf("half of a transaction is in the journal: %+v", r)
		}
		mu.Lock()
		blocked = false
		mu.Unlock()
		w.stop()
		w.start()
		w.until(id, registration.StateDelivering)
	})
}

type enqueueFunc func(tx *store.Tx, report delivery.Report) (delivery.Delivery, error)

func (enqueueFunc) Undelivered(*store.Tx, uint32) ([]delivery.Delivery, error) { return nil, nil }

func (f enqueueFunc) Enqueue(tx *store.Tx, report delivery.Report) (delivery.Delivery, error) {
	return f(tx, report)
}

func TestEveryStateReachesAnEnd(t *testing.T) {
	all := []registration.State{
		"", registration.StatePreflight, registration.StateWaitingForSession, registration.StateLaunchingPortal,
		registration.StateWaitingForSignIn,
		registration.StateReadingIdentity, registration.StateDelivering, registration.StateSucceeded,
		registration.StateFailed, registration.StateCancelled,
	}
	for _, state := range all {
		if state == "" {
			continue
		}
		if _, known := usherv1.RegistrationState_value["REGISTRATION_STATE_"+string(state)]; !known {
			t.Errorf("the contract does not know %s", state)
		}
		if !state.Ended() && (!state.CanBecome(registration.StateFailed) ||
			!state.CanBecome(registration.StateCancelled)) {
			t.Errorf("%s cannot fail or be cancelled", state)
		}
		for _, next := range all {
			if state.Ended() && state.CanBecome(next) {
				t.Errorf("%s is an end and can become %s", state, next)
			}
			if state.CanBecome(next) && next == registration.StatePreflight {
				t.Errorf("%s can begin again", state)
			}
		}
	}
}
