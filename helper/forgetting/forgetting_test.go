package forgetting_test

import (
	"errors"
	"path/filepath"
	"testing"

	"usher.internal/helper/forgetting"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

var kept = store.NewBucket[string]("kept")

// keeper keeps a text for each uid, and fails to forget one.
type keeper struct{ fails uint32 }

func (k keeper) Forget(tx *store.Tx, user accounts.User) (int, error) {
	if user.UID == k.fails {
		return 0, errors.New("it is in use")
	}
	return 1, kept.Delete(tx, store.NumberKey(uint64(user.UID)))
}

// Either all data is removed, or nothing.
func TestForgettingIsOneTransaction(t *testing.T) {
	journal, err := store.Open(filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	err = journal.Update(func(tx *store.Tx) error {
		return errors.Join(kept.Put(tx, store.NumberKey(501), "jane"), kept.Put(tx, store.NumberKey(502), "john"))
	})
	if err != nil {
		t.Fatal(err)
	}
	left := func() (names []string) {
		err := journal.View(func(tx *store.Tx) error {
			for one, err := range kept.Ascend(tx) {
				if err != nil {
					return err
				}
				names = append(names, one)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	called := 0
	forgetterOf := func(fails uint32) *forgetting.Forgetter {
		return forgetting.New(forgetting.Config{
			Store: journal, Registrations: keeper{}, Deliveries: keeper{fails: fails},
			More:      []func(*store.Tx, accounts.User) error{func(*store.Tx, accounts.User) error { return nil }},
			Forgotten: func() { called++ },
		})
	}
	both := []accounts.User{{Name: "jane", UID: 501}, {Name: "john", UID: 502}}
	if removed, err := forgetterOf(502).Forget(both...); err == nil || removed != (forgetting.Removed{}) ||
		len(left()) != 2 || called != 0 {
		t.Errorf("%+v, %v; left are %q", removed, err, left())
	}
	if removed, err := forgetterOf(0).Forget(both...); err != nil ||
		removed != (forgetting.Removed{Registrations: 2, Deliveries: 2}) || len(left()) != 0 || called != 1 {
		t.Errorf("%+v, %v; left are %q", removed, err, left())
	}
}
