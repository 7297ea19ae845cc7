package quota_test

import (
	"path/filepath"
	"testing"
	"time"

	"usher.internal/helper/quota"
	"usher.internal/helper/store"
)

var allowance = quota.NewAllowance("test-allowance", 3, time.Hour)

func TestAllowance(t *testing.T) {
	opened, err := store.Open(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		uid   uint32
		at    time.Duration // after noon
		again time.Duration // when the user may again; 0: it was allowed
	}{
		{501, 0, 0},
		{501, 10 * time.Minute, 0},
		{501, 20 * time.Minute, 0},
		{501, 30 * time.Minute, time.Hour},
		{502, 30 * time.Minute, 0},
		{501, time.Hour - 1, time.Hour},
		{501, time.Hour, 0},
		{501, time.Hour, 70 * time.Minute},
		// The clock is set back: times ahead of it have no effect.
		{501, -24 * time.Hour, 0},
		{501, -24 * time.Hour, 0},
		{501, -24 * time.Hour, 0},
		{501, -24 * time.Hour, -23 * time.Hour},
		// And it is set right again.
		{501, time.Hour, 0},
	} {
		err := opened.Update(func(tx *store.Tx) error {
			again, ok, err := allowance.Spend(tx, step.uid, noon.Add(step.at))
			if ok != (step.again == 0) || !ok && !again.Equal(noon.Add(step.again)) {
				t.Errorf("uid %d at %s: %t, again at %s", step.uid, step.at, ok, again)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
