package registration_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/registration"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

// Many watch, some slowly: each sees the states in their order, and the last one always.
func TestEveryWatcherSeesTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.exit = nil
		id := w.register(registration.KindRegister).ID
		order := registration.States()
		var watchers sync.WaitGroup
		for i := range 50 {
			watchers.Go(func() {
				var seen []registration.State
				err := w.machine.Watch(t.Context(), id, func(r registration.Registration) error {
					seen = append(seen, r.State)
					time.Sleep(time.Duration(i) * 100 * time.Millisecond) // synctest's clock
					return nil
				})
				inOrder := slices.IsSortedFunc(seen, func(a, b registration.State) int {
					return slices.Index(order, a) - slices.Index(order, b)
				})
				if err != nil || !inOrder || seen[len(seen)-1] != registration.StateSucceeded {
					t.Errorf("watcher %d saw %v, %v", i, seen, err)
				}
			})
		}
		w.until(id, registration.StateWaitingForSignIn)
		w.agent.mu.Lock()
		w.agent.exit = &usherv1.PortalExit{How: &usherv1.PortalExit_Code{}}
		close(w.agent.ended)
		w.agent.ended = make(chan struct{})
		w.agent.mu.Unlock()
		w.until(id, registration.StateDelivering)
		w.deliver(id, delivery.StateDelivered)
		watchers.Wait()
	})
}

func TestWatchEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.exit = nil
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSignIn)
		synctest.Wait() // for the milestones
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		calls := 0
		count := func(registration.Registration) error { calls++; return nil }
		if err := w.machine.Watch(ctx, id, count); !errors.Is(err, context.DeadlineExceeded) || calls != 1 {
			t.Errorf("%d calls, %v", calls, err)
		}
		broken := errors.New("stream broken")
		if err := w.machine.Watch(t.Context(), id, func(registration.Registration) error { return broken }); err !=
			broken {
			t.Errorf("got %v", err)
		}
		if err := w.machine.Watch(t.Context(), "none", count); !errors.Is(err, registration.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

// The registration of a delivery may have ended, be forgotten, or have a newer report.
func TestDeliveryOfARegistrationThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		r := w.until(w.register(registration.KindGather).ID, registration.StateFailed)
		change := func(d delivery.Delivery) (registration.Registration, error) {
			err := w.store.Update(func(tx *store.Tx) error { return w.machine.DeliveryChanged(tx, d) })
			now, getErr := w.machine.Get(r.ID)
			return now, errors.Join(err, getErr)
		}
		report := delivery.Report{RegistrationID: r.ID}
		now, err := change(delivery.Delivery{ID: r.Delivery.ID, Report: report, State: delivery.StatePending,
			Attempts: 3, LastError: "no network"})
		if err != nil || now.State != registration.StateFailed || now.Delivery.Attempts != 3 ||
			now.Delivery.LastError != "no network" || now.Revision <= r.Revision {
			t.Errorf("%s, %+v, %v", now.State, now.Delivery, err)
		}
		now, err = change(delivery.Delivery{ID: r.Delivery.ID, Report: report, State: delivery.StateRefused})
		if err != nil || now.FailureReason != registration.ReasonIdentityNotFound ||
			now.Delivery.State != delivery.StateRefused {
			t.Errorf("%s, %+v, %v", now.FailureReason, now.Delivery, err)
		}
		now, err = change(delivery.Delivery{ID: r.Delivery.ID + 1, Report: report, State: delivery.StateDelivered})
		if err != nil || now.Delivery.State != delivery.StateRefused {
			t.Errorf("another delivery changed it: %+v, %v", now.Delivery, err)
		}
		if _, err := change(delivery.Delivery{Report: delivery.Report{RegistrationID: "forgotten"},
			State: delivery.StateDelivered}); err != nil {
			t.Error(err)
		}
	})
}

// The real outbox, with two registrations of one user: the newer report replaces the older.
func TestWithTheRealOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.stop()
		opened, err := store.Open(filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		jamf := &deliverer{broken: errors.New("no route to Jamf Pro")}
		outbox := delivery.New(delivery.Config{Store: opened, Deliverer: jamf})
		w.config.Store, w.config.Outbox = opened, outbox
		w.config.Identities = observation.New(observation.Config{Store: opened})
		w.machine = registration.New(w.config)
		outbox.OnChange(w.machine.DeliveryChanged)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		running.Go(func() { w.machine.Run(ctx) })
		running.Go(func() { outbox.Run(ctx) })
		synctest.Wait()

		first := w.register(registration.KindGather).ID
		w.until(first, registration.StateFailed)
		second := w.register(registration.KindRegister).ID
		w.until(second, registration.StateDelivering)
		if r, _ := w.machine.Get(first); r.Delivery.State != delivery.StateSuperseded {
			t.Errorf("the older delivery is %s", r.Delivery.State)
		}
		time.Sleep(time.Hour) // synctest's clock
		if r, _ := w.machine.Get(second); r.State != registration.StateDelivering || r.Delivery.Attempts == 0 ||
			r.Delivery.LastError == "" {
			t.Errorf("%s, %+v", r.State, r.Delivery)
		}
		jamf.mend()
		w.until(second, registration.StateSucceeded)
	})
}

type deliverer struct {
	mu     sync.Mutex
	broken error
}

func (d *deliverer) Deliver(context.Context, delivery.Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken
}

func (d *deliverer) mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = nil
}

// With starts, cancels, restarts and lost agents in any order, every registration ends. The users do not get in each
// other's way, and no portal is launched twice.
func TestManyThingsAtOnce(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			w := newWorld(t, nil)
			for range 60 {
				time.Sleep(time.Duration(random.Int64N(int64(3 * time.Second)))) // synctest's clock
				a := w.agent
				switch random.IntN(6) {
				case 0, 1:
					var starts sync.WaitGroup
					for i := range 4 {
						kind := []registration.Kind{registration.KindRegister, registration.KindGather}[random.IntN(2)]
						starts.Go(func() {
							user := accounts.User{Name: fmt.Sprint("user ", i%2), UID: uint32(1501 + i%2)}
							if _, _, err := w.machine.Start(t.Context(),
								registration.StartRequest{Kind: kind, User: user}); err != nil {
								t.Error(err)
							}
						})
					}
					starts.Wait()
				case 2:
					if all, _ := w.machine.List(registration.Filter{Limit: 2}); len(all) > 0 {
						r := all[random.IntN(len(all))]
						if now, err := w.machine.Cancel(t.Context(), r.ID, "uid 0"); !errors.Is(err,
							registration.ErrEnded) && (err != nil || now.State != registration.StateCancelled) {
							t.Errorf("cancelled: %s, %v", now.State, err)
						}
					}
				case 3:
					w.stop()
					w.start()
				case 4:
					a.mu.Lock()
					if a.broken == nil {
						a.broken = status.Error(codes.Unavailable, "gone")
					} else {
						a.broken = nil
					}
					close(a.ended)
					a.ended = make(chan struct{})
					a.mu.Unlock()
				case 5:
					a.mu.Lock()
					a.exit = []*usherv1.PortalExit{nil, {How: &usherv1.PortalExit_Code{Code: random.Int32N(70)}},
						{}}[random.IntN(3)]
					a.registers = random.IntN(2) == 0
					a.identity = []func() []*usherv1.Evidence{registered,
						func() []*usherv1.Evidence { return nil }}[random.IntN(2)]
					a.mu.Unlock()
				}
			}
			time.Sleep(2 * time.Hour) // synctest's clock: every limit is over
			all, err := w.machine.List(registration.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range all {
				if !r.State.Ended() && r.State != registration.StateDelivering {
					t.Errorf("seed %d: %s hangs in %s", seed, r.ID, path(r))
				}
				if r.State == registration.StateFailed &&
					(r.FailureReason == "" || r.FailureReason == registration.ReasonInternal) {
					t.Errorf("seed %d: failed with %q: %s", seed, r.FailureReason, r.FailureDetail)
				}
				if w.agent.launches[r.ID] > 1 {
					t.Errorf("seed %d: launched %d times", seed, w.agent.launches[r.ID])
				}
				for i := range r.Transitions[1:] {
					if from, to := r.Transitions[i].State, r.Transitions[i+1].State; !from.CanBecome(to) {
						t.Errorf("seed %d: went from %s to %s", seed, from, to)
					}
				}
			}
		})
	}
}
