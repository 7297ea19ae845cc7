package observation_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/observation"
	"usher.internal/helper/store"
	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

// Reports with a time in the future were made before the clock was set back. The heartbeat does not wait for those
// times, and a device that becomes another one is reported.
func TestClockThatWasSetBackDelaysNoReport(t *testing.T) {
	one, _ := registered(t, ofTheBubble)
	other, _ := registered(t, entra.Device{NotBefore: ofTheBubble.NotBefore})
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
		setBack := func() {
			t.Helper()
			kept, err := w.observer.Of(jane)
			if err != nil {
				t.Fatal(err)
			}
			kept.Reported.At = kept.Reported.At.AddDate(1, 0, 0)
			err = w.store.Update(func(tx *store.Tx) error {
				return store.NewBucket[observation.Observation]("observations").Put(tx, store.NumberKey(uint64(jane)),
					*kept)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		look(one)
		setBack()
		look(one)
		if got := fmt.Sprint(w.outbox.states()); got != "[REGISTERED]" {
			t.Errorf("reported %s", got)
		}
		// The heartbeat is late by no more than its own length.
		time.Sleep(7*24*time.Hour + time.Second)
		look(one)
		if got := fmt.Sprint(w.outbox.states()); got != "[REGISTERED REGISTERED]" {
			t.Errorf("reported %s", got)
		}
		look(one)
		if got := len(w.outbox.states()); got != 2 {
			t.Errorf("%d reports", got)
		}
		setBack()
		look(other)
		if got := w.outbox.reports; len(got) != 3 || got[2].DeviceIDChange == nil {
			t.Errorf("the change was not reported: %+v", got[len(got)-1])
		}
		time.Sleep(time.Second)
		look(other)
		if got := len(w.outbox.states()); got != 3 {
			t.Errorf("%d reports", got)
		}
	})
}

// A user who changes their keychain back and forth is reported once a minute at most, and with the final state in the
// end.
func TestUserWhoKeepsChangingIsReportedSoOften(t *testing.T) {
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
		for range 100 {
			look(nothing())
			look(good)
		}
		if got := len(w.outbox.states()); got != 60 {
			t.Errorf("%d reports", got)
		}
		look(nothing())
		time.Sleep(time.Hour)
		look(nothing())
		if states := w.outbox.states(); len(states) != 61 || states[60] != wpj.StateNotRegistered {
			t.Errorf("%d reports, the last %s", len(states), states[len(states)-1])
		}
	})
}
