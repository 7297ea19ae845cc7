package registration_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"

	"usher.internal/helper/delivery"
	"usher.internal/helper/registration"
	"usher.internal/helper/store"
)

// spoil replaces a value in a closed journal by bytes that are not JSON, as a bad block would.
func spoil(t *testing.T, path, bucket string, key []byte) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		values := tx.Bucket([]byte(bucket))
		if values.Get(key) == nil {
			return errors.New("there is no such value")
		}
		return values.Put(key, []byte(`{"id":`))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// The record of an active registration cannot be read: it ends with a reason, and its user can register.
func TestRecordOfAnActiveRegistrationIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(config *registration.Config) { config.Sessions = nobody{} })
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSession)
		w.stop()
		spoil(t, w.path, "registrations", []byte(id))
		w.start()
		r := w.until(id, registration.StateFailed)
		if r.FailureReason != registration.ReasonJournalDamaged || r.FailureDetail == "" || r.User.UID != jane.UID {
			t.Errorf("got %+v", r)
		}
		if next, attached, err := w.machine.Start(t.Context(),
			registration.StartRequest{Kind: registration.KindRegister, User: jane}); err != nil || attached {
			t.Errorf("%+v, attached %t, %v", next, attached, err)
		}
	})
}

// One bad value of an old registration made every new one end as INTERNAL.
func TestOldRecordThatCannotBeReadHarmsNoNewRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateDelivering)
		w.deliver(id, delivery.StateDelivered)
		w.stop()
		spoil(t, w.path, "registrations", []byte(id))
		w.start()
		if r := w.until(w.register(registration.KindRegister).ID, registration.StateDelivering,
			registration.StateFailed); r.State != registration.StateDelivering {
			t.Errorf("%s %s: %s", r.State, r.FailureReason, r.FailureDetail)
		}
		if damages, err := w.store.Damages(); err != nil || len(damages) != 1 {
			t.Errorf("%+v, %v", damages, err)
		}
	})
}

// The index entries of a registration are lost, and it continues.
func TestIndexesAreRestored(t *testing.T) {
	for _, index := range []string{"active", "newest"} {
		t.Run(index, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(config *registration.Config) { config.Sessions = nobody{} })
				id := w.register(registration.KindRegister).ID
				w.until(id, registration.StateWaitingForSession)
				w.stop()
				spoil(t, w.path, index, store.NumberKey(uint64(jane.UID)))
				w.start()
				again, attached, err := w.machine.Start(t.Context(),
					registration.StartRequest{Kind: registration.KindRegister, User: jane})
				if err != nil || !attached || again.ID != id {
					t.Errorf("%s, attached %t, %v", again.ID, attached, err)
				}
				newest, err := w.machine.Newest()
				if err != nil || !slices.ContainsFunc(newest,
					func(r registration.Latest) bool { return r.Newest.ID == id }) {
					t.Errorf("newest %+v, %v", newest, err)
				}
				if ended, err := w.machine.Cancel(t.Context(), id, "uid 0"); err != nil ||
					ended.State != registration.StateCancelled {
					t.Errorf("%+v, %v", ended, err)
				}
			})
		})
	}
}

// The delivery of a registration that is DELIVERING is lost: the result is delivered again.
func TestResultWithoutADeliveryIsDeliveredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateDelivering)
		w.stop()
		w.config.Outbox = enqueueFunc(w.outbox.Enqueue) // it has nothing in it
		w.start()
		if outcomes := w.outbox.outcomes(); !slices.Equal(outcomes, []string{"SUCCEEDED", "SUCCEEDED"}) {
			t.Errorf("reported %q", outcomes)
		}
		w.deliver(id, delivery.StateDelivered)
		w.until(id, registration.StateSucceeded)
	})
}

// The whole journal is lost while a client waits for a registration: the client gets an answer.
func TestWatcherOfALostRegistrationIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(config *registration.Config) { config.Sessions = nobody{} })
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSession)
		watched := make(chan error, 1)
		go func() {
			watched <- w.machine.Watch(t.Context(), id, func(registration.Registration) error { return nil })
		}()
		synctest.Wait()
		w.lose()
		if err := <-watched; !errors.Is(err, registration.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		w.until(w.register(registration.KindRegister).ID, registration.StateWaitingForSession)
	})
}
