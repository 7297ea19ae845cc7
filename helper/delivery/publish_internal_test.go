package delivery

import (
	"maps"
	"path/filepath"
	"testing"
	"time"

	"usher.internal/helper/quota"
	"usher.internal/helper/store"
)

// If a fleet remains away, the oldest reports are given up, and counted; the count outlives a restart.
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
			t.Fatalf("%d are unpublished, %d counted, %d dropped, %v; want %d, and %d dropped", len(all), waiting,
				counted, err, count, dropped)
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

// While the fleet is away, one user's changes remove none of another's, and those of many users do not fill the disk.
func TestNoUserDropsAnothersChanges(t *testing.T) {
	defer func(before quota.Limits) { unpublishedLimits = before }(unpublishedLimits)
	unpublishedLimits = quota.Limits{PerUser: 20, Total: 40}
	journal, err := store.Open(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	outbox := New(Config{Store: journal, Publishes: func() bool { return true }})
	dropped := int64(0)
	flood := func(uid uint32, count int, want map[uint32]int) {
		t.Helper()
		err := journal.Update(func(tx *store.Tx) error {
			for range count {
				if _, err := outbox.Enqueue(tx, Report{UID: uid}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all, waiting, lost, err := outbox.Unpublished(1000)
		got := make(map[uint32]int)
		for _, one := range all {
			got[one.Report.UID]++
		}
		if dropped += int64(count); err != nil || !maps.Equal(got, want) || waiting != len(all) ||
			lost+int64(waiting) != dropped {
			t.Errorf("%v are unpublished, %d counted, %d dropped, %v; want %v", got, waiting, lost, err, want)
		}
	}
	flood(501, 3, map[uint32]int{501: 3})
	flood(666, 60, map[uint32]int{501: 3, 666: 20})
	flood(667, 60, map[uint32]int{501: 3, 666: 18, 667: 19})
	flood(668, 60, map[uint32]int{501: 3, 666: 12, 667: 12, 668: 13})
}
