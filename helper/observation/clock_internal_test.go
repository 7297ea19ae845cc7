package observation

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

// A clock that was set back hides no change of the device, and delays no report for longer than usual.
func TestClockThatWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		before, later := now.Add(-time.Hour), now.AddDate(4, 0, 0)
		heartbeat := 7 * 24 * time.Hour
		for name, test := range map[string]struct {
			changed, reported time.Time
			unreported        bool
		}{
			"as it should be, reported":       {before, before.Add(time.Second), false},
			"as it should be, unreported":     {before.Add(time.Second), before, true},
			"never reported":                  {before, time.Time{}, true},
			"set back, reported":              {later, later.Add(time.Second), false},
			"set back, unreported":            {later.Add(time.Second), later, true},
			"set back, never reported":        {later, time.Time{}, true},
			"set back after it was reported":  {before, later, false},
			"set back before it was reported": {later, before, true},
		} {
			kept := Observation{FirstLookedAt: later, Change: &delivery.DeviceIDChange{At: test.changed},
				Reported: Reported{At: test.reported}}
			capped := kept.capped(now)
			if unreported := capped.Unreported() != nil; unreported != test.unreported {
				t.Errorf("%s: unreported %t", name, unreported)
			}
			if capped.Reported.At.After(now) || capped.FirstLookedAt.After(now) || capped.Change.At.After(now) {
				t.Errorf("%s: %+v", name, capped)
			}
			// The next change is reported, whatever was reported at times that are now in the future.
			capped.Change = &delivery.DeviceIDChange{At: now}
			if capped.Unreported() == nil {
				t.Errorf("%s: the next change is hidden", name)
			}
		}

		// The journal's times are in the future; the report is due within one heartbeat.
		journal, err := store.Open(filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		defer journal.Close()
		observer := New(Config{Store: journal})
		err = journal.Update(func(tx *store.Tx) error {
			return observations.Put(tx, key(501),
				Observation{User: accounts.User{Name: "jane", UID: 501}, FirstLookedAt: later,
					Reported: Reported{At: later}})
		})
		if err != nil {
			t.Fatal(err)
		}
		keep := func() (kept Observation) {
			t.Helper()
			err := journal.Update(func(tx *store.Tx) error {
				kept, err = observer.Keep(tx, accounts.User{Name: "jane", UID: 501}, Reading{})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return kept
		}
		keep()
		time.Sleep(heartbeat)
		if since := time.Since(keep().Reported.At); since < heartbeat {
			t.Errorf("the last report is taken to be %s ago", since)
		}
	})
}
