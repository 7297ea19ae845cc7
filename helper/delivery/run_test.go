package delivery_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
)

func gaps(times []time.Time) []time.Duration {
	var found []time.Duration
	for i := 1; i < len(times); i++ {
		found = append(found, times[i].Sub(times[i-1]))
	}
	return found
}

func TestBackoffDoublesUpToItsCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error { return errors.New("away") }}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("a", 501))
		time.Sleep(12 * time.Hour)
		got := gaps(jamf.times())
		if len(got) < 45 {
			t.Fatalf("only %d attempts", len(got))
		}
		want := 2 * time.Second
		for i, gap := range got {
			if gap != want {
				t.Fatalf("gap %d is %v, want %v", i, gap, want)
			}
			want = min(2*want, 15*time.Minute)
		}
	})
}

func TestJitterIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error { return errors.New("away") }}
		b := newBench(t, jamf)
		defer b.stop()
		// A second outbox over the same journal, with the real jitter. Only this one runs from now on.
		b.stop()
		journal, err := store.Open(b.path)
		if err != nil {
			t.Fatal(err)
		}
		b.store, b.outbox = journal, delivery.New(delivery.Config{Store: journal, Deliverer: jamf})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.outbox.Run(ctx) }()
		b.stop = func() { cancel(); <-ended; journal.Close() }
		b.enqueue(report("a", 501))
		time.Sleep(2 * 24 * time.Hour)
		got := gaps(jamf.times())[10:]
		if longest := slices.Max(got); longest > 15*time.Minute || longest < 14*time.Minute {
			t.Errorf("longest gap %v of %d", longest, len(got))
		}
		if shortest := slices.Min(got); shortest > time.Minute {
			t.Errorf("shortest gap %v of %d", shortest, len(got))
		}
	})
}

func TestServersPauseIsALowerBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var after atomic.Int64
		after.Store(int64(10 * time.Minute))
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error {
			return &delivery.RetryError{After: time.Duration(after.Load()), Err: errors.New("429")}
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("a", 501))
		synctest.Wait()
		b.outbox.NetworkChanged() // is no reason to come earlier
		time.Sleep(10*time.Minute - time.Second)
		b.mustBe("a", delivery.StatePending, 1)
		time.Sleep(4 * time.Second)
		after.Store(int64(100 * time.Hour)) // is bounded
		b.mustBe("a", delivery.StatePending, 2)
		time.Sleep(12 * time.Minute)
		b.mustBe("a", delivery.StatePending, 3)
		time.Sleep(61 * time.Minute)
		b.mustBe("a", delivery.StatePending, 4)
		// By hand it goes at once.
		if due, err := b.outbox.Flush(); due != 1 || err != nil {
			t.Errorf("flushed %d, %v", due, err)
		}
		synctest.Wait()
		b.mustBe("a", delivery.StatePending, 5)
	})
}

func TestNetworkChangeBringsPendingForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error { return errors.New("away") }}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("a", 501))
		time.Sleep(5 * time.Hour)
		before := len(jamf.ids())
		time.Sleep(14*time.Minute - time.Since(jamf.times()[before-1]))
		b.outbox.NetworkChanged()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if now := len(jamf.ids()); now != before+1 {
			t.Fatalf("%d attempts in the 5 s after the change", now-before)
		}
		// A network that comes and goes every second does not cause an attempt every second.
		before = len(jamf.ids())
		for range 300 {
			b.outbox.NetworkChanged()
			time.Sleep(time.Second)
		}
		if made := len(jamf.ids()) - before; made < 7 || made > 12 {
			t.Errorf("%d attempts in 5 min", made)
		}
		// And it does not delay the next change.
		time.Sleep(10 * time.Minute)
		before = len(jamf.ids())
		b.outbox.NetworkChanged()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if made := len(jamf.ids()) - before; made != 1 {
			t.Errorf("%d attempts in the 5 s after the last change", made)
		}
	})
}

func TestNetworkChangeWhileAnAttemptIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error { <-hold; return errors.New("away") }}
		b := newBench(t, jamf)
		defer b.stop()
		// As if it had failed often before.
		err := b.store.Update(func(tx *store.Tx) error {
			one, err := b.outbox.Enqueue(tx, report("a", 501))
			one.Attempts = 50
			return errors.Join(err, store.NewBucket[delivery.Delivery]("deliveries").Put(tx, store.NumberKey(one.ID),
				one))
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		b.outbox.NetworkChanged()
		synctest.Wait()
		close(hold)
		time.Sleep(6 * time.Second)
		b.mustBe("a", delivery.StatePending, 52)
	})
}

func TestEndOfRunCancelsTheAttemptAndDoesNotCountIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{answer: func(ctx context.Context,
			_ delivery.Report) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		b := newBench(t, jamf)
		b.enqueue(report("a", 501))
		synctest.Wait()
		b.stop()
		again := openBench(t, b.path,
			&deliverer{answer: func(context.Context, delivery.Report) error { return errors.New("away") }})
		defer again.stop()
		synctest.Wait()
		if one := again.mustBe("a", delivery.StatePending, 1); one.LastError != "away" {
			t.Errorf("the cancelled attempt was recorded: %+v", one)
		}
	})
}

func TestAttemptsOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error { return errors.New("away") }}
		b := newBench(t, jamf)
		b.enqueue(report("a", 501))
		time.Sleep(20 * time.Second) // after 0, 2, 6, 14 s; the next is due at 30 s
		before := b.mustBe("a", delivery.StatePending, 4)
		b.stop()
		b = openBench(t, b.path, jamf)
		defer b.stop()
		synctest.Wait()
		if after := b.mustBe("a", delivery.StatePending, 4); !after.NextAttemptAt.Equal(before.NextAttemptAt) ||
			after.LastError != "away" {
			t.Errorf("before %+v, after %+v", before, after)
		}
		time.Sleep(11 * time.Second)
		b.mustBe("a", delivery.StatePending, 5)
	})
}

// A crash between the server's answer and the commit leaves the journal as it was: the test copies it at that moment.
func TestCrashBetweenAttemptAndRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{}
		b := newBench(t, jamf)
		defer b.stop()
		left := filepath.Join(t.TempDir(), "left")
		jamf.answer = func(context.Context, delivery.Report) error {
			journal, err := os.ReadFile(b.path)
			return errors.Join(err, os.WriteFile(left, journal, 0o600))
		}
		b.enqueue(report("a", 501))
		synctest.Wait()
		b.mustBe("a", delivery.StateDelivered, 1)
		after := &deliverer{}
		restarted := openBench(t, left, after)
		defer restarted.stop()
		synctest.Wait()
		restarted.mustBe("a", delivery.StateDelivered, 1)
		if ids := after.ids(); !slices.Equal(ids, []string{"a"}) {
			t.Errorf("attempts after the crash: %v", ids)
		}
	})
}

func TestJournalThatCannotBeWrittenIsTriedAgainWithoutDeliveringAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{}
		b := newBench(t, jamf)
		defer b.stop()
		b.changed(store.ErrFull)
		b.enqueue(report("a", 501))
		time.Sleep(time.Hour)
		synctest.Wait()
		b.mustBe("a", delivery.StatePending, 0)
		if tries := len(b.changed(nil)); tries > 70 || tries < 50 {
			t.Errorf("%d tries in an hour", tries)
		}
		time.Sleep(time.Minute)
		b.mustBe("a", delivery.StateDelivered, 1)
		if ids := jamf.ids(); len(ids) != 1 {
			t.Errorf("delivered %d times", len(ids))
		}
	})
}

func TestClockThatWasSetBackDoesNotHoldADelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{}
		b := newBench(t, jamf)
		defer b.stop()
		err := b.store.Update(func(tx *store.Tx) error {
			one, err := b.outbox.Enqueue(tx, report("a", 501))
			one.NextAttemptAt = time.Now().AddDate(5, 0, 0)
			return errors.Join(err, store.NewBucket[delivery.Delivery]("deliveries").Put(tx, store.NumberKey(one.ID),
				one))
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.mustBe("a", delivery.StateDelivered, 1)
	})
}
