package registration_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"usher.internal/helper/delivery"
	"usher.internal/helper/quota"
	"usher.internal/helper/registration"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
)

var john = accounts.User{Name: "john", UID: 1502}

// rounds has a user who is not logged in start and cancel a gathering so many times.
func (w *world) rounds(user accounts.User, count int) (last string) {
	w.t.Helper()
	for range count {
		r, _, err := w.machine.Start(w.t.Context(),
			registration.StartRequest{Kind: registration.KindGather, User: user})
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.machine.Cancel(w.t.Context(), r.ID, "uid 1502"); err != nil {
			w.t.Fatal(err)
		}
		last = r.ID
	}
	return last
}

// historyOf returns the ids of a user's registrations, the newest first.
func (w *world) historyOf(user accounts.User) (ids []string) {
	w.t.Helper()
	all, err := w.machine.List(registration.Filter{UID: &user.UID})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range all {
		if r.User.UID != user.UID {
			w.t.Errorf("%s is of uid %d", r.ID, r.User.UID)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

func TestNoUserErasesAnothersHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		first := w.register(registration.KindRegister).ID
		w.until(first, registration.StateDelivering)
		w.deliver(first, delivery.StateDelivered)
		w.agent.loggedIn = make(chan struct{})
		w.rounds(john, 210)
		if ids := w.historyOf(jane); !slices.Equal(ids, []string{first}) {
			t.Errorf("Jane's history is %v", ids)
		}
		if ids := w.historyOf(john); len(ids) != 200 {
			t.Errorf("John has %d registrations", len(ids))
		}
		if got := fmt.Sprint(w.outbox.outcomes()); got != "[SUCCEEDED]" {
			t.Errorf("reported %s", got)
		}
		if all, err := w.machine.List(registration.Filter{}); err != nil || len(all) != 201 {
			t.Errorf("%d are kept, %v", len(all), err)
		}
	})
}

func TestHistoryOfAllUsersIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *registration.Config) { c.Kept = quota.Limits{PerUser: 5, Total: 12} })
		w.agent.loggedIn = make(chan struct{})
		mine := w.rounds(jane, 1)
		for uid := range uint32(20) {
			w.rounds(accounts.User{Name: fmt.Sprint("user ", uid), UID: 2000 + uid}, 5)
		}
		if all, err := w.machine.List(registration.Filter{}); err != nil || len(all) != 12 {
			t.Errorf("%d are kept, %v", len(all), err)
		}
		// A registration that is under way is kept, whatever others do.
		active := w.register(registration.KindRegister).ID
		for uid := range uint32(20) {
			w.rounds(accounts.User{Name: fmt.Sprint("user ", uid), UID: 3000 + uid}, 5)
		}
		if r, err := w.machine.Get(active); err != nil || r.State.Ended() {
			t.Errorf("the one under way is %s, %v", r.State, err)
		}
		if _, err := w.machine.Get(mine); !errors.Is(err, registration.ErrNotFound) {
			t.Errorf("the oldest of all: %v", err)
		}
	})
}

// A journal that is older than the separate histories keeps its registrations, and divides them by user.
func TestHistoryOfBeforeIsDivided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.loggedIn = make(chan struct{})
		w.rounds(jane, 3)
		w.rounds(john, 9)
		w.rounds(jane, 2)
		before := w.historyOf(jane)
		w.stop()
		db, err := bolt.Open(w.path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bolt.Tx) error {
			return errors.Join(tx.DeleteBucket([]byte("registrations-of")),
				tx.Bucket([]byte("meta")).Delete([]byte("contents:registrations-of")))
		})
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		w.config.Kept = quota.Limits{PerUser: 6, Total: 100}
		w.start()
		if after := w.historyOf(jane); len(after) != 5 || !slices.Equal(after, before) {
			t.Errorf("Jane had %v and has %v", before, after)
		}
		if ids := w.historyOf(john); len(ids) != 6 {
			t.Errorf("John has %v", ids)
		}
	})
}

func TestStartsOfAUserAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.loggedIn = make(chan struct{})
		start := func(user accounts.User, limited bool) (registration.Registration, bool, error) {
			return w.machine.Start(t.Context(),
				registration.StartRequest{Kind: registration.KindGather, User: user, Limited: limited})
		}
		cancel := func(r registration.Registration) {
			t.Helper()
			if _, err := w.machine.Cancel(t.Context(), r.ID, "uid 1502"); err != nil {
				t.Fatal(err)
			}
		}
		refused := func(user accounts.User, says string) {
			t.Helper()
			if _, _, err := start(user, true); !errors.Is(err, registration.ErrTooManyStarts) ||
				!strings.Contains(err.Error(), says) {
				t.Fatalf("started: %v; want %q", err, says)
			}
		}
		w.rounds(john, 30) // of root, for John
		begun := time.Now()
		for range 20 {
			r, _, err := start(john, true)
			if err != nil {
				t.Fatal(err)
			}
			if _, attached, err := start(john, true); !attached || err != nil {
				t.Errorf("attached %t, %v", attached, err)
			}
			cancel(r)
			time.Sleep(time.Minute) // synctest's clock
		}
		refused(john, "possible at "+begun.Add(time.Hour).Local().Format(time.TimeOnly)+", in 40m")
		// Neither a restart nor another kind changes that.
		w.stop()
		w.start()
		refused(john, "has started 20")
		if _, _, err := w.machine.Start(t.Context(),
			registration.StartRequest{Kind: registration.KindRegister, User: john, Limited: true}); !errors.Is(err,
			registration.ErrTooManyStarts) {
			t.Error(err)
		}
		// Others may start, and so may callers without a limit. A registration under way can be attached to.
		if r, _, err := start(jane, true); err != nil {
			t.Error(err)
		} else {
			cancel(r)
		}
		r, _, err := start(john, false)
		if err != nil {
			t.Fatal(err)
		}
		if same, attached, err := start(john, true); !attached || same.ID != r.ID || err != nil {
			t.Errorf("attached %t, %v", attached, err)
		}
		cancel(r)
		time.Sleep(time.Until(begun.Add(time.Hour - time.Second)))
		refused(john, "in 1s")
		time.Sleep(time.Second)
		if r, _, err := start(john, true); err != nil {
			t.Error(err)
		} else {
			cancel(r)
		}
		refused(john, "in 1m")
	})
}

// Starts in the future were recorded before the clock was set back. They limit nobody.
func TestClockThatWasSetBackLimitsNobody(t *testing.T) {
	type spent struct {
		UID uint32      `json:"uid"`
		At  []time.Time `json:"at"`
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		err := w.store.Update(func(tx *store.Tx) error {
			for _, uid := range []uint32{john.UID, 4711} {
				stored := spent{uid, slices.Repeat([]time.Time{time.Now().AddDate(1, 0, 0)}, 20)}
				if err := store.NewBucket[spent]("starts").Put(tx, store.NumberKey(uint64(uid)), stored); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.machine.Start(t.Context(),
			registration.StartRequest{Kind: registration.KindGather, User: john, Limited: true}); err != nil {
			t.Error(err)
		}
		err = w.store.View(func(tx *store.Tx) error {
			for one, err := range store.NewBucket[spent]("starts").Ascend(tx) {
				if err != nil || one.UID != john.UID || len(one.At) != 1 {
					t.Errorf("kept: %+v, %v", one, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Ids are in the order in which registrations began, and unique, even if the clock is set back and the newest id is
// years ahead.
func TestIDsWhenTheClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *registration.Config) { c.Kept = quota.Limits{PerUser: 3, Total: 3} })
		w.agent.loggedIn = make(chan struct{})
		w.rounds(jane, 1)
		ahead := "0f000000-0000-7fff-bfff-ffffffffffff" // of the year 2492
		err := w.store.Update(func(tx *store.Tx) error {
			r := registration.Registration{ID: ahead, Kind: registration.KindGather, User: john,
				State: registration.StateCancelled}
			return store.NewBucket[registration.Registration]("registrations").Put(tx, []byte(ahead), r)
		})
		if err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.start()
		last, known := ahead, map[string]bool{ahead: true}
		for range 10 {
			for _, user := range []accounts.User{jane, john} {
				id := w.rounds(user, 1)
				if known[id] || id <= last {
					t.Fatalf("%s came after %s", id, last)
				}
				last, known[id] = id, true
			}
		}
		if all, err := w.machine.List(registration.Filter{}); err != nil || len(all) != 3 || all[0].ID != last {
			t.Errorf("kept %d, %v", len(all), err)
		}
	})
}

// An end that says nothing about a user is reported neither to Jamf Pro nor to the fleet.
func TestEndsThatSayNothingAreNotReported(t *testing.T) {
	loggedOut := func(w *world) { w.agent.loggedIn = make(chan struct{}) }
	cancelled := func(w *world, r registration.Registration) {
		if _, err := w.machine.Cancel(w.t.Context(), r.ID, "uid 1501"); err != nil {
			w.t.Fatal(err)
		}
	}
	ends := func(w *world, r registration.Registration) { w.until(r.ID, registration.StateFailed) }
	for name, test := range map[string]struct {
		kind    registration.Kind
		known   bool // Jane was looked at before
		prepare func(*world)
		until   registration.State
		end     func(*world, registration.Registration)
		want    string
	}{
		"gathering of nobody, cancelled": {registration.KindGather, false, loggedOut,
			registration.StateWaitingForSession, cancelled, "[]"},
		"gathering of nobody, in vain": {registration.KindGather, false, loggedOut,
			registration.StateWaitingForSession, ends, "[]"},
		"gathering of somebody known, cancelled": {registration.KindGather, true, loggedOut,
			registration.StateWaitingForSession, cancelled, "[]"},
		"gathering of somebody known, in vain": {registration.KindGather, true, loggedOut,
			registration.StateWaitingForSession, ends, "[FAILED]"},
		"gathering that finds nothing": {registration.KindGather, false, func(*world) {},
			registration.StateFailed, ends, "[FAILED]"},
		"registering, cancelled before the user came": {registration.KindRegister, false, loggedOut,
			registration.StateWaitingForSession, cancelled, "[CANCELLED]"},
		"registering of somebody known, cancelled then": {registration.KindRegister, true, loggedOut,
			registration.StateWaitingForSession, cancelled, "[CANCELLED]"},
		"registering, the user did not come": {registration.KindRegister, false, loggedOut,
			registration.StateWaitingForSession, ends, "[FAILED]"},
		"registering, cancelled in Company Portal": {registration.KindRegister, false,
			func(w *world) { w.agent.exit = nil },
			registration.StateWaitingForSignIn, cancelled, "[CANCELLED]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				if test.known {
					w.agent.identity = registered
					r := w.register(registration.KindGather)
					w.until(r.ID, registration.StateDelivering)
					w.deliver(r.ID, "DELIVERED")
					w.outbox.outcomes() // it waits
					w.outbox.reports = nil
				}
				test.prepare(w)
				r := w.register(test.kind)
				w.until(r.ID, test.until)
				test.end(w, r)
				if got := fmt.Sprint(w.outbox.outcomes()); got != test.want {
					t.Errorf("reported %s, want %s", got, test.want)
				}
				if r, err := w.machine.Get(r.ID); err != nil || (r.Delivery == nil) != (test.want == "[]") {
					t.Errorf("its delivery is %+v, %v", r.Delivery, err)
				}
			})
		})
	}
}

// However often a user gathers, the end of registering remains known, also in a journal from before that was kept.
func TestGatheringsDoNotHideTheLastRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *registration.Config) { c.Kept = quota.Limits{PerUser: 5, Total: 12} })
		reported := func(want string) {
			t.Helper()
			latest, err := w.machine.Newest()
			if err != nil || len(latest) != 1 {
				t.Fatalf("%+v, %v", latest, err)
			}
			var got string
			if latest[0].Reported != nil {
				got = latest[0].Reported.ID
			}
			if got != want {
				t.Errorf("the reported one is %q, want %q", got, want)
			}
		}
		w.agent.loggedIn = make(chan struct{})
		w.rounds(jane, 1)
		reported("")
		registered := w.register(registration.KindRegister).ID
		reported("") // it is the newest
		if _, err := w.machine.Cancel(t.Context(), registered, "uid 0"); err != nil {
			t.Fatal(err)
		}
		w.rounds(jane, 9)
		reported(registered)
		w.stop()
		db, err := bolt.Open(w.path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bolt.Tx) error {
			return errors.Join(tx.DeleteBucket([]byte("reported")),
				tx.Bucket([]byte("meta")).Delete([]byte("contents:reported")))
		})
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		w.start()
		reported(registered)
	})
}

func TestForgottenRegistrationsAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.loggedIn = make(chan struct{})
		w.rounds(jane, 3)
		w.rounds(john, 2)
		active := w.register(registration.KindRegister).ID
		forget := func() (removed int, err error) {
			err = w.store.Update(func(tx *store.Tx) error {
				removed, err = w.machine.Forget(tx, jane)
				return err
			})
			return removed, err
		}
		if _, err := forget(); !errors.Is(err, registration.ErrUnderWay) || !strings.Contains(err.Error(), active) ||
			len(w.historyOf(jane)) != 4 {
			t.Errorf("while one is under way: %v", err)
		}
		if _, err := w.machine.Cancel(t.Context(), active, "uid 0"); err != nil {
			t.Fatal(err)
		}
		if removed, err := forget(); removed != 4 || err != nil {
			t.Errorf("removed %d, %v", removed, err)
		}
		if left, others := w.historyOf(jane), w.historyOf(john); len(left) != 0 || len(others) != 2 {
			t.Errorf("left are %v, and of John %v", left, others)
		}
		if latest, err := w.machine.Newest(); err != nil || len(latest) != 1 || latest[0].Newest.User != john {
			t.Errorf("newest are %+v, %v", latest, err)
		}
		w.stop()
		w.start() // nothing is missing
		if again := w.register(registration.KindGather); again.State != registration.StatePreflight {
			t.Errorf("she begins again with %+v", again)
		}
	})
}
