package registration_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"usher.internal/helper/delivery"
	"usher.internal/helper/registration"
	"usher.internal/internal/earlier"
	usherv1 "usher.internal/proto/usher/v1"
)

// nobody is a Mac where nobody logs in.
type nobody struct{}

func (nobody) Await(ctx context.Context, _ uint32) (usherv1.UserAgentServiceClient, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// upgraded is a world whose journal another version left, on a Mac where nobody logs in again.
func upgraded(t *testing.T, version earlier.Version, edit func(path string)) *world {
	t.Helper()
	w := newWorld(t, func(config *registration.Config) { config.Sessions = nobody{} })
	w.stop()
	content, err := os.ReadFile(version.Journal(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(w.path)
	}
	recorded, err := time.Parse(time.DateOnly, version.Name)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(recorded.AddDate(0, 1, 0))) // in the bubble: upgraded a month later
	w.start()
	return w
}

// A registration that was under way when another version ended continues or ends with a reason. One that had ended is
// unchanged.
func TestJournalOfAnEarlierVersion(t *testing.T) {
	for _, version := range earlier.Versions(t) {
		t.Run(version.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := upgraded(t, version, nil)
				before, err := w.machine.List(registration.Filter{})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(40 * 24 * time.Hour)
				synctest.Wait()
				active := map[registration.State]bool{}
				for _, was := range before {
					now, err := w.machine.Get(was.ID)
					switch {
					case err != nil:
						t.Error(err)
					case was.State.Ended():
						if now.State != was.State || now.FailureReason != was.FailureReason ||
							len(now.Transitions) != len(was.Transitions) {
							t.Errorf("%s was %s %s and is %s %s", was.ID, was.State, was.FailureReason, now.State,
								now.FailureReason)
						}
					default:
						active[was.Transitions[len(was.Transitions)-1].State] = true
						if was.State == registration.StateDelivering {
							w.deliver(was.ID, delivery.StateDelivered)
							now, _ = w.machine.Get(was.ID)
						}
						if !now.State.Ended() || now.State == registration.StateFailed &&
							(now.FailureReason == "" || now.FailureReason == registration.ReasonInternal ||
								now.FailureDetail == "") {
							t.Errorf("%s was %s, and ended as %s, reason %q: %s", was.ID, was.State, now.State,
								now.FailureReason, now.FailureDetail)
						}
					}
				}
				if version.Name == "2026-11-27" && len(active) < 5 {
					t.Errorf("the journal has registrations under way in %v only", active)
				}
				w.register(registration.KindRegister) // there is room for new ones
			})
		})
	}
}

// A word that this version does not know, in a journal of its own schema, is not damage. Everything else is read. A
// registration in such a state ends, so that its user can register.
func TestWordsOfALaterVersion(t *testing.T) {
	version := earlier.Versions(t)[0]
	synctest.Test(t, func(t *testing.T) {
		changed := 0
		w := upgraded(t, version, func(path string) {
			editRegistrations(t, path, func(r map[string]any) {
				if r["state"] == "WAITING_FOR_SESSION" || r["state"] == "WAITING_FOR_SIGN_IN" {
					r["state"], r["kind"] = "GUIDING_THE_USER", "KEEP"
					changed++
				}
			})
		})
		if changed < 2 {
			t.Fatalf("%d registrations were changed", changed)
		}
		all, err := w.machine.List(registration.Filter{})
		if err != nil || len(all) < 20 {
			t.Fatalf("%d registrations are read, %v", len(all), err)
		}
		time.Sleep(40 * 24 * time.Hour)
		synctest.Wait()
		if all, err = w.machine.List(registration.Filter{}); err != nil {
			t.Fatal(err)
		}
		ended := 0
		for _, r := range all {
			if r.Kind != "KEEP" {
				continue
			}
			if r.State != registration.StateFailed || r.FailureReason != registration.ReasonInternal ||
				r.FailureDetail == "" {
				t.Errorf("%s is %s, %s: %s", r.ID, r.State, r.FailureReason, r.FailureDetail)
			}
			ended++
			started, attached, err := w.machine.Start(t.Context(),
				registration.StartRequest{Kind: registration.KindRegister, User: r.User})
			if err != nil || attached {
				t.Errorf("%s registers again: %+v, attached %t, %v", r.User.Name, started.State, attached, err)
			}
		}
		if ended != changed {
			t.Errorf("%d of %d ended", ended, changed)
		}
	})
}

// editRegistrations changes registrations as they are in a journal.
func editRegistrations(t *testing.T, path string, edit func(map[string]any)) {
	t.Helper()
	db, err := bolt.Open(filepath.Clean(path), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte("registrations"))
		edited := map[string][]byte{}
		err := bucket.ForEach(func(key, value []byte) error {
			var r map[string]any
			if err := json.Unmarshal(value, &r); err != nil {
				return err
			}
			edit(r)
			content, err := json.Marshal(r)
			edited[string(key)] = content
			return err
		})
		for key, value := range edited {
			if err == nil {
				err = bucket.Put([]byte(key), value)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
