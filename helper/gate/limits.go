package gate

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Limits for one user of the helper. Admins have no limit, because they could stop the helper anyway. The limits are
// far above the needs of usherctl, and too low to disturb other users.
const (
	callsPerSecond  = 20
	callsAtOnce     = 60
	callsUnderWay   = 64
	callersInMemory = 1024

	// The first refused calls of a caller are logged up to this number, and then one in each interval.
	refusalsLogged     = 20
	refusalLogInterval = time.Minute
)

// limits holds each user to a rate of calls and to a number of calls under way. It is safe for concurrent use.
type limits struct {
	mu      sync.Mutex
	callers map[uint32]*caller
}

type caller struct {
	rate     *rate.Limiter
	underWay int
	refusals *rate.Limiter
}

func newLimits() *limits { return &limits{callers: make(map[uint32]*caller)} }

// enter starts a call; the returned function ends it. It asks whether a caller is an admin only if they have reached a
// limit.
func (l *limits) enter(actor *Actor) (leave func(), err error) {
	if actor.root {
		return func() {}, nil
	}
	leave, err = l.count(actor.UID())
	if err == nil {
		return leave, nil
	}
	if admin, _ := actor.admin(); admin {
		return func() {}, nil
	}
	return nil, err
}

func (l *limits) count(uid uint32) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	user := l.callers[uid]
	if user == nil {
		l.forgetIdle()
		user = &caller{
			rate:     rate.NewLimiter(callsPerSecond, callsAtOnce),
			refusals: rate.NewLimiter(rate.Every(refusalLogInterval), refusalsLogged),
		}
		l.callers[uid] = user
	}
	if user.underWay >= callsUnderWay {
		return nil, Limited(uid, fmt.Sprintf("has %d calls under way, and no more are allowed at once", callsUnderWay))
	}
	if !user.rate.Allow() {
		return nil, Limited(uid, fmt.Sprintf("calls more often than %d times a second; wait a moment", callsPerSecond))
	}
	user.underWay++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		user.underWay--
	}, nil
}

// mayLogRefusal reports whether to log a refusal of a caller who has entered.
func (l *limits) mayLogRefusal(actor *Actor) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	user := l.callers[actor.UID()]
	return user == nil || user.refusals.Allow() // root is not in the table
}

// forgetIdle keeps the table small: a caller with nothing under way and a full allowance is the same as a new one.
func (l *limits) forgetIdle() {
	if len(l.callers) < callersInMemory {
		return
	}
	for uid, user := range l.callers {
		if user.underWay == 0 && user.rate.Tokens() >= callsAtOnce {
			delete(l.callers, uid)
		}
	}
}

// Limited returns the error for a caller who asks for too much.
func Limited(uid uint32, what string) error {
	return contract.Error(codes.ResourceExhausted, usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		fmt.Sprintf("uid %d %s", uid, what))
}
