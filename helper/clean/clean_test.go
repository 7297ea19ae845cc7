package clean_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/clean"
	"usher.internal/helper/observation"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a cleaner with a real store, and a session with leftovers.
type world struct {
	*clean.Cleaner
	store *store.Store
	log   bytes.Buffer

	// The session: whether it is away, its leftovers, and the errors of looking and removing.
	away               bool
	leftovers          []*usherv1.Leftover
	findErr, lookErr   error
	removeErr          error
	errors             map[string]string
	asked              []string
	onRemove           func()
	reading            observation.Reading
	active             bool
	activeAfter        int
	askedWhetherActive int
	// looked records who was looked at, each time, and which leftovers had been removed by then.
	looked []string

	usherv1.UserAgentServiceClient
}

func newWorld(t *testing.T) *world {
	t.Helper()
	opened, err := store.Open(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	w := &world{store: opened, reading: userIn(wpj.StateOrphaned)}
	w.leftovers = []*usherv1.Leftover{
		leftover("c", usherv1.LeftoverKind_LEFTOVER_KIND_CERTIFICATE, "device certificate"),
		leftover("k", usherv1.LeftoverKind_LEFTOVER_KIND_KEY, "key"),
		leftover("p", usherv1.LeftoverKind_LEFTOVER_KIND_GENERIC_PASSWORD, wpj.AccountTenantID),
		leftover("t", usherv1.LeftoverKind_LEFTOVER_KIND_GENERIC_PASSWORD, "com.jamf.management.jamfAAD"),
		leftover("f", usherv1.LeftoverKind_LEFTOVER_KIND_FILE, "Library/Preferences/com.jamf.management.jamfAAD.plist"),
	}
	w.Cleaner = clean.New(clean.Config{
		Store: opened, Sessions: w,
		Look: func(_ context.Context, _ usherv1.UserAgentServiceClient, user accounts.User) (observation.Reading,
			error) {
			w.looked = append(w.looked, user.Name+" "+strings.Join(w.asked, ""))
			return w.reading, w.lookErr
		},
		Active: func(*store.Tx, uint32) (bool, error) {
			w.askedWhetherActive++
			return w.active || w.activeAfter > 0 && w.askedWhetherActive > w.activeAfter, nil
		},
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	return w
}

func leftover(id string, kind usherv1.LeftoverKind, name string) *usherv1.Leftover {
	return &usherv1.Leftover{Id: id, Kind: kind, Name: name}
}

// userIn returns the reading of a user in a state, with a certificate in the login keychain that nobody can use.
func userIn(state wpj.State) observation.Reading {
	identity := wpj.Identity{State: state, Detail: "Detail of " + string(state) + "."}
	return observation.Reading{Identity: identity,
		Evidence: []wpj.Evidence{keychainWith(wpj.HeldCertificate{DER: issued().old.DER})}}
}

func (w *world) Await(ctx context.Context, _ uint32) (usherv1.UserAgentServiceClient, error) {
	if w.away {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return w, nil
}

func (w *world) FindLeftovers(context.Context, *usherv1.FindLeftoversRequest,
	...grpc.CallOption) (*usherv1.FindLeftoversResponse, error) {
	return &usherv1.FindLeftoversResponse{Leftovers: w.leftovers}, w.findErr
}

func (w *world) RemoveLeftovers(_ context.Context, request *usherv1.RemoveLeftoversRequest,
	_ ...grpc.CallOption) (*usherv1.RemoveLeftoversResponse, error) {
	w.asked = request.GetIds()
	if w.onRemove != nil {
		w.onRemove()
	}
	if w.removeErr != nil {
		return nil, w.removeErr
	}
	response := &usherv1.RemoveLeftoversResponse{}
	for _, id := range request.GetIds() {
		response.Removed = append(response.Removed,
			&usherv1.RemovedLeftover{Leftover: &usherv1.Leftover{Id: id}, Error: w.errors[id]})
	}
	return response, nil
}

var (
	jane = accounts.User{Name: "jane", UID: 501}
	root = accounts.User{Name: "root"}
)

func (w *world) removals(t *testing.T, filter clean.Filter) []clean.Removal {
	t.Helper()
	found, err := w.List(filter)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func ids(found []clean.Leftover) string {
	var all []string
	for _, one := range found {
		all = append(all, one.ID)
	}
	return strings.Join(all, "")
}

func TestRemovesAndRecords(t *testing.T) {
	w := newWorld(t)
	w.errors = map[string]string{"k": "cannot be removed\x1b[2J by usher"}
	w.onRemove = func() {
		intended := w.removals(t, clean.Filter{})
		if len(intended) != 1 || len(intended[0].Removed) != 5 ||
			!strings.Contains(intended[0].Removed[0].Error, "not known") {
			t.Errorf("record before anything is removed: %+v", intended)
		}
	}
	removal, err := w.Remove(t.Context(), clean.Request{User: jane, Caller: root})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(w.asked, "") != "ckptf" || len(removal.Removed) != 5 || removal.User != jane ||
		removal.Caller != root || removal.Force {
		t.Errorf("asked %q, removal %+v", w.asked, removal)
	}
	for _, one := range removal.Removed {
		if want := map[string]string{"k": "cannot be removed [2J by usher"}[one.Leftover.ID]; one.Error != want {
			t.Errorf("%+v", one)
		}
	}
	recorded := w.removals(t, clean.Filter{UID: &jane.UID})
	if len(recorded) != 1 || fmt.Sprint(recorded[0]) != fmt.Sprint(removal) {
		t.Errorf("recorded %+v, want %+v", recorded, removal)
	}
	if got := strings.Join(w.looked, ","); got != "jane ,jane ckptf" {
		t.Errorf("looked at %q, and must have before and after the removal", got)
	}
	other := uint32(502)
	if others := w.removals(t, clean.Filter{UID: &other}); len(others) != 0 {
		t.Errorf("another user's: %+v", others)
	}
	if log := w.log.String(); !strings.Contains(log, "removed=4 failed=1") || strings.Contains(log, "jane") {
		t.Errorf("log: %s", log)
	}
}

func TestARegistrationThatBeginsMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.activeAfter = 1
	if _, err := w.Remove(t.Context(), clean.Request{User: jane}); !errors.Is(err, clean.ErrObjection) ||
		w.asked != nil || len(w.removals(t, clean.Filter{})) != 0 {
		t.Errorf("removed %q, %v", w.asked, err)
	}
}

func TestNothingToRemoveIsNoRecord(t *testing.T) {
	w := newWorld(t)
	w.leftovers, w.reading = nil, userIn(wpj.StateRegistered)
	removal, err := w.Remove(t.Context(), clean.Request{User: jane})
	if err != nil || removal.Number != 0 || len(removal.Removed) != 0 || w.asked != nil ||
		len(w.removals(t, clean.Filter{})) != 0 {
		t.Errorf("%+v, %v", removal, err)
	}
}

func TestCouldNotLookIsAnError(t *testing.T) {
	locked := contract.Error(codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE,
		"find leftovers: keychain\nis locked")
	for name, change := range map[string]func(*world){
		"leftovers": func(w *world) { w.findErr = locked },
		"identity":  func(w *world) { w.lookErr = fmt.Errorf("read identity: %w", locked) },
	} {
		w := newWorld(t)
		change(w)
		for _, force := range []bool{false, true} {
			_, err := w.Remove(t.Context(), clean.Request{User: jane, Force: force})
			if !errors.Is(err, clean.ErrKeychain) || !strings.Contains(err.Error(), "keychain is locked") ||
				w.asked != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.Find(t.Context(), jane); !errors.Is(err, clean.ErrKeychain) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAgentThatCannotLook(t *testing.T) {
	w := newWorld(t)
	w.findErr = status.Error(codes.Unavailable, "connection lost")
	if _, err := w.Find(t.Context(), jane); !errors.Is(err, clean.ErrAgent) ||
		!strings.Contains(err.Error(), "connection lost") {
		t.Errorf("got %v", err)
	}
}

func TestNobodyLoggedIn(t *testing.T) {
	w := newWorld(t)
	w.away = true
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if _, err := w.Find(context.Background(), jane); !errors.Is(err, clean.ErrNoSession) ||
			time.Since(begun) > 10*time.Second {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

func TestAgentThatGoesAwayMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.removeErr = status.Error(codes.Unavailable, "connection lost")
	removal, err := w.Remove(t.Context(), clean.Request{User: jane})
	if err != nil || len(removal.Removed) != 5 {
		t.Fatalf("%+v, %v", removal, err)
	}
	for _, one := range append(removal.Removed, w.removals(t, clean.Filter{})[0].Removed...) {
		if !strings.Contains(one.Error, "not known") || !strings.Contains(one.Error, "connection lost") {
			t.Errorf("%+v", one)
		}
	}
}

// A caller who goes away does not leave a removal half-done.
func TestCallerWhoGoesAwayMeanwhile(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.onRemove = cancel
	if _, err := w.Remove(ctx, clean.Request{User: jane}); err != nil {
		t.Fatal(err)
	}
	if recorded := w.removals(t, clean.Filter{}); recorded[0].Removed[0].Error != "" {
		t.Errorf("%+v", recorded)
	}
}

func TestOneRemovalOfAUserAtATime(t *testing.T) {
	w := newWorld(t)
	w.onRemove = func() {
		if _, err := w.Remove(t.Context(), clean.Request{User: jane}); !errors.Is(err, clean.ErrBusy) {
			t.Errorf("the same user: %v", err)
		}
		w.onRemove = nil
		if _, err := w.Remove(t.Context(), clean.Request{User: accounts.User{Name: "john", UID: 502}}); err != nil {
			t.Errorf("another user: %v", err)
		}
	}
	if _, err := w.Remove(t.Context(), clean.Request{User: jane}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Remove(t.Context(), clean.Request{User: jane}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTheNewestHundredAreKept(t *testing.T) {
	w := newWorld(t)
	w.leftovers = w.leftovers[:1]
	if _, err := w.Remove(t.Context(), clean.Request{User: accounts.User{Name: "john", UID: 502}}); err != nil {
		t.Fatal(err)
	}
	for range 103 {
		if _, err := w.Remove(t.Context(), clean.Request{User: jane}); err != nil {
			t.Fatal(err)
		}
	}
	all := w.removals(t, clean.Filter{})
	if len(all) != 101 || all[0].Number != 104 || all[99].Number != 5 || all[100].User.Name != "john" {
		t.Errorf("%d kept, from %d to %d", len(all), all[len(all)-1].Number, all[0].Number)
	}
	if two := w.removals(t, clean.Filter{UID: &jane.UID, Limit: 2}); len(two) != 2 || two[0].Number != 104 {
		t.Errorf("%+v", two)
	}
}

func TestAnswerOfAnAgentIsBounded(t *testing.T) {
	w := newWorld(t)
	w.leftovers = []*usherv1.Leftover{
		leftover("", 1, "no id"), leftover(strings.Repeat("x", 65), 1, "long id"),
		leftover("a\nb", 1, "id of two lines"),
		leftover("a", 99, strings.Repeat("n", 1000)+"\x1b[2J"), leftover("a", 1, "again"), nil,
	}
	for i := range 1000 {
		w.leftovers = append(w.leftovers, leftover(fmt.Sprint("n", i), 1, "name"))
	}
	w.errors = map[string]string{"n1": strings.Repeat("e", 1000), "n2": "\x1b"}
	removal, err := w.Remove(t.Context(), clean.Request{User: jane, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	first := removal.Removed[0].Leftover
	if len(removal.Removed) != 256 || first.ID != "a" || first.Kind != "" || len([]rune(first.Name)) != 200 {
		t.Errorf("%d removed, first %+v", len(removal.Removed), first)
	}
	at := func(id string) clean.Removed {
		return removal.Removed[slices.IndexFunc(removal.Removed,
			func(one clean.Removed) bool { return one.Leftover.ID == id })]
	}
	if len([]rune(at("n1").Error)) != 300 || at("n2").Error == "" || at("n3").Error != "" {
		t.Errorf("%+v, %+v, %+v", at("n1"), at("n2"), at("n3"))
	}
}

func TestWithoutARecordNothingIsRemoved(t *testing.T) {
	w := newWorld(t)
	w.store.Close()
	if _, err := w.Remove(t.Context(), clean.Request{User: jane}); err == nil || w.asked != nil {
		t.Errorf("removed %q, %v", w.asked, err)
	}
}
