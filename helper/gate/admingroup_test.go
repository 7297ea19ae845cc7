package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"usher.internal/internal/accounts"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// directory is a user database that answers at once, fails, or does not answer until it is released.
type directory struct {
	mu     sync.Mutex
	admins map[membership]bool
	asked  int
	fails  error
	silent map[uint32]chan struct{}
}

func (d *directory) member(_ context.Context, uid uint32, group string) (bool, error) {
	d.mu.Lock()
	silence := d.silent[uid]
	d.mu.Unlock()
	if silence != nil {
		<-silence // like a call of the C library, which no context ends
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	return d.admins[membership{uid, group}], d.fails
}

func (d *directory) set(uid uint32, admin bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.admins[membership{uid, "admin"}] = admin
}

// groupOf returns the admin group of a directory; the group is empty.
func groupOf(t *testing.T) (*directory, *adminGroup) {
	d := &directory{admins: make(map[membership]bool), silent: make(map[uint32]chan struct{})}
	return d, newAdminGroup(t.Context(), func() string { return "admin" }, d.member, quiet())
}

func wantAdmin(t *testing.T, group *adminGroup, uid uint32, want bool) {
	t.Helper()
	if got, err := group.has(t.Context(), uid); got != want || err != nil {
		t.Errorf("uid %d is an admin: %t, %v; want %t", uid, got, err, want)
	}
}

func TestMembershipThatChangesTakesEffectWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, group := groupOf(t)
		for _, admin := range []bool{true, false, true} {
			d.set(501, admin)
			time.Sleep(adminKnownFor)
			wantAdmin(t, group, 501, admin)
		}
		// In between, one answer serves all calls about the same user.
		before := d.asked
		time.Sleep(adminKnownFor - time.Millisecond)
		for range 1000 {
			wantAdmin(t, group, 501, true)
		}
		if d.asked != before {
			t.Errorf("the directory was asked %d times more", d.asked-before)
		}
		wantAdmin(t, group, 502, false)
	})
}

func TestAnotherAdminGroupIsAskedAbout(t *testing.T) {
	d, group := groupOf(t)
	name := "admin"
	group.name = func() string { return name }
	d.set(501, true)
	wantAdmin(t, group, 501, true)
	name = "helpdesk"
	wantAdmin(t, group, 501, false)
	name = "admin"
	wantAdmin(t, group, 501, true)
}

func TestDirectoryThatDoesNotAnswerMakesNobodyAnAdminAndHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, group := groupOf(t)
		var log bytes.Buffer
		group.log = slog.New(slog.NewTextHandler(&log, nil))
		d.set(501, true)
		d.set(502, true)
		silence := make(chan struct{})
		d.silent[501] = silence
		begun := time.Now()
		var waiting sync.WaitGroup
		for range 10 {
			waiting.Go(func() {
				if is, err := group.has(t.Context(), 501); is || !errors.Is(err, errDirectory) ||
					!strings.Contains(err.Error(), "did not say within 5s") {
					t.Errorf("got %t, %v", is, err)
				}
			})
		}
		synctest.Wait()
		wantAdmin(t, group, 502, true)
		if took := time.Since(begun); took != 0 {
			t.Errorf("another user waited for %s", took)
		}
		waiting.Wait()
		if took := time.Since(begun); took != directoryWithin {
			t.Errorf("the callers waited for %s", took)
		}
		// While that question is open, there is no second one, and nobody waits again.
		if is, err := group.has(t.Context(), 501); is || !errors.Is(err, errDirectory) ||
			time.Since(begun) != directoryWithin {
			t.Errorf("got %t, %v after %s", is, err, time.Since(begun))
		}
		// The library has finally returned: its answer is too old to be used.
		d.set(501, false)
		close(silence)
		synctest.Wait()
		wantAdmin(t, group, 501, false)
		if d.asked != 3 {
			t.Errorf("the directory was asked %d times", d.asked)
		}
	})
}

func TestDirectoryThatFailsIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, group := groupOf(t)
		var log bytes.Buffer
		group.log = slog.New(slog.NewTextHandler(&log, nil))
		d.fails = errors.New("the network is down")
		d.set(501, true)
		for range 60 {
			for range 10 {
				if is, err := group.has(t.Context(), 501); is || !errors.Is(err, errDirectory) ||
					!errors.Is(err, d.fails) {
					t.Fatalf("got %t, %v", is, err)
				}
			}
			time.Sleep(adminKnownFor)
		}
		if lines := strings.Count(log.String(), "\n"); d.asked != 60 || lines != 2 {
			t.Errorf("asked %d times and logged %d lines in two minutes:\n%s", d.asked, lines, log.String())
		}
		d.fails = nil
		wantAdmin(t, group, 501, true)
	})
}

func TestComputerWithoutAnAdminGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, group := groupOf(t)
		var log bytes.Buffer
		group.log = slog.New(slog.NewTextHandler(&log, nil))
		d.fails = fmt.Errorf("look up group: %w", accounts.ErrNoSuchGroup)
		for range 5 {
			wantAdmin(t, group, 501, false)
			time.Sleep(adminKnownFor)
		}
		if lines := strings.Count(log.String(), "no admin group on this computer"); lines != 1 {
			t.Errorf("it is logged %d times:\n%s", lines, log.String())
		}
	})
}

func TestAnswersOfManyUsersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, group := groupOf(t)
		for uid := range uint32(3 * adminsInMemory) {
			wantAdmin(t, group, uid, false)
			time.Sleep(adminKnownFor / 10)
		}
		synctest.Wait()
		if kept := len(group.answers); kept > adminsInMemory {
			t.Errorf("%d answers are kept", kept)
		}
	})
}

// sent is a stream that collects the sent messages.
type sent struct {
	grpc.ServerStream
	ctx      context.Context
	messages []any
}

func (s *sent) Context() context.Context { return s.ctx }
func (s *sent) SendMsg(message any) error {
	s.messages = append(s.messages, message)
	return nil
}

var errOfHandler = errors.New("of a handler")

// translated is a table of errors that knows only errOfHandler.
func translated(err error) error {
	if errors.Is(err, errOfHandler) {
		return status.Error(codes.NotFound, err.Error())
	}
	return nil
}

func TestStreamThatBeganAsAnAdminEndsWithTheRight(t *testing.T) {
	for name, test := range map[string]struct {
		judge   func(*Actor) error
		outcome codes.Code
		want    int
	}{
		"for another user":  {func(a *Actor) error { return a.MayActFor(502) }, codes.PermissionDenied, 1},
		"for everyone":      {func(a *Actor) error { a.IsAdmin(); return nil }, codes.PermissionDenied, 1},
		"for the same user": {func(a *Actor) error { return a.MayActFor(501) }, codes.OK, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, group := groupOf(t)
				d.set(501, true)
				gate := &Server{limits: newLimits(), log: quiet(), admins: group, draining: t.Context(),
					translate: translated}
				gate.helperUID = 4711
				stream := &sent{ctx: peer.NewContext(t.Context(),
					&peer.Peer{AuthInfo: link.AuthInfo{Peer: &link.Peer{UID: 501}}})}
				watch := &grpc.StreamServerInfo{FullMethod: usherv1.StatusService_WatchStatus_FullMethodName}
				err := gate.stream(nil, stream, watch, func(_ any, stream grpc.ServerStream) error {
					if err := test.judge(ActorFrom(stream.Context())); err != nil {
						return err
					}
					for i := range 3 {
						if err := stream.SendMsg(i); err != nil {
							return fmt.Errorf("send: %w", errOfHandler) // any error of a handler
						}
						d.set(501, false)
						time.Sleep(adminKnownFor)
					}
					return nil
				})
				if status.Code(err) != test.outcome || len(stream.messages) != test.want {
					t.Errorf("%d messages were sent, and it ended with %v", len(stream.messages), err)
				}
			})
		})
	}
}

func TestRefusalSaysThatTheDirectoryDidNotAnswer(t *testing.T) {
	d, group := groupOf(t)
	d.fails = errors.New("the network is down")
	actor := &Actor{peer: &link.Peer{UID: 501},
		inAdminGroup: func() (bool, error) { return group.has(t.Context(), 501) }}
	if err := actor.MayActFor(501); err != nil || actor.Undecided() != nil {
		t.Errorf("about themselves: %v, %v", err, actor.Undecided())
	}
	err := actor.MayActFor(502)
	if status.Code(err) != codes.PermissionDenied ||
		!strings.Contains(status.Convert(err).Message(), "could not find out who is an admin: the network is down") {
		t.Errorf("about another user: %v", err)
	}
	if actor.IsAdmin() || status.Code(actor.Undecided()) != codes.PermissionDenied {
		t.Errorf("undecided: %v", actor.Undecided())
	}
}
