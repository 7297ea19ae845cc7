package registration_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"usher.internal/helper/delivery"
	"usher.internal/helper/registration"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

// smallDisk mounts a file system of 1 MiB. It needs root.
func smallDisk(t *testing.T) (directory string) {
	t.Helper()
	directory = t.TempDir()
	if err := unix.Mount("tmpfs", directory, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("mount a tmpfs, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(directory, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return directory
}

var ballast = store.NewBucket[string]("ballast")

// fill takes the space on the disk and every free page of the journal, so that not even the smallest commit fits any
// more; free releases all of it.
func (w *world) fill() (free func()) {
	w.t.Helper()
	path := filepath.Join(filepath.Dir(w.path), "filler")
	file, err := os.Create(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = file.Write(block)
	}
	put := func(number int, text string) error {
		return w.store.Update(func(tx *store.Tx) error {
			return ballast.Put(tx, store.NumberKey(uint64(number)),
				text)
		})
	}
	for i := 0; err == nil || errors.Is(err, unix.ENOSPC) && !errors.Is(err, store.ErrFull); i++ {
		err = put(i, strings.Repeat("x", 500))
	}
	// While a reader is open, the pages that commits replace are not free for the next one.
	reading, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- w.store.View(func(*store.Tx) error { <-reading; return nil }) }()
	synctest.Wait()
	for i, err := 0, error(nil); err == nil; i++ {
		err = put(0, "x")
	}
	// That commit has left blocks in the file that a smaller one could use.
	for err := error(nil); err == nil; {
		err = w.store.Update(func(*store.Tx) error { return nil })
	}
	w.beforeClose = sync.OnceFunc(func() {
		close(reading)
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	return func() {
		w.beforeClose()
		if err := os.Remove(path); err != nil {
			w.t.Fatal(err)
		}
	}
}

// A full disk holds a registration in its state, and it continues once there is space. Meanwhile every effect is in the
// journal first.
func TestFullDiskHoldsARegistration(t *testing.T) {
	directory := smallDisk(t)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w := newWorld(t, nil)
		w.stop()
		w.path = filepath.Join(directory, "journal")
		w.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
		w.config.Sessions = auditor{w.agent, w}
		w.agent.loggedIn = make(chan struct{})
		w.start()
		defer w.stop() // before the disk goes

		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSession)
		free := w.fill()

		john := accounts.User{Name: "john", UID: 1502}
		if _, _, err := w.machine.Start(t.Context(),
			registration.StartRequest{Kind: registration.KindRegister, User: john}); !errors.Is(err, store.ErrFull) {
			t.Errorf("a new registration on a full disk: %v", err)
		}
		if _, err := w.machine.Cancel(t.Context(), id, "uid 0"); !errors.Is(err, store.ErrFull) {
			t.Errorf("cancelling on a full disk: %v", err)
		}
		if r, attached, err := w.machine.Start(t.Context(),
			registration.StartRequest{Kind: registration.KindRegister, User: jane}); r.ID != id || !attached ||
			err != nil {
			t.Errorf("attaching on a full disk: %t, %v", attached, err)
		}
		close(w.agent.loggedIn)
		time.Sleep(10 * time.Minute) // synctest's clock
		if r, err := w.machine.Get(id); r.State != registration.StateWaitingForSession || len(w.agent.launches) != 0 ||
			err != nil {
			t.Errorf("on a full disk it went to %s, launches %v, %v", r.State, w.agent.launches, err)
		}
		if said := strings.Count(log.String(), `msg="journal cannot be written`); said != 1 {
			t.Errorf("the log says so %d times:\n%s", said, &log)
		}
		free()
		begun := time.Now()
		r := w.until(id, registration.StateDelivering)
		if took := time.Since(begun); took > 31*time.Second || !r.Deadline.IsZero() || w.agent.launches[id] != 1 {
			t.Errorf("continued after %s, deadline %s, launches %v", took, r.Deadline, w.agent.launches)
		}
		w.deliver(id, delivery.StateDelivered)
		if got := fmt.Sprint(w.outbox.outcomes()); got != "[SUCCEEDED]" {
			t.Errorf("reported %s", got)
		}
	})
}

// The commit of any other registration ends the pause of one that is held.
func TestHeldRegistrationContinuesWithTheNextGoodCommit(t *testing.T) {
	directory := smallDisk(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.stop()
		w.path = filepath.Join(directory, "journal")
		w.agent.exit = nil
		w.start()
		defer w.stop()
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSignIn)
		free := w.fill()
		w.agent.mu.Lock()
		w.agent.exit = &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 66}}
		close(w.agent.ended)
		w.agent.mu.Unlock()
		time.Sleep(5*time.Minute + time.Millisecond) // synctest's clock: the pauses have grown
		free()
		begun := time.Now()
		john := accounts.User{Name: "john", UID: 1502}
		if _, _, err := w.machine.Start(t.Context(),
			registration.StartRequest{Kind: registration.KindGather, User: john}); err != nil {
			t.Fatal(err)
		}
		r := w.until(id, registration.StateFailed)
		if r.FailureReason != registration.ReasonPortalFailed || time.Since(begun) > time.Second {
			t.Errorf("failed with %s after %s", r.FailureReason, time.Since(begun))
		}
	})
}

// usherd ends while a registration is held: what was not committed has not happened.
func TestShutdownWhileHeld(t *testing.T) {
	directory := smallDisk(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.stop()
		w.path = filepath.Join(directory, "journal")
		w.agent.exit = nil
		w.start()
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSignIn)
		free := w.fill()
		w.agent.mu.Lock()
		w.agent.exit = &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 0}}
		close(w.agent.ended)
		w.agent.ended = make(chan struct{})
		w.agent.mu.Unlock()
		time.Sleep(time.Minute) // synctest's clock
		w.stop()
		free()
		w.start()
		defer w.stop()
		w.until(id, registration.StateDelivering)
		if w.agent.launches[id] != 1 {
			t.Errorf("launched %d times", w.agent.launches[id])
		}
	})
}

// A decision that was made before a cancel, but could not be written, is dropped.
func TestCancelComesBeforeADecisionThatIsHeld(t *testing.T) {
	directory := smallDisk(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.stop()
		w.path = filepath.Join(directory, "journal")
		w.agent.exit = nil
		w.start()
		defer w.stop()
		id := w.register(registration.KindRegister).ID
		w.until(id, registration.StateWaitingForSignIn)
		free := w.fill()
		w.agent.mu.Lock()
		w.agent.exit = &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 66}}
		close(w.agent.ended)
		w.agent.mu.Unlock()
		time.Sleep(5*time.Minute + time.Millisecond) // synctest's clock
		free()
		r, err := w.machine.Cancel(t.Context(), id, "uid 0")
		if got := fmt.Sprint(w.outbox.outcomes()); err != nil || r.State != registration.StateCancelled ||
			got != "[CANCELLED]" {
			t.Errorf("cancelled: %s, reported %s, %v", r.State, got, err)
		}
	})
}
