package delivery_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// flood puts so many reports of a user into the outbox, in one transaction.
func (f *toFleet) flood(uid uint32, count int) {
	f.t.Helper()
	err := f.store.Update(func(tx *store.Tx) error {
		for range count {
			if _, err := f.outbox.Enqueue(tx, report("x", uid)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// unpublishedOf returns how many unpublished reports each user has.
func (f *toFleet) unpublishedOf() map[uint32]int {
	f.t.Helper()
	all, waiting, _, err := f.outbox.Unpublished(10_000)
	if err != nil || waiting != len(all) {
		f.t.Fatalf("%d are unpublished, %d counted, %v", len(all), waiting, err)
	}
	return counted(all)
}

func counted(all []delivery.Delivery) map[uint32]int {
	count := make(map[uint32]int)
	for _, one := range all {
		count[one.Report.UID]++
	}
	return count
}

func TestNoUserErasesAnothersDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &deliverer{})
		defer b.stop()
		b.enqueue(report("of Jane", 501))
		synctest.Wait()
		for range 210 {
			b.enqueue(report("x", 666))
			synctest.Wait()
		}
		b.mustBe("of Jane", delivery.StateDelivered, 1)
		all, err := b.outbox.List(true, 0)
		if got := counted(all); err != nil || got[501] != 1 || got[666] != 200 {
			t.Errorf("the history has %v, %v", got, err)
		}
		if last, err := b.outbox.LastDelivered(); err != nil || !last.Equal(all[0].EndedAt) {
			t.Errorf("the last was delivered at %s, %v", last, err)
		}
	})
}

// A delivery that has not ended is kept, whatever comes after it.
func TestUndeliveredIsNeverForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, &deliverer{answer: func(context.Context, delivery.Report) error { return errors.New("away") }})
		defer b.stop()
		b.enqueue(report("of Jane", 501))
		for range 250 {
			b.enqueue(report("x", 666))
		}
		synctest.Wait()
		if one := b.list()["of Jane"]; one.State != delivery.StatePending {
			t.Errorf("Jane's is %q", one.State)
		}
	})
}

// A journal that is older than the separate histories keeps its deliveries, and divides them by user.
func TestHistoryOfBeforeIsDivided(t *testing.T) {
	f := newToFleet(t)
	defer func() { f.close() }()
	f.flood(501, 150)
	f.flood(502, 60)
	before, err := f.outbox.List(true, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.close()
	db, err := bolt.Open(f.path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		return errors.Join(tx.DeleteBucket([]byte("deliveries-of")), meta.Delete([]byte("contents:deliveries-of")),
			tx.DeleteBucket([]byte("unpublished-of")), meta.Delete([]byte("contents:unpublished-of")))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	f.open()
	f.flood(502, 1)
	after, err := f.outbox.List(true, 0)
	if err != nil || len(after) != len(before)+1 || counted(after)[501] != 150 {
		t.Errorf("%d of %d are left, %v", len(after)-1, len(before), err)
	}
	if got := f.unpublishedOf(); got[501] != 150 || got[502] != 61 {
		t.Errorf("unpublished: %v", got)
	}
	f.publish(1, 2, 200)
	if got := f.unpublishedOf(); got[501] != 148 || got[502] != 60 {
		t.Errorf("unpublished: %v", got)
	}
}

func TestForgottenDeliveriesAreGone(t *testing.T) {
	f := newToFleet(t)
	f.flood(501, 3)
	f.flood(502, 2)
	err := f.store.Update(func(tx *store.Tx) error {
		if removed, err := f.outbox.Forget(tx, accounts.User{Name: "jane", UID: 501}); removed != 3 || err != nil {
			t.Errorf("removed %d, %v", removed, err)
		}
		removed, err := f.outbox.Forget(tx, accounts.User{Name: "john", UID: 501})
		if removed != 0 {
			t.Errorf("of nobody %d were removed", removed)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	left := func() {
		t.Helper()
		all, err := f.outbox.List(true, 0)
		if count := counted(all); err != nil || len(count) != 1 || count[502] != 2 {
			t.Errorf("left are %v, %v", count, err)
		}
		if unpublished := f.unpublishedOf(); len(unpublished) != 1 || unpublished[502] != 2 {
			t.Errorf("unpublished are %v", unpublished)
		}
	}
	left()
	f.close()
	f.open()
	left()
	f.flood(501, 1)
	f.close()
}
