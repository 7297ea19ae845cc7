package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
	"usher.internal/internal/wpj"
)

// toFleet is an outbox that reports to a fleet while on is set.
type toFleet struct {
	t      *testing.T
	path   string
	store  *store.Store
	outbox *delivery.Outbox
	on     bool
}

func newToFleet(t *testing.T) *toFleet {
	f := &toFleet{t: t, path: filepath.Join(t.TempDir(), "journal"), on: true}
	f.open()
	return f
}

func (f *toFleet) open() {
	f.t.Helper()
	opened, err := store.Open(f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	f.store = opened
	f.outbox = delivery.New(delivery.Config{Store: opened, Publishes: func() bool { return f.on }})
}

func (f *toFleet) close() {
	f.t.Helper()
	if err := f.store.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// enqueue puts so many reports into the outbox, in one transaction.
func (f *toFleet) enqueue(count int) {
	f.t.Helper()
	err := f.store.Update(func(tx *store.Tx) error {
		for range count {
			if _, err := f.outbox.Enqueue(tx, report("x", 501)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// mustBe checks the unpublished reports: from the first id to the last one, and how many were dropped.
func (f *toFleet) mustBe(first, last uint64, dropped int64) {
	f.t.Helper()
	all, waiting, counted, err := f.outbox.Unpublished(10_000)
	if err != nil {
		f.t.Fatal(err)
	}
	if counted != dropped || waiting != len(all) || len(all) != int(last+1-first) {
		f.t.Fatalf("%d are unpublished, %d counted, %d dropped; want %d to %d, and %d dropped", len(all), waiting,
			counted, first, last, dropped)
	}
	for i, one := range all {
		if one.ID != first+uint64(i) {
			f.t.Fatalf("%d is in the place of %d", one.ID, first+uint64(i))
		}
	}
}

func (f *toFleet) publish(ids ...uint64) {
	f.t.Helper()
	if err := f.outbox.Published(ids...); err != nil {
		f.t.Fatal(err)
	}
}

// history returns how many are in the history.
func (f *toFleet) history() int {
	f.t.Helper()
	all, err := f.outbox.List(true, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	return len(all)
}

// The fleet gets each report in order, whatever its result in Jamf Pro by then.
func TestReportIsUnpublishedWhateverBecomesOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newToFleet(t)
		defer func() { f.close() }()
		jamf := &deliverer{answer: func(_ context.Context, r delivery.Report) error {
			switch r.RegistrationID {
			case "refused":
				return &delivery.RefusedError{Err: errors.New("no")}
			case "superseded", "pending":
				return errors.New("away")
			}
			return nil
		}}
		f.outbox = delivery.New(delivery.Config{Store: f.store, Deliverer: jamf,
			Publishes: func() bool { return f.on }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.outbox.Run(ctx) }()
		b := &bench{t: t, store: f.store, outbox: f.outbox}
		want := []string{"superseded", "delivered", "refused", "pending"}
		for i, id := range want {
			b.enqueue(report(id, 501+uint32(i/2)))
			synctest.Wait()
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.mustBe("superseded", delivery.StateSuperseded, 1)
		b.mustBe("delivered", delivery.StateDelivered, 1)
		b.mustBe("refused", delivery.StateSuperseded, 1)
		b.mustBe("pending", delivery.StatePending, 1)
		before := b.list()

		all, waiting, _, err := f.outbox.Unpublished(3)
		var got []string
		for _, one := range all {
			got = append(got, one.Report.RegistrationID)
		}
		if err != nil || waiting != 4 || !slices.Equal(got, want[:3]) {
			t.Errorf("%v of %d are unpublished, %v", got, waiting, err)
		}
		f.close()
		f.open()
		f.mustBe(1, 4, 0)
		f.publish(2, 1)
		f.mustBe(3, 4, 0)
		f.publish(3, 4)
		f.mustBe(5, 4, 0)
		b.outbox = f.outbox
		if after := b.list(); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("reports for the fleet have changed the outbox: %v", after)
		}
	})
}

func TestNothingIsUnpublishedWithoutAFleet(t *testing.T) {
	f := newToFleet(t)
	defer f.close()
	f.on = false
	f.enqueue(3)
	f.mustBe(1, 0, 0)
	select {
	case <-f.outbox.Publishable():
		t.Error("there is something to publish")
	default:
	}
	f.on = true
	f.enqueue(1)
	f.mustBe(4, 4, 0)
	<-f.outbox.Publishable()
	f.publish(1, 2, 3, 99) // the fleet has none of these
	f.mustBe(4, 4, 0)
}

func TestNothingIsUnpublishedByATransactionThatFails(t *testing.T) {
	f := newToFleet(t)
	defer f.close()
	undone := errors.New("undone")
	err := f.store.Update(func(tx *store.Tx) error {
		if _, err := f.outbox.Enqueue(tx, report("x", 501)); err != nil {
			t.Error(err)
		}
		return undone
	})
	select {
	case <-f.outbox.Publishable():
		t.Error("there is something to publish")
	default:
	}
	if f.mustBe(1, 0, 0); !errors.Is(err, undone) {
		t.Error(err)
	}
}

// Reports for the fleet are beside the history of Jamf Pro's, which has its own limit.
func TestUnpublishedAreNoHistory(t *testing.T) {
	f := newToFleet(t)
	defer func() { f.close() }()
	f.enqueue(205)
	f.mustBe(1, 205, 0)
	if kept := f.history(); kept != 200 { // with the one that is pending
		t.Errorf("%d are in the history", kept)
	}
	f.close()
	f.open()
	f.publish(1, 2)
	f.mustBe(3, 205, 0)
	if kept := f.history(); kept != 200 {
		t.Errorf("%d are in the history", kept)
	}
}

// A fleet that is removed from the configuration and comes back gets the reports that it missed, unless it took long.
func TestFleetIsTurnedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newToFleet(t)
		defer f.close()
		f.enqueue(2)
		time.Sleep(20 * 24 * time.Hour)
		f.enqueue(2)
		f.on = false
		f.enqueue(1)
		f.mustBe(1, 4, 0)
		time.Sleep(20 * 24 * time.Hour)
		f.enqueue(1)
		f.mustBe(3, 4, 2)
		f.on = true
		f.enqueue(1)
		if _, waiting, dropped, err := f.outbox.Unpublished(0); waiting != 3 || dropped != 2 || err != nil {
			t.Errorf("%d wait, %d were dropped, %v", waiting, dropped, err)
		}
		// A fleet that is configured and away is another matter.
		time.Sleep(365 * 24 * time.Hour)
		f.enqueue(1)
		if _, waiting, dropped, err := f.outbox.Unpublished(0); waiting != 4 || dropped != 2 || err != nil {
			t.Errorf("%d wait, %d were dropped, %v", waiting, dropped, err)
		}
		f.on = false
		f.enqueue(1)
		f.mustBe(8, 8, 5)
	})
}

// A device change goes with each newer report until Jamf Pro has it; the fleet gets it once.
func TestFleetGetsADeviceChangeOnce(t *testing.T) {
	f := newToFleet(t)
	defer f.close()
	changes := []*delivery.DeviceIDChange{{Old: "a", New: "b"}, nil, {Old: "b", New: "c"}}
	for _, change := range changes {
		err := f.store.Update(func(tx *store.Tx) error {
			_, err := f.outbox.Enqueue(tx, delivery.Report{UID: 501, DeviceIDChange: change})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	all, _, _, err := f.outbox.Unpublished(10)
	if err != nil || len(all) != len(changes) {
		t.Fatalf("%v, %v", all, err)
	}
	for i, one := range all {
		got, want := one.Report.DeviceIDChange, changes[i]
		if (got == nil) != (want == nil) || got != nil && (got.Old != want.Old || got.New != want.New) {
			t.Errorf("%d reports %+v, want %+v", one.ID, got, want)
		}
	}
	if listed, err := f.outbox.List(false, 0); err != nil || len(listed) != 1 ||
		listed[0].Report.DeviceIDChange.Old != wpj.DeviceID("a") {
		t.Errorf("%+v, %v", listed, err)
	}
}
