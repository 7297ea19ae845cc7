package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deliverer answers each attempt as the test says, and records the attempts.
type deliverer struct {
	answer func(ctx context.Context, report delivery.Report) error

	mutex    sync.Mutex
	attempts []attempt
	underWay map[uint32]int
	most     int
	overlap  bool
}

type attempt struct {
	id string
	at time.Time
}

func (d *deliverer) Deliver(ctx context.Context, report delivery.Report) error {
	d.mutex.Lock()
	d.attempts = append(d.attempts, attempt{report.RegistrationID, time.Now()})
	if d.underWay == nil {
		d.underWay = map[uint32]int{}
	}
	d.overlap = d.overlap || d.underWay[report.UID] > 0
	d.underWay[report.UID]++
	all := 0
	for _, n := range d.underWay {
		all += n
	}
	d.most = max(d.most, all)
	d.mutex.Unlock()
	defer func() {
		d.mutex.Lock()
		d.underWay[report.UID]--
		d.mutex.Unlock()
	}()
	if d.answer == nil {
		return nil
	}
	return d.answer(ctx, report)
}

func (d *deliverer) ids() []string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	var ids []string
	for _, one := range d.attempts {
		ids = append(ids, one.id)
	}
	return ids
}

func (d *deliverer) times() []time.Time {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	var times []time.Time
	for _, one := range d.attempts {
		times = append(times, one.at)
	}
	return times
}

// bench is an outbox with a journal of its own; it lives in a synctest bubble.
type bench struct {
	t      *testing.T
	path   string
	store  *store.Store
	outbox *delivery.Outbox
	log    bytes.Buffer
	stop   func()

	mutex   sync.Mutex
	changes []delivery.Delivery
	refuse  error // the answer of the hook
}

// changed returns the changes that the hook has received since the last call, and sets its answer from now on.
func (b *bench) changed(refuse error) []delivery.Delivery {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	changes := b.changes
	b.changes, b.refuse = nil, refuse
	return changes
}

// longest makes the jitter predictable: always the maximum.
func longest(most time.Duration) time.Duration { return most }

func newBench(t *testing.T, with *deliverer) *bench {
	return openBench(t, filepath.Join(t.TempDir(), "journal"), with)
}

func openBench(t *testing.T, path string, with *deliverer, changes ...func(*delivery.Config)) *bench {
	t.Helper()
	journal, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, path: path, store: journal}
	config := delivery.Config{
		Store: journal, Deliverer: with, Random: longest,
		Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	b.outbox = delivery.New(config)
	b.outbox.OnChange(func(_ *store.Tx, d delivery.Delivery) error {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		b.changes = append(b.changes, d)
		return b.refuse
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	running := false
	b.stop = func() {
		cancel()
		if running {
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
			running = false
		}
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	}
	go func() { ended <- b.outbox.Run(ctx) }()
	running = true
	return b
}

func report(id string, uid uint32) delivery.Report {
	return delivery.Report{RegistrationID: id, UID: uid, UserName: "jane", Outcome: "SUCCEEDED"}
}

func (b *bench) enqueue(reports ...delivery.Report) {
	b.t.Helper()
	for _, one := range reports {
		err := b.store.Update(func(tx *store.Tx) error {
			_, err := b.outbox.Enqueue(tx, one)
			return err
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// list returns the result of List(true), by registration id.
func (b *bench) list() map[string]delivery.Delivery {
	b.t.Helper()
	all, err := b.outbox.List(true, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	byID := map[string]delivery.Delivery{}
	for _, one := range all {
		byID[one.Report.RegistrationID] = one
	}
	return byID
}

func (b *bench) mustBe(id string, state delivery.State, attempts int) delivery.Delivery {
	b.t.Helper()
	one := b.list()[id]
	if one.State != state || one.Attempts != attempts {
		b.t.Errorf("%s is %s after %d attempts, want %s after %d", id, one.State, one.Attempts, state, attempts)
	}
	pending, over := one.State == delivery.StatePending,
		one.State == delivery.StateDelivered || one.State == delivery.StateSuperseded
	if one.EndedAt.IsZero() != pending || one.NextAttemptAt.IsZero() != over {
		b.t.Errorf("%s is %s with the end %v and the next attempt %v", id, one.State, one.EndedAt, one.NextAttemptAt)
	}
	return one
}

func TestReportIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("a", 501))
		synctest.Wait()
		b.mustBe("a", delivery.StateDelivered, 1)
		if changes := b.changed(nil); len(changes) != 1 || changes[0].State != delivery.StateDelivered {
			t.Errorf("changes: %+v", changes)
		}
		time.Sleep(24 * time.Hour)
		if ids := jamf.ids(); len(ids) != 1 {
			t.Errorf("attempts: %v", ids)
		}
	})
}

func TestNothingIsEnqueuedByATransactionThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{}
		b := newBench(t, jamf)
		defer b.stop()
		undone := errors.New("undone")
		err := b.store.Update(func(tx *store.Tx) error {
			if _, err := b.outbox.Enqueue(tx, report("a", 501)); err != nil {
				t.Error(err)
			}
			return undone
		})
		synctest.Wait()
		if !errors.Is(err, undone) || len(b.list()) != 0 || len(jamf.ids()) != 0 {
			t.Errorf("%v, %v, %v", err, b.list(), jamf.ids())
		}
	})
}

func TestNewerReportSupersedesWhatIsUndelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		jamf := &deliverer{}
		jamf.answer = func(_ context.Context, r delivery.Report) error {
			switch {
			case r.RegistrationID == "refused":
				return &delivery.RefusedError{Err: errors.New("no")}
			case !back.Load():
				return errors.New("away")
			}
			return nil
		}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("refused", 501))
		synctest.Wait()
		b.mustBe("refused", delivery.StateRefused, 1)
		b.enqueue(report("other", 502))
		synctest.Wait()
		b.enqueue(report("pending", 501))
		synctest.Wait()
		b.mustBe("refused", delivery.StateSuperseded, 1)
		b.mustBe("other", delivery.StatePending, 2) // it is tried again before what is newer
		b.changed(nil)
		back.Store(true)
		b.enqueue(report("newest", 501))
		synctest.Wait()
		var changed []string
		for _, one := range b.changed(nil) {
			changed = append(changed, one.Report.RegistrationID+" "+string(one.State))
		}
		if got := strings.Join(changed, ", "); got !=
			"other PENDING, pending SUPERSEDED, other DELIVERED, newest DELIVERED" {
			t.Errorf("changes: %s", got)
		}
		time.Sleep(time.Minute)
		b.mustBe("refused", delivery.StateSuperseded, 1)
		b.mustBe("pending", delivery.StateSuperseded, 0) // it waited for that of another user, which came before it
		b.mustBe("other", delivery.StateDelivered, 3)
		b.mustBe("newest", delivery.StateDelivered, 1)
		// Superseded deliveries have ended, also for a flush.
		if due, err := b.outbox.Flush(); due != 0 || err != nil {
			t.Errorf("flushed %d, %v", due, err)
		}
	})
}

// The attempt of a report that was superseded meanwhile changes nothing, however it ends, and the newer report comes
// after it.
func TestReportThatIsSupersededWhileUnderWay(t *testing.T) {
	for name, end := range map[string]error{
		"delivered": nil, "failed": errors.New("away"), "refused": &delivery.RefusedError{Err: errors.New("no")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hold := make(chan struct{})
				jamf := &deliverer{}
				jamf.answer = func(_ context.Context, r delivery.Report) error {
					if r.RegistrationID == "older" {
						<-hold
						return end
					}
					return nil
				}
				b := newBench(t, jamf)
				defer b.stop()
				b.enqueue(report("older", 501))
				synctest.Wait()
				b.enqueue(report("newer", 501))
				time.Sleep(time.Hour)
				b.mustBe("older", delivery.StateSuperseded, 0)
				b.mustBe("newer", delivery.StatePending, 0)
				close(hold)
				synctest.Wait()
				b.mustBe("older", delivery.StateSuperseded, 0)
				b.mustBe("newer", delivery.StateDelivered, 1)
				if ids := jamf.ids(); jamf.overlap || !slices.Equal(ids, []string{"older", "newer"}) {
					t.Errorf("attempts %v, overlapping: %v", ids, jamf.overlap)
				}
			})
		})
	}
}

func TestReportsGoOneAfterAnotherAndTheOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error { <-hold; return nil }}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("a", 501))
		synctest.Wait() // an attempt delivers all that waits when it begins
		b.enqueue(report("b", 502), report("c", 503), report("d", 504))
		synctest.Wait()
		if ids := jamf.ids(); !slices.Equal(ids, []string{"a"}) {
			t.Errorf("under way: %v", ids)
		}
		close(hold)
		synctest.Wait()
		// the others came before the attempt at b began
		if ids := jamf.ids(); jamf.most != 1 || !slices.Equal(ids, []string{"a", "b"}) {
			t.Errorf("attempts %v, %d at once", ids, jamf.most)
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			b.mustBe(id, delivery.StateDelivered, 1)
		}
	})
}

// Jamf Pro has one record of the computer. The content of one user's older report must not come after another's newer
// one.
func TestOlderReportDoesNotFollowANewerOfAnotherUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error {
			if !back.Load() {
				return errors.New("server away")
			}
			return nil
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("older", 501))
		synctest.Wait()
		time.Sleep(20 * time.Minute) // it has backed off by now
		back.Store(true)
		b.enqueue(report("newer", 502))
		synctest.Wait()
		time.Sleep(12 * time.Hour)
		ids := jamf.ids()
		b.mustBe("newer", delivery.StateDelivered, 1)
		if last := ids[len(ids)-1]; last != "older" { // the newer was delivered with it
			t.Errorf("the last attempt was at %q", last)
		}
		for _, one := range b.list() {
			if one.State == delivery.StatePending {
				t.Errorf("%s is still pending", one.Report.RegistrationID)
			}
		}
	})
}

func TestRefusedStaysVisibleUntilFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changedThere atomic.Bool
		jamf := &deliverer{answer: func(context.Context, delivery.Report) error {
			if changedThere.Load() {
				return nil
			}
			return &delivery.RefusedError{Err: errors.New("update this computer: 403\n" + strings.Repeat("x", 5000))}
		}}
		b := newBench(t, jamf)
		defer b.stop()
		b.enqueue(report("a", 501))
		time.Sleep(22 * time.Hour)
		refused := b.mustBe("a", delivery.StateRefused, 1)
		if !strings.HasPrefix(refused.LastError, "update this computer: 403 xx") || len(refused.LastError) > 1100 {
			t.Errorf("last error: %q", refused.LastError)
		}
		if listed, err := b.outbox.List(false, 10); err != nil || len(listed) != 1 {
			t.Errorf("listed %v, %v", listed, err)
		}
		b.outbox.NetworkChanged()
		time.Sleep(time.Hour)
		if ids := jamf.ids(); len(ids) != 1 {
			t.Errorf("attempts: %v", ids)
		}
		changedThere.Store(true)
		if due, err := b.outbox.Flush(); due != 1 || err != nil {
			t.Errorf("flushed %d, %v", due, err)
		}
		synctest.Wait()
		if delivered := b.mustBe("a", delivery.StateDelivered, 2); delivered.LastError != "" {
			t.Errorf("last error: %q", delivered.LastError)
		}
	})
}

func TestListIsNewestFirstAndHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamf := &deliverer{answer: func(_ context.Context, r delivery.Report) error {
			if r.UID == 501 {
				return &delivery.RefusedError{Err: errors.New("no")}
			}
			return nil
		}}
		b := newBench(t, jamf)
		defer b.stop()
		for range 205 {
			b.enqueue(report("x", 502))
			synctest.Wait()
		}
		b.enqueue(report("refused", 501))
		synctest.Wait()
		all, err := b.outbox.List(true, 0)
		if err != nil || len(all) != 201 {
			t.Fatalf("%d listed, %v", len(all), err)
		}
		if all[0].Report.RegistrationID != "refused" || all[1].ID != 205 || all[200].ID != 6 {
			t.Errorf("listed from %+v over %d to %d", all[0], all[1].ID, all[200].ID)
		}
		if some, err := b.outbox.List(true, 3); err != nil || len(some) != 3 || some[0].ID != 206 {
			t.Errorf("%+v, %v", some, err)
		}
	})
}

// A device change that was not delivered goes with the report that replaces its report.
func TestDeviceChangeOutlivesItsReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened, err := store.Open(filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		outbox := delivery.New(delivery.Config{Store: opened})
		enqueue := func(change *delivery.DeviceIDChange) (added delivery.Delivery) {
			t.Helper()
			if err := opened.Update(func(tx *store.Tx) (err error) {
				added, err = outbox.Enqueue(tx, delivery.Report{UID: 501, DeviceIDChange: change})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return added
		}
		enqueue(&delivery.DeviceIDChange{Old: "a", New: "b"})
		if got := enqueue(nil).Report.DeviceIDChange; got == nil || got.Old != "a" || got.New != "b" {
			t.Errorf("superseded by one without: %+v", got)
		}
		if got := enqueue(&delivery.DeviceIDChange{Old: "b", New: "c"}).Report.DeviceIDChange; got == nil ||
			got.Old != "a" || got.New != "c" {
			t.Errorf("superseded by another: %+v", got)
		}
	})
}
