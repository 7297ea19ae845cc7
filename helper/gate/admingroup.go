package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"usher.internal/internal/accounts"
)

const (
	// adminKnownFor is how long an answer of the directory is used, from the time of the question. A missing answer is
	// used as long, from the time when it was missed. A change of membership takes effect within this time.
	adminKnownFor = 2 * time.Second
	// directoryWithin is how long a call waits for the directory.
	directoryWithin = 5 * time.Second
	// adminsInMemory is how many answers are kept before old ones are dropped.
	adminsInMemory = 1024
	// directoryLogInterval is how often the log says that the directory does not answer.
	directoryLogInterval = time.Minute
)

// errDirectory is wrapped by the errors of [adminGroup.has]: the directory did not say whether a user is an admin.
var errDirectory = errors.New("could not find out who is an admin")

// adminGroup knows the members of the admin group. It asks the directory when a call depends on the answer. The
// kernel's list of a process's groups is from its login, and has at most 16 on macOS, so it misses later changes.
//
// There is one question at a time about each uid, each in its own goroutine. If the directory is too slow, nobody waits
// for that goroutine any longer, so it delays no call about another user. It is safe for concurrent use.
type adminGroup struct {
	// ctx ends the questions when the server has ended.
	ctx context.Context
	// name returns the name of the group in the current configuration.
	name func() string
	// member is [accounts.IsMember].
	member func(ctx context.Context, uid uint32, group string) (bool, error)
	log    *slog.Logger

	mu      sync.Mutex
	answers map[membership]*answer
	// missing are the names of groups that were logged as missing.
	missing map[string]bool
	failing rate.Sometimes
}

type membership struct {
	uid   uint32
	group string
}

// answer is one question and, when done is closed, its result.
type answer struct {
	done  chan struct{}
	asked time.Time
	// until is when it expires; zero while there is no result.
	until time.Time
	is    bool
	err   error
}

func newAdminGroup(ctx context.Context, name func() string, member func(context.Context, uint32, string) (bool, error),
	log *slog.Logger) *adminGroup {
	return &adminGroup{
		ctx: ctx, name: name, member: member, log: log, answers: make(map[membership]*answer),
		missing: make(map[string]bool),
		failing: rate.Sometimes{Interval: directoryLogInterval},
	}
}

// has reports whether the user with that uid is in the admin group. The errors wrap [errDirectory]; on an error, the
// caller treats the user as not an admin. It waits at most directoryWithin.
func (g *adminGroup) has(ctx context.Context, uid uint32) (bool, error) {
	group := g.name()
	found := g.ask(membership{uid, group})
	wait := time.NewTimer(time.Until(found.asked.Add(directoryWithin)))
	defer wait.Stop()
	select {
	case <-found.done:
	default:
		select {
		case <-found.done:
		case <-wait.C:
			return false, fmt.Errorf("%w: the directory did not say within %s whether uid %d is in group %q",
				errDirectory, directoryWithin, uid, group)
		case <-ctx.Done():
			return false, fmt.Errorf("%w: %w", errDirectory, context.Cause(ctx))
		}
	}
	if found.err != nil {
		return false, fmt.Errorf("%w: %w", errDirectory, found.err)
	}
	return found.is, nil
}

// ask returns the answer to a question, which may still be under way: a fresh answer, or that of a new question.
func (g *adminGroup) ask(about membership) *answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if known := g.answers[about]; known != nil && (known.until.IsZero() || now.Before(known.until)) {
		return known
	}
	if len(g.answers) >= adminsInMemory {
		for other, one := range g.answers {
			if !one.until.IsZero() && !now.Before(one.until) {
				delete(g.answers, other)
			}
		}
	}
	asked := &answer{done: make(chan struct{}), asked: now}
	g.answers[about] = asked
	go g.find(about, asked)
	return asked
}

func (g *adminGroup) find(about membership, asked *answer) {
	ctx, cancel := context.WithTimeout(g.ctx, directoryWithin)
	defer cancel()
	is, err := g.member(ctx, about.uid, about.group)
	g.mu.Lock()
	defer g.mu.Unlock()
	defer close(asked.done)
	switch {
	case errors.Is(err, accounts.ErrNoSuchGroup):
		// Root is the only admin of such a computer.
		if !g.missing[about.group] {
			g.missing[about.group] = true
			g.log.Warn("no admin group on this computer: only root may act for other users", "group", about.group)
		}
		err = nil
	case err != nil:
		g.failing.Do(func() {
			g.log.Warn("the directory does not say who is an admin: only root may act for other users", "uid",
				about.uid, "group", about.group, "error", err)
		})
	}
	asked.is, asked.err = is && err == nil, err
	asked.until = asked.asked.Add(adminKnownFor)
	if err != nil {
		asked.until = time.Now().Add(adminKnownFor)
	}
}
