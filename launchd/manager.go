package launchd

import (
	"context"
	"errors"
	"time"
)

// ErrNoDomain says that the session cannot take a job now: the user has no graphical session, or is on his way in or
// out. His agent starts when he logs in.
var ErrNoDomain = errors.New("the session takes no service now")

// Job is one service: the helper, or the agent of one user.
type Job struct {
	// Agent is true for the agent of the user with that uid, and false for the helper.
	Agent bool
	UID   uint32
}

// State is how a job stands.
type State struct {
	// Loaded tells whether the service manager knows the job, Running whether it has a process; PID is that.
	Loaded, Running bool
	PID             int
	// Leaving says that the job is about to be forgotten: it is Loaded, and whatever process it has ends.
	Leaving bool
	// LastExit is how its process ended last, in the service manager's words; empty where it does not say.
	LastExit string
}

// Manager is what an [Installer] needs of launchd or systemd. All of it may be done twice.
type Manager interface {
	// Load has the job run now and from the next start of the computer or login on, and returns when it has a process.
	// The error may wrap [ErrNoDomain].
	Load(ctx context.Context, job Job) error
	// Restart gives the job a new process, by the definition that stands there now. The error may wrap [ErrNoDomain].
	Restart(ctx context.Context, job Job) error
	// Unload ends the job's process and returns when it has ended. The job starts again with the computer or at login
	// as long as its definition stands.
	Unload(ctx context.Context, job Job) error
	// State tells how the job stands.
	State(ctx context.Context, job Job) (State, error)
	// Enabled tells whether the services start with the computer and at login, Enable has them, Disable no longer.
	// launchd needs none of it, for the place of a definition says it.
	Enabled(ctx context.Context) (bool, error)
	Enable(ctx context.Context) error
	Disable(ctx context.Context) error
	// StateHome returns XDG_STATE_HOME as the agent of a user gets it; empty where there is none. The user chooses it.
	// The error may wrap [ErrNoDomain].
	StateHome(ctx context.Context, uid uint32) (string, error)
	// Forget has the manager of the job read anew what definitions there are, after some were removed.
	Forget(ctx context.Context, job Job) error
}

// How long the service manager may take over one job. launchd and systemd kill a process that does not end, after 20
// seconds at most as the definitions say.
const (
	endsWithin   = 30 * time.Second
	startsWithin = 15 * time.Second
	// loadsWithin is how long launchd may refuse a job. It takes up to 15 seconds to forget one that was booted out
	// [LAUNCHCTL]; loadAgain is how often it is asked.
	loadsWithin = 45 * time.Second
	loadAgain   = 3 * time.Second
	// lookAgain is how often is looked whether a process is there, or gone. Neither launchctl nor systemctl --user
	// tells of it.
	lookAgain = 100 * time.Millisecond
)

// errNotYet is why [await] gave up.
var errNotYet = errors.New("it did not come to that in time")

// await looks until the job stands as wanted.
func await(ctx context.Context, manager Manager, job Job, limit time.Duration, wanted func(State) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errNotYet)
	defer cancel()
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		state, err := manager.State(ctx, job)
		if err == nil && wanted(state) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}
