package sessions

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type agent struct{ usherv1.UserAgentServiceClient }

func session(uid uint32) *entry {
	return &entry{Session: Session{User: accounts.User{UID: uid}, Agent: agent{}}, gone: make(chan struct{})}
}

// Nobody is on the console of the machines that tests run on.
func TestWhoseMacItIs(t *testing.T) {
	if uid, ok := accounts.Console(); ok {
		t.Fatalf("uid %d is on the console of this computer", uid)
	}
	registry := New(Config{Logger: slog.New(slog.DiscardHandler)})
	if _, err := registry.Foremost(); !errors.Is(err, ErrNoSession) {
		t.Errorf("with nobody: %v", err)
	}
	jane, john := session(1501), session(1502)
	registry.put(jane)
	if person, err := registry.Foremost(); person.UID != 1501 || err != nil {
		t.Errorf("with one: %+v, %v", person, err)
	}
	registry.put(john)
	if _, err := registry.Foremost(); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("with two: %v", err)
	}
	registry.remove(jane)
	if person, err := registry.Foremost(); person.UID != 1502 || err != nil {
		t.Errorf("with the other one: %+v, %v", person, err)
	}
}

func TestOneSessionPerUser(t *testing.T) {
	registry := New(Config{Logger: slog.New(slog.DiscardHandler)})
	first, second := session(1501), session(1501)
	if !registry.put(first) || registry.put(second) {
		t.Fatal("the second session of a user took the place of the first")
	}
	registry.remove(first)
	<-first.gone
	if !registry.put(second) || len(registry.List()) != 1 {
		t.Error("after the first had ended the second was not let in")
	}
}

func TestAwaitEndsWithTheSessionThatItIsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := New(Config{Logger: slog.New(slog.DiscardHandler)})
		got := make(chan error, 1)
		go func() {
			_, err := registry.Await(t.Context(), 1501)
			got <- err
		}()
		synctest.Wait()
		registry.put(session(1502))
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("somebody else's session was taken: %v", err)
		default:
		}
		registry.put(session(1501))
		if err := <-got; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := registry.Await(ctx, 1503); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end of its context: %v", err)
		}
	})
}
