package delivery_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/delivery"
)

// refusing refuses until the test says otherwise, like a Jamf Pro whose API client lacks a privilege.
func refusing() (jamf *deliverer, fix func()) {
	var fixed atomic.Bool
	return &deliverer{answer: func(context.Context, delivery.Report) error {
		if !fixed.Load() {
			return &delivery.RefusedError{Err: errors.New("403")}
		}
		return nil
	}}, func() { fixed.Store(true) }
}

// An admin fixes the cause of a refusal in Jamf Pro, and no Mac learns of it.
func TestRefusedReportIsTriedAgainOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf, fix := refusing()
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("refused", 501))
		synctest.Wait()
		if refused := b.mustBe("refused", delivery.StateRefused,
			1); refused.NextAttemptAt.Before(time.Now().Add(24*time.Hour)) || refused.Report.Result() != "SUCCEEDED" {
			t.Errorf("it was refused: %+v", refused)
		}
		time.Sleep(3 * 24 * time.Hour)
		synctest.Wait()
		if times := jamf.times(); len(times) < 3 || len(times) > 4 || slices.Min(gaps(times)) < 24*time.Hour {
			t.Errorf("it was tried at %v", times)
		}
		tried := len(jamf.times())
		fix()
		time.Sleep(29 * time.Hour)
		synctest.Wait()
		b.mustBe("refused", delivery.StateDelivered, tried+1)
	})
}

// With a new configuration, secret or version of Jamf Pro, all refused reports are tried again, in order.
func TestRefusedReportsAreReconsidered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf, fix := refusing()
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("a", 501), report("b", 502))
		synctest.Wait()
		fix()
		if err := b.outbox.Reconsider(time.Minute); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.mustBe("a", delivery.StateRefused, 1) // a fleet does not come at once
		time.Sleep(time.Minute)
		synctest.Wait()
		if ids := jamf.ids()[2:]; !slices.Equal(ids, []string{"a", "b"}) {
			t.Errorf("attempts: %v", ids)
		}
		b.mustBe("a", delivery.StateDelivered, 2)
		b.mustBe("b", delivery.StateDelivered, 2)
		if err := b.outbox.Reconsider(time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour)
		if attempts := len(jamf.ids()); attempts != 4 {
			t.Errorf("%d attempts", attempts)
		}
	})
}

// A report that is under way again after a refusal waits like any other while the server is away.
func TestRefusedReportThatFailsOtherwiseIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error {
			switch tries.Add(1) {
			case 1:
				return &delivery.RefusedError{Err: errors.New("403")}
			case 2:
				return errors.New("503")
			}
			return nil
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("refused", 501))
		synctest.Wait()
		if err := b.outbox.Reconsider(time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		b.mustBe("refused", delivery.StatePending, 2)
		time.Sleep(time.Hour)
		synctest.Wait()
		b.mustBe("refused", delivery.StateDelivered, 3)
	})
}

// A change during an attempt is not lost: the attempt has begun before.
func TestReconsideredWhileAnAttemptIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var tries atomic.Int32
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error {
			if tries.Add(1) > 1 {
				return nil
			}
			<-hold
			return &delivery.RefusedError{Err: errors.New("403")}
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("refused", 501))
		time.Sleep(time.Second)
		if err := b.outbox.Reconsider(time.Minute); err != nil {
			t.Fatal(err)
		}
		close(hold)
		synctest.Wait()
		b.mustBe("refused", delivery.StateRefused, 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		b.mustBe("refused", delivery.StateDelivered, 2)
	})
}

// An attempt that failed because of this Mac, for example without a readable secret, does not wait for its back-off
// either.
func TestPendingReportIsReconsidered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fixed atomic.Bool
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error {
			if fixed.Load() {
				return nil
			}
			return errors.New("client secret file is not usable")
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("waits", 501))
		time.Sleep(time.Hour)
		synctest.Wait()
		fixed.Store(true)
		if err := b.outbox.Reconsider(0); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := b.list()["waits"].State; got != delivery.StateDelivered {
			t.Errorf("it is %s", got)
		}
	})
}

// The secret or the configuration has changed while usherd did not run.
func TestRefusedUnderOtherCircumstances(t *testing.T) {
	for name, test := range map[string]struct {
		after string
		want  delivery.State
	}{"changed": {"new secret", delivery.StateDelivered}, "as before": {"old secret", delivery.StateRefused}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := "old secret"
				jamf, fix := refusing()
				path := filepath.Join(t.TempDir(), "journal.db")
				b := openBench(t, path, jamf,
					func(c *delivery.Config) { c.Circumstances = func() string { return now } })
				b.enqueue(report("refused", 501))
				synctest.Wait()
				b.mustBe("refused", delivery.StateRefused, 1)
				b.stop()
				fix()
				now = test.after
				b = openBench(t, path, jamf,
					func(c *delivery.Config) { c.Circumstances = func() string { return now } })
				defer b.stop()
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if got := b.list()["refused"].State; got != test.want {
					t.Errorf("it is %s, want %s", got, test.want)
				}
			})
		})
	}
}
