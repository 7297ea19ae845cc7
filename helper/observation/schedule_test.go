package observation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/store"
	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

func TestWatcherLooksAtLoginAndAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.run()()
		synctest.Wait()
		w.logins.login(jane, w.agent)
		synctest.Wait()
		if got := w.agent.count(); got != 1 {
			t.Fatalf("looked %d times at login", got)
		}
		began := time.Now()
		for looks := 2; looks < 12; looks++ {
			for w.agent.count() < looks {
				time.Sleep(time.Minute) // of the bubble's
				synctest.Wait()
			}
			if took := time.Since(began); took < 4*time.Hour+47*time.Minute || took > 7*time.Hour+13*time.Minute {
				t.Errorf("looked again after %s", took)
			}
			began = time.Now()
		}
		// A session that connects for another user causes no new look at this one.
		other := &agent{}
		w.logins.login(jane+1, other)
		synctest.Wait()
		if w.agent.count() != 11 || other.count() != 1 {
			t.Errorf("looked %d and %d times", w.agent.count(), other.count())
		}
		w.observer.LookSoon(jane, 999)
		synctest.Wait()
		if w.agent.count() != 12 || other.count() != 1 {
			t.Errorf("asked for, looked %d and %d times", w.agent.count(), other.count())
		}
	})
}

func TestWatcherThatIsNotAutomatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *observation.Config) {
			c.Settings = func() observation.Settings { return observation.Settings{Interval: time.Hour} }
		})
		defer w.run()()
		session := w.logins.login(jane, w.agent)
		w.observer.LookSoon(jane)
		time.Sleep(48 * time.Hour)
		if got := w.agent.count(); got != 0 {
			t.Errorf("looked %d times", got)
		}
		if o, err := w.observer.Look(t.Context(), session); err != nil || o.Identity.State != wpj.StateNotRegistered {
			t.Errorf("asked: %+v, %v", o, err)
		}
	})
}

func TestWatcherReportsChanges(t *testing.T) {
	good, _ := registered(t, ofTheBubble)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		session := w.logins.login(jane, w.agent)
		look := func(evidence wpj.Evidence) {
			t.Helper()
			w.agent.answers(evidence)
			if _, err := w.observer.Look(t.Context(), session); err != nil {
				t.Fatal(err)
			}
		}
		for _, evidence := range []wpj.Evidence{nothing(), nothing(), locked(), nothing(), good, good, locked(), good} {
			look(evidence)
		}
		if got := fmt.Sprint(w.outbox.states()); got != "[NOT_REGISTERED REGISTERED]" {
			t.Errorf("reported %s", got)
		}
		time.Sleep(6 * 24 * time.Hour)
		look(good)
		if got := len(w.outbox.states()); got != 2 {
			t.Errorf("%d reports before the heartbeat", got)
		}
		time.Sleep(25 * time.Hour)
		look(locked())
		look(locked())
		if got := fmt.Sprint(w.outbox.states()); got != "[NOT_REGISTERED REGISTERED UNREADABLE]" {
			t.Errorf("after the heartbeat reported %s", got)
		}
	})
}

// A report of a registration is not superseded by one that says less: that one waits, and is made when the first has
// arrived.
func TestWatcherWaitsForRegistrations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.active = true
		defer w.run()()
		w.logins.login(jane, w.agent)
		synctest.Wait()
		if got := w.outbox.states(); len(got) != 0 || w.agent.count() != 1 {
			t.Fatalf("reported %v while a registration is under way", got)
		}
		w.active = false
		pending := delivery.Delivery{Report: delivery.Report{RegistrationID: "r", UID: jane},
			State: delivery.StatePending}
		w.outbox.undelivered = []delivery.Delivery{pending}
		w.observer.LookSoon(jane)
		synctest.Wait()
		if got := w.outbox.states(); len(got) != 0 {
			t.Fatalf("reported %v before a registration's report had arrived", got)
		}
		change := func(d delivery.Delivery) {
			t.Helper()
			if err := w.store.Update(func(tx *store.Tx) error { w.observer.DeliveryChanged(tx, d); return nil }); err !=
				nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		change(pending) // an attempt that failed
		looks := w.agent.count()
		w.outbox.undelivered = nil
		pending.State = delivery.StateDelivered
		change(pending)
		if got := w.outbox.states(); !slices.Equal(got, []wpj.State{wpj.StateNotRegistered}) ||
			w.agent.count() != looks+1 {
			t.Errorf("reported %v, looked %d times", got, w.agent.count())
		}
		change(delivery.Delivery{Report: delivery.Report{UID: jane}, State: delivery.StateDelivered})
		if w.agent.count() != looks+1 {
			t.Error("a look's own report has led to a look")
		}
	})
}

// An agent that hangs delays no other user's look, and its look ends; an error is not an observation.
func TestWatcherIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.run()()
		w.agent.hang = true
		broken, fine := &agent{err: errors.New("no")}, &agent{}
		fine.answers(nothing())
		began := time.Now()
		session := w.logins.login(jane, w.agent)
		w.logins.login(jane+1, broken)
		w.logins.login(jane+2, fine)
		synctest.Wait()
		if all, err := w.observer.All(); err != nil || len(all) != 1 || all[0].User.UID != jane+2 {
			t.Errorf("%+v, %v", all, err)
		}
		if _, err := w.observer.Look(t.Context(), session); err == nil || time.Since(began) != time.Minute {
			t.Errorf("the look ended with %v after %s", err, time.Since(began))
		}
	})
}

// hold has the next look wait until the function that it returns is called.
func (a *agent) hold() (release func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	held := make(chan struct{})
	a.held = held
	return func() {
		a.mu.Lock()
		a.held = nil
		a.mu.Unlock()
		close(held)
	}
}

// A look under way has seen the state at its beginning: a request during it gets another look.
func TestWatcherLooksAgainAfterALookUnderWay(t *testing.T) {
	good, _ := registered(t, ofTheBubble)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.run()()
		release := w.agent.hold()
		w.logins.login(jane, w.agent)
		synctest.Wait()
		w.agent.answers(good)
		w.observer.LookSoon(jane)
		w.observer.LookSoon(jane)
		synctest.Wait()
		if w.agent.count() != 1 {
			t.Errorf("%d looks at a time", w.agent.count())
		}
		release()
		synctest.Wait()
		if got := fmt.Sprint(w.outbox.states()); got != "[NOT_REGISTERED REGISTERED]" || w.agent.count() != 2 {
			t.Errorf("reported %s, looked %d times", got, w.agent.count())
		}
	})
}

// A user who logs out during a look, and in again, is looked at in their new session.
func TestWatcherLooksAtANewSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.run()()
		old := &agent{err: errors.New("the session has ended")}
		release := old.hold()
		w.logins.login(jane, old)
		synctest.Wait()
		time.Sleep(time.Second)
		w.logins.login(jane, w.agent)
		synctest.Wait()
		time.Sleep(time.Minute) // the old look's
		release()
		synctest.Wait()
		if old.count() != 1 || w.agent.count() != 1 {
			t.Errorf("looked %d times at the old session and %d times at the new one", old.count(), w.agent.count())
		}
		if o, err := w.observer.Of(jane); err != nil || o == nil {
			t.Errorf("%+v, %v", o, err)
		}
		time.Sleep(time.Second)
		w.logins.login(jane, w.agent)
		synctest.Wait()
		if w.agent.count() != 2 {
			t.Errorf("looked %d times after another login", w.agent.count())
		}
	})
}

// A caller who asks for a look and goes away takes nothing from those who wait for the same one.
func TestCallerThatGoesAwayDoesNotEndTheLookOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		release := w.agent.hold()
		session := w.logins.login(jane, w.agent)
		var looks sync.WaitGroup
		looks.Go(func() {
			if _, err := w.observer.Look(ctx, session); !errors.Is(err, context.Canceled) {
				t.Errorf("caller that has gone: %v", err)
			}
		})
		synctest.Wait()
		for range 3 {
			looks.Go(func() {
				if o, err := w.observer.Look(t.Context(), session); err != nil ||
					o.Identity.State != wpj.StateNotRegistered {
					t.Errorf("who waits: %s, %v", o.Identity.State, err)
				}
			})
		}
		stop := w.run() // and so does the look at login
		synctest.Wait()
		cancel()
		release()
		looks.Wait()
		synctest.Wait()
		if got := w.agent.count(); got < 2 || got > 3 { // the first caller looks, the others join
			t.Errorf("looked %d times", got)
		}
		stop()
	})
}

func TestRunReturnsWhenItsLooksHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		release := w.agent.hold()
		w.logins.login(jane, w.agent)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.observer.Run(ctx) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("ended with %v while a look was under way", err)
		default:
		}
		release()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if o, err := w.observer.Of(jane); o != nil || err != nil {
			t.Errorf("a look that was broken off was kept: %+v, %v", o, err)
		}
	})
}

// An identity that was never known is reported once the heartbeat is due, as unknown.
func TestWatcherReportsThatItNeverKnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.run()()
		w.agent.answers(locked())
		w.logins.login(jane, w.agent)
		time.Sleep(6 * 24 * time.Hour)
		synctest.Wait()
		if got := w.outbox.states(); len(got) != 0 {
			t.Errorf("reported %v before the heartbeat", got)
		}
		time.Sleep(2 * 24 * time.Hour)
		synctest.Wait()
		if got := w.outbox.states(); !slices.Equal(got, []wpj.State{wpj.StateUnreadable}) {
			t.Errorf("reported %v after the heartbeat", got)
		}
	})
}

// Another device is reported with its change, once.
func TestWatcherReportsTheChangeOfTheDevice(t *testing.T) {
	first, one := registered(t, ofTheBubble)
	second, other := registered(t, ofTheBubble)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		session := w.logins.login(jane, w.agent)
		for _, evidence := range []wpj.Evidence{first, second, second, nothing()} {
			time.Sleep(time.Minute)
			w.agent.answers(evidence)
			if _, err := w.observer.Look(t.Context(), session); err != nil {
				t.Fatal(err)
			}
		}
		if got := fmt.Sprint(w.outbox.states()); got != "[REGISTERED REGISTERED NOT_REGISTERED]" {
			t.Fatalf("reported %s", got)
		}
		if w.outbox.reports[0].DeviceIDChange != nil || w.outbox.reports[2].DeviceIDChange != nil {
			t.Errorf("a change that was none, or was reported: %+v", w.outbox.reports)
		}
		change := w.outbox.reports[1].DeviceIDChange
		if change == nil || string(change.Old) != one.Device.DeviceID || string(change.New) != other.Device.DeviceID {
			t.Errorf("change %+v", change)
		}
		if report := w.outbox.reports[1]; report.UID != jane || report.UserName != "jane" ||
			report.RegistrationID != "" || report.Outcome != "" {
			t.Errorf("report %+v", report)
		}
	})
}

// An observation that cannot be written is not reported, and the user is looked at again.
func TestWatcherReportsNothingThatItCannotKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		full := errors.New("full")
		w.outbox.err = full
		session := w.logins.login(jane, w.agent)
		if _, err := w.observer.Look(t.Context(), session); !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
		if o, err := w.observer.Of(jane); o != nil || err != nil {
			t.Errorf("kept %+v, %v", o, err)
		}
		w.outbox.err = nil
		if o, err := w.observer.Look(t.Context(), session); err != nil || o.Identity.State != wpj.StateNotRegistered ||
			len(w.outbox.states()) != 1 {
			t.Errorf("%+v, %v", o, err)
		}
	})
}

// Jamf Pro's last answer remains in force while it cannot be asked.
func TestObserverAsksJamfPro(t *testing.T) {
	good, issued := registered(t, ofTheBubble)
	synctest.Test(t, func(t *testing.T) {
		said := wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.Found, Compliance: &wpj.Compliance{
			Applicable: true, State: "COMPLIANT", DeviceIDs: []wpj.DeviceID{wpj.DeviceID(issued.Device.DeviceID)}}}
		away := wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleUnavailable}
		answer := away
		w := newWorld(t, func(c *observation.Config) {
			c.JamfPro = func(context.Context) (wpj.Evidence, bool) { return answer, true }
		})
		session := w.logins.login(jane, w.agent)
		w.agent.answers(good)
		for _, step := range []struct {
			answer wpj.Evidence
			want   wpj.State
		}{{away, wpj.StateRegistered}, {said, wpj.StateCompliant}, {away, wpj.StateCompliant},
			{wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.NotThere}, wpj.StateRegistered}} {
			answer = step.answer
			o, err := w.observer.Look(t.Context(), session)
			if err != nil || o.Identity.State != step.want {
				t.Errorf("%s: %s, want %s, %v", step.answer.Finding, o.Identity.State, step.want, err)
			}
		}
	})
}

// ofTheBubble has a certificate that is valid in synctest's year 2000.
var ofTheBubble = entra.Device{NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
	NotAfter: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)}
