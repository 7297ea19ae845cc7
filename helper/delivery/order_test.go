package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
)

// After any outage the server gets all waiting reports at once, with the oldest one.
func TestReportsOfAllUsersComeInOrderAfterAnOutage(t *testing.T) {
	for _, away := range []time.Duration{time.Second, 10 * time.Minute, 12 * time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var back atomic.Bool
				var took []string
				jamf := &deliverer{answer: func(_ context.Context, r delivery.Report) error {
					if !back.Load() {
						return errors.New("away")
					}
					took = append(took, r.RegistrationID)
					return nil
				}}
				b := newBench(t, jamf)
				defer b.stop()
				var want []string
				for uid := range uint32(4) {
					want = append(want, fmt.Sprint("of-", uid))
					b.enqueue(report(want[uid], 501+uid))
					time.Sleep(away / 4)
				}
				back.Store(true)
				time.Sleep(16 * time.Minute)
				synctest.Wait()
				if !slices.Equal(took, want[:1]) {
					t.Errorf("Jamf Pro took %v, want %v", took, want[:1])
				}
				for _, id := range want {
					if one := b.list()[id]; one.State != delivery.StateDelivered {
						t.Errorf("%s is %s", id, one.State)
					}
				}
			})
		})
	}
}

// A new report makes those before it due, and they go first; a pause that the server asked for still applies.
func TestNewReportMakesThoseBeforeItDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := error(&delivery.RetryError{After: 10 * time.Minute, Err: errors.New("429")})
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error { return answer }}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("older", 501))
		synctest.Wait()
		answer = nil
		b.enqueue(report("newer", 502))
		time.Sleep(10*time.Minute - time.Second)
		b.mustBe("older", delivery.StatePending, 1)
		b.mustBe("newer", delivery.StatePending, 0)
		time.Sleep(time.Second)
		synctest.Wait()
		b.mustBe("older", delivery.StateDelivered, 2)
		b.mustBe("newer", delivery.StateDelivered, 1)
		if ids := jamf.ids(); !slices.Equal(ids, []string{"older", "older"}) {
			t.Errorf("attempts: %v", ids)
		}
	})
}

// A report that Jamf Pro never takes, and never refuses for good, delays those of others by some hours, not for ever.
// Then it has ended: it must not come after them.
func TestReportThatNeverArrivesGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{answer: func(_ context.Context, r delivery.Report) error {
			if r.UID == 666 {
				return errors.New("500 for this report")
			}
			return nil
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("poison", 666), report("behind", 501), report("last", 502))
		time.Sleep(time.Hour)
		b.mustBe("behind", delivery.StatePending, 0)
		if poison, behind := b.list()["poison"],
			b.list()["behind"]; !behind.NextAttemptAt.Equal(poison.NextAttemptAt) ||
			!strings.Contains(behind.LastError, "an older report") {
			t.Errorf("what waits is due at %s, says %q, and the one before it is due at %s", behind.NextAttemptAt,
				behind.LastError, poison.NextAttemptAt)
		}
		time.Sleep(5 * time.Hour)
		b.mustBe("behind", delivery.StateDelivered, 1)
		b.mustBe("last", delivery.StateDelivered, 1)
		poison := b.mustBe("poison", delivery.StateSuperseded, 20)
		if !strings.Contains(poison.LastError, "took a newer report") ||
			!strings.Contains(poison.LastError, "500 for this report") {
			t.Errorf("it ended with %+v", poison)
		}
		before := len(jamf.ids())
		if due, err := b.outbox.Flush(); due != 0 || err != nil {
			t.Errorf("flushed %d, %v", due, err)
		}
		time.Sleep(24 * time.Hour)
		if now := len(jamf.ids()); now != before {
			t.Errorf("%d attempts after it had ended", now-before)
		}
	})
}

// A report that has given way is tried again before each attempt of those behind it.
func TestWhatHasGivenWayIsStillTriedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error { return errors.New("away") }}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("older", 501))
		time.Sleep(10 * time.Hour)
		before := len(jamf.ids())
		b.enqueue(report("newer", 502))
		time.Sleep(10 * time.Hour)
		ids := jamf.ids()[before:]
		newer := 0
		for i, id := range ids {
			if id != "newer" {
				continue
			}
			if newer++; i == 0 || ids[i-1] != "older" {
				t.Fatalf("attempts: %v", ids)
			}
		}
		if newer < 20 {
			t.Errorf("the newer was tried %d times: %v", newer, ids)
		}
	})
}

// A refused report blocks no other. If Jamf Pro took a newer one before an admin sends it again, it has ended.
func TestRefusedReportDoesNotFollowANewerOfAnotherUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fixed atomic.Bool
		jamf := &deliverer{answer: func(_ context.Context, r delivery.Report) error {
			if r.UID == 501 && !fixed.Load() {
				return &delivery.RefusedError{Err: errors.New("403")}
			}
			return nil
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("refused", 501))
		synctest.Wait()
		b.mustBe("refused", delivery.StateRefused, 1)
		b.enqueue(report("newer", 502))
		synctest.Wait()
		b.mustBe("newer", delivery.StateDelivered, 1)
		fixed.Store(true)
		if due, err := b.outbox.Flush(); due != 0 || err != nil {
			t.Errorf("flushed %d, %v", due, err)
		}
		time.Sleep(time.Hour)
		if ended := b.mustBe("refused", delivery.StateSuperseded, 1); !strings.Contains(ended.LastError, "403") {
			t.Errorf("it ended with %+v", ended)
		}
		if ids := jamf.ids(); !slices.Equal(ids, []string{"refused", "newer"}) {
			t.Errorf("attempts: %v", ids)
		}
	})
}

// Several that were refused, by a wrong secret for example, are sent with the oldest once that is fixed.
func TestRefusedReportsAreFlushedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fixed atomic.Bool
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error {
			if !fixed.Load() {
				return &delivery.RefusedError{Err: errors.New("401")}
			}
			return nil
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("a", 501), report("b", 502), report("c", 503))
		synctest.Wait()
		fixed.Store(true)
		if due, err := b.outbox.Flush(); due != 3 || err != nil {
			t.Errorf("flushed %d, %v", due, err)
		}
		synctest.Wait()
		if ids := jamf.ids()[3:]; !slices.Equal(ids, []string{"a"}) {
			t.Errorf("attempts: %v", ids)
		}
		for _, id := range []string{"a", "b", "c"} {
			b.mustBe(id, delivery.StateDelivered, 2)
		}
	})
}

// A refused report becomes pending again while a newer one is under way, and the newer arrives: the older must not
// follow it.
func TestFlushWhileANewerIsUnderWay(t *testing.T) {
	for _, superseded := range []bool{false, true} {
		t.Run(fmt.Sprint("superseded ", superseded), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hold := make(chan struct{})
				jamf := &deliverer{answer: func(_ context.Context, r delivery.Report) error {
					switch r.RegistrationID {
					case "older":
						return &delivery.RefusedError{Err: errors.New("403")}
					case "newer":
						<-hold
					}
					return nil
				}}
				b := newBench(t, jamf)
				defer b.stop()
				b.enqueue(report("older", 501))
				synctest.Wait()
				b.enqueue(report("newer", 502))
				synctest.Wait()
				if due, err := b.outbox.Flush(); due != 2 || err != nil {
					t.Errorf("flushed %d, %v", due, err)
				}
				want := []string{"older", "newer"}
				if superseded {
					b.enqueue(report("newest", 502))
					want = append(want, "newest")
				}
				close(hold)
				time.Sleep(time.Hour)
				if ids := jamf.ids(); !slices.Equal(ids, want) {
					t.Errorf("attempts: %v, want %v", ids, want)
				}
				b.mustBe("older", delivery.StateSuperseded, 1)
			})
		})
	}
}

// An usherd that let a newer report go first may have left an older one pending after a delivered one: it is not sent.
func TestJournalWithAPendingReportBeforeADeliveredOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{}
		b := newBench(t, jamf)
		b.stop()
		journal, err := store.Open(b.path)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		err = journal.Update(func(tx *store.Tx) error {
			for _, one := range []delivery.Delivery{
				{ID: 1, Report: report("older", 501), State: delivery.StatePending, CreatedAt: now, NextAttemptAt: now},
				{ID: 2, Report: report("refused", 503), State: delivery.StateRefused, CreatedAt: now, EndedAt: now,
					LastError: "403"},
				{ID: 3, Report: report("delivered", 502), State: delivery.StateDelivered, CreatedAt: now, EndedAt: now,
					Attempts: 1},
				{ID: 4, Report: report("newer", 501), State: delivery.StatePending, CreatedAt: now, NextAttemptAt: now},
			} {
				if err := store.NewBucket[delivery.Delivery]("deliveries").Put(tx, store.NumberKey(one.ID), one); err !=
					nil {
					return err
				}
			}
			return nil
		})
		if err = errors.Join(err, journal.Close()); err != nil {
			t.Fatal(err)
		}
		b = openBench(t, b.path, jamf)
		defer b.stop()
		synctest.Wait()
		b.mustBe("older", delivery.StateSuperseded, 0)
		b.mustBe("refused", delivery.StateSuperseded, 0)
		b.mustBe("newer", delivery.StateDelivered, 1)
		if ids := jamf.ids(); !slices.Equal(ids, []string{"newer"}) {
			t.Errorf("attempts: %v", ids)
		}
	})
}

// A crash between Jamf Pro's answer and its record does not break the order: nothing older follows the report that is
// sent again.
func TestCrashKeepsTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error { return errors.New("away") }}
		b := newBench(t, jamf)
		b.enqueue(report("a", 501), report("b", 502), report("c", 503))
		time.Sleep(time.Minute)
		b.stop()
		after := &deliverer{}
		b = openBench(t, b.path, after)
		defer b.stop()
		time.Sleep(time.Hour)
		if ids := after.ids(); !slices.Equal(ids, []string{"a"}) {
			t.Errorf("attempts: %v", ids)
		}
		for _, id := range []string{"a", "b", "c"} {
			if one := b.list()[id]; one.State != delivery.StateDelivered {
				t.Errorf("%s is %s", id, one.State)
			}
		}
	})
}

// A report that comes while an attempt is under way is not delivered with it: the attempt may have begun to write
// before.
func TestReportThatComesDuringAnAttemptHasItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		jamf := &deliverer{answer: func(_ context.Context, r delivery.Report) error {
			if r.RegistrationID == "first" {
				<-hold
			}
			return nil
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("first", 501))
		synctest.Wait()
		b.enqueue(report("waits", 502), report("waits too", 503))
		close(hold)
		synctest.Wait()
		b.mustBe("waits", delivery.StateDelivered, 1)
		b.mustBe("waits too", delivery.StateDelivered, 1)
		if ids := jamf.ids(); !slices.Equal(ids, []string{"first", "waits"}) {
			t.Errorf("attempts: %v", ids)
		}
	})
}
