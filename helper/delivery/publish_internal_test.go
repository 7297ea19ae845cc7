package delivery

import (
	"path/filepath"
	"testing"
	"time"

	"usher.internal/helper/store"
)

// Of a fleet that stays away the oldest reports are given up, and counted; the count outlives a restart.
func TestUnpublishedAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	var journal *store.Store
	var outbox *Outbox
	open := func() {
		t.Helper()
		var err error
		if journal, err = store.Open(path); err != nil {
			t.Fatal(err)
		}
		outbox = New(Config{Store: journal, Publishes: func() bool { return true }})
	}
	next := uint64(1)
	enqueue := func(count int) {
		t.Helper()
		err := journal.Update(func(tx *store.Tx) error {
			for range count {
				if err := outbox.keepUnpublished(tx, next, Report{UID: 501}, time.Now()); err != nil {
					return err
				}
				next++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	mustBe := func(first uint64, count int, dropped int64) {
		t.Helper()
		all, waiting, counted, err := outbox.Unpublished(unpublishedLimits.PerUser + 1)
		if err != nil || len(all) != count || waiting != count || counted != dropped {
			t.Fatalf("%d are unpublished, %d counted, %d dropped, %v; want %d, and %d dropped", len(all), waiting, counted, err, count, dropped)
		}
		for i, one := range all {
			if one.ID != first+uint64(i) {
				t.Fatalf("%d is in the place of %d", one.ID, first+uint64(i))
			}
		}
	}
	open()
	enqueue(unpublishedLimits.PerUser + 5)
	mustBe(6, unpublishedLimits.PerUser, 5)
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	open()
	defer func() {
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	}()
	mustBe(6, unpublishedLimits.PerUser, 5)
	if err := outbox.Published(5, 6, 7); err != nil { // the first was given up
		t.Fatal(err)
	}
	mustBe(8, unpublishedLimits.PerUser-2, 5)
	enqueue(3) // there is room for two
	mustBe(9, unpublishedLimits.PerUser, 6)
}
