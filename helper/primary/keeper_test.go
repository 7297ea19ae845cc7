package primary_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/primary"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/attribute"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mac is a Mac whose sessions, console and users a test sets.
type mac struct {
	t        *testing.T
	journal  *store.Store
	presence *primary.Presence
	keeper   *primary.Keeper
	outbox   *delivery.Outbox
	observer *observation.Observer

	console  uint32
	sessions []sessions.Session
	manual   atomic.Bool
	turns    func() // called with each turn of the keeper

	mu      sync.Mutex
	changed chan struct{}
	users   []*usherv1.UserStatus
}

func newMac(t *testing.T) *mac {
	journal, err := store.Open(filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { journal.Close() })
	m := &mac{t: t, journal: journal, changed: make(chan struct{})}
	m.begin()
	m.outbox = delivery.New(delivery.Config{Store: journal})
	m.observer = observation.New(observation.Config{Store: journal})
	m.keeper = primary.NewKeeper(primary.Config{
		Store: journal, Presence: m.presence, Accounts: new(primary.Accounts), Sessions: m, Outbox: m.outbox,
		Observer:   m.observer,
		Report:     func() (attribute.Report, error) { return m.report(), nil },
		Automatic:  func() bool { return !m.manual.Load() },
		Configured: func() <-chan struct{} { return nil },
		Logger:     slog.New(slog.DiscardHandler),
	})
	return m
}

// begin is the first state of a new usherd.
func (m *mac) begin() {
	m.presence = primary.NewPresence(m.journal, func() (accounts.User, bool) {
		return accounts.User{UID: m.console, Name: nameOf(m.console)}, m.console != 0
	})
}

func (m *mac) Watch() ([]sessions.Session, <-chan struct{}) {
	if m.turns != nil {
		m.turns()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions, m.changed
}

func (m *mac) report() attribute.Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	return attribute.Of(m.users)
}

// show has the status be of these users, as they are now, and signals the change.
func (m *mac) show(users ...*usherv1.UserStatus) {
	m.mu.Lock()
	m.users = nil
	for _, one := range users {
		m.users = append(m.users, proto.CloneOf(one))
	}
	close(m.changed)
	m.changed = make(chan struct{})
	m.mu.Unlock()
	synctest.Wait()
}

func nameOf(uid uint32) string { return fmt.Sprint("user-", uid) }

func (m *mac) logIn(uid uint32) {
	m.sessions = append(m.sessions,
		sessions.Session{User: accounts.User{UID: uid, Name: nameOf(uid)}, ConnectedAt: time.Now()})
}

func (m *mac) logOut(uid uint32) {
	m.sessions = slices.DeleteFunc(m.sessions, func(one sessions.Session) bool { return one.User.UID == uid })
}

func (m *mac) note() {
	m.t.Helper()
	if _, err := m.presence.Note(m.sessions); err != nil {
		m.t.Fatal(err)
	}
}

// order returns the order in which three users were at the Mac, the last first.
func (m *mac) order() (uids []uint32) {
	m.t.Helper()
	of, err := m.presence.Last()
	if err != nil {
		m.t.Fatal(err)
	}
	last := map[uint32]time.Time{}
	for _, uid := range []uint32{501, 502, 503} {
		if at := of(uid, nameOf(uid)); !at.IsZero() {
			last[uid] = at
			uids = append(uids, uid)
		}
	}
	slices.SortFunc(uids, func(a, b uint32) int { return last[b].Compare(last[a]) })
	return uids
}

func (m *mac) want(when string, uids ...uint32) {
	m.t.Helper()
	if got := m.order(); !slices.Equal(got, uids) {
		m.t.Errorf("%s: they were at the Mac in the order %v, want %v", when, got, uids)
	}
}

func TestPresence(t *testing.T) {
	m := newMac(t)
	m.note()
	m.want("nobody")
	// If nobody is on the console, a user who logs in is at the Mac.
	m.logIn(501)
	m.note()
	m.logIn(502)
	m.note()
	m.want("two have logged in", 502, 501)
	// usherd restarts: both connect again, in any order, and that means nothing.
	m.begin()
	m.logOut(501)
	m.note()
	m.logIn(501)
	m.note()
	m.want("usherd has restarted", 502, 501)
	m.logOut(501)
	m.note()
	m.logIn(501)
	m.note()
	m.want("one has logged in again", 501, 502)
	// The console is the better source.
	m.console = 502
	m.note()
	m.want("the other is on the console", 502, 501)
	m.logIn(503)
	m.note()
	m.want("one logs in behind", 502, 501)
	generation := m.journal.Generation()
	m.note()
	if m.journal.Generation() != generation {
		t.Error("it was written though nothing had changed")
	}
	m.console = 501
	m.note()
	m.begin()
	m.want("back again", 501, 502)
	if err := m.journal.Update(func(
		tx *store.Tx) error {
		return primary.Forget(tx, accounts.User{Name: nameOf(501), UID: 501})
	}); err != nil {
		t.Fatal(err)
	}
	m.want("one was forgotten", 502)
	if of, err := m.presence.Last(); err != nil || !of(502, "another person").IsZero() {
		t.Errorf("another person with the uid was at the Mac, %v", err)
	}
}

func user(name string, uid uint32, state usherv1.IdentityState) *usherv1.UserStatus {
	return &usherv1.UserStatus{User: &usherv1.User{Name: name, Uid: uid}, LookTime: timestamppb.Now(),
		Identity: &usherv1.Identity{State: state}}
}

// delivered is a Mac that has sent Jamf Pro a report before.
func (m *mac) delivered() {
	m.t.Helper()
	if err := m.keeper.Delivered(attribute.Report{}, attribute.Report{}); err != nil {
		m.t.Fatal(err)
	}
}

// deliver has Jamf Pro take all reports that are on their way.
func (m *mac) deliver() (reported []string) {
	m.t.Helper()
	waiting, err := m.outbox.List(false, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, one := range waiting {
		reported = append(reported, one.Report.UserName)
	}
	if len(reported) == 0 {
		return nil
	}
	if err := m.keeper.Delivered(m.report(), m.report()); err != nil {
		m.t.Fatal(err)
	}
	// As the outbox would.
	err = m.journal.Update(func(tx *store.Tx) error {
		for _, one := range waiting {
			if _, err := m.outbox.Forget(tx, accounts.User{Name: one.Report.UserName, UID: one.Report.UID}); err !=
				nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	synctest.Wait()
	return reported
}

func TestChangesOfTheUsersAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		ended := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- m.keeper.Run(ctx) }()
		synctest.Wait()
		var shown []*usherv1.UserStatus
		step := func(when string, want ...string) {
			t.Helper()
			m.show(shown...)
			if reported := m.deliver(); !slices.Equal(reported, want) {
				t.Errorf("%s: Jamf Pro got reports of %q, want %q", when, reported, want)
			}
			if reported := m.deliver(); reported != nil {
				t.Errorf("%s: and then of %q", when, reported)
			}
			time.Sleep(10 * time.Minute) // and no other report comes by itself
		}
		jane := user("jane", 501, usherv1.IdentityState_IDENTITY_STATE_REGISTERED)
		jane.Primary = true
		shown = []*usherv1.UserStatus{jane}
		step("a look reports the first user")
		m.keeper.Send()
		step("somebody has asked", "jane")
		jane.Identity.State = usherv1.IdentityState_IDENTITY_STATE_COMPLIANT
		step("a look reports the state of the primary user")
		admin := user("admin", 502, usherv1.IdentityState_IDENTITY_STATE_NOT_REGISTERED)
		shown = append(shown, admin)
		step("an admin logs in", "jane")
		admin.Session = &usherv1.SessionStatus{ConnectTime: timestamppb.Now()}
		step("and again")
		jane.Primary, admin.Primary = false, true
		step("another one is the primary user", "admin")
		admin.NoAccount, admin.Primary, jane.Primary = true, false, true
		step("the primary user is deleted", "jane")
		shown = shown[:1]
		step("and is not there any more", "jane")
		shown = nil
		step("nobody is left", "")
		m.manual.Store(true)
		shown = []*usherv1.UserStatus{jane}
		step("nothing is reported unless somebody asks")
		m.keeper.Send()
		step("somebody has asked again", "jane")
		shown = append(shown, admin)
		step("and a change that nobody asked for")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A session that has just begun is looked at first, and the look reports it.
func TestNewSessionIsLookedAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		jane := &usherv1.UserStatus{User: &usherv1.User{Name: "jane", Uid: 501}, Primary: true,
			Session: &usherv1.SessionStatus{ConnectTime: timestamppb.Now()}}
		m.show(jane)
		m.delivered()
		ended := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- m.keeper.Run(ctx) }()
		time.Sleep(time.Minute)
		if reported := m.deliver(); reported != nil {
			t.Errorf("before the look Jamf Pro got reports of %q", reported)
		}
		time.Sleep(2 * time.Minute)
		if reported := m.deliver(); !slices.Equal(reported, []string{"jane"}) {
			t.Errorf("without a look Jamf Pro got reports of %q", reported)
		}
		cancel()
		<-ended
	})
}

// Two who take turns at a Mac do not keep Jamf Pro busy.
func TestTurnsAreReportedNotTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		jane, john := user("jane", 501, usherv1.IdentityState_IDENTITY_STATE_REGISTERED),
			user("john", 502, usherv1.IdentityState_IDENTITY_STATE_REGISTERED)
		ended := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- m.keeper.Run(ctx) }()
		m.delivered()
		synctest.Wait()
		times := 0
		for turn := range 601 {
			jane.Primary, john.Primary = turn%2 == 0, turn%2 == 1
			m.show(jane, john)
			times += len(m.deliver())
			time.Sleep(time.Second)
		}
		if times == 0 || times > 12 {
			t.Errorf("Jamf Pro got %d reports in 10 minutes", times)
		}
		// The last report is true in the end.
		time.Sleep(2 * time.Hour)
		if reported := m.deliver(); !slices.Equal(reported, []string{"jane"}) {
			t.Errorf("in the end Jamf Pro gets a report of %q", reported)
		}
		cancel()
		<-ended
	})
}

// A journal that cannot be read or written causes no busy loop.
func TestKeeperWaitsForTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMac(t)
		jane := user("jane", 501, usherv1.IdentityState_IDENTITY_STATE_REGISTERED)
		m.show(jane)
		m.console = 501
		if err := m.journal.Close(); err != nil {
			t.Fatal(err)
		}
		turns := 0
		m.turns = func() { turns++ }
		ended := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- m.keeper.Run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if turns > 100 {
			t.Errorf("it looked %d times in an hour", turns)
		}
		cancel()
		<-ended
	})
}
