package launchd

import (
	"context"
	"errors"
	"time"
)

// ErrNoDomain says that the session cannot take a job now: the user has no graphical session, or is just logging in or
// out. Their agent starts at login.
var ErrNoDomain = errors.New("the session takes no service now")

// Job is one service: the helper, or the agent of one user.
type Job struct {
	// Agent is true for the agent of the user with that uid, and false for the helper.
	Agent bool
	UID   uint32
}

// State is the state of a job.
type State struct {
	// Loaded reports whether the service manager knows the job. Running reports whether it has a process; PID is its
	// pid.
	Loaded, Running bool
	PID             int
	// Leaving says that the job is about to be forgotten: it is still Loaded, and its process will end.
	Leaving bool
	// LastExit is how its process last ended, in the service manager's words. It is empty if that is not known.
	LastExit string
}

// Manager holds the operations of launchd or systemd for an [Installer]. All of them may be repeated.
type Manager interface {
	// Load runs the job now, and from then on at each start of the computer or login. It returns when the job has a
	// process. The error may wrap [ErrNoDomain].
	Load(ctx context.Context, job Job) error
	// Restart gives the job a new process, by its current definition. The error may wrap [ErrNoDomain].
	Restart(ctx context.Context, job Job) error
	// Unload ends the job's process and returns when it has ended. The job starts again with the computer or at login
	// while its definition exists.
	Unload(ctx context.Context, job Job) error
	// State returns the state of the job.
	State(ctx context.Context, job Job) (State, error)
	// Enabled reports whether the services start with the computer and at login. Enable turns this on, and Disable off.
	// launchd needs none of these: the location of a definition is enough.
	Enabled(ctx context.Context) (bool, error)
	Enable(ctx context.Context) error
	Disable(ctx context.Context) error
	// StateHome returns XDG_STATE_HOME of a user's agent; empty if there is none. The user chooses it. The error may
	// wrap [ErrNoDomain].
	StateHome(ctx context.Context, uid uint32) (string, error)
	// Forget makes the job's manager read the definitions again after some were removed.
	Forget(ctx context.Context, job Job) error
}

// The limit of the service manager for one job. launchd and systemd kill a process that does not end, after at most 20
// seconds by our definitions.
const (
	endsWithin   = 30 * time.Second
	startsWithin = 15 * time.Second
	// loadsWithin is how long launchd may refuse a job. It takes up to 15 seconds to forget one that was booted out
	// [LAUNCHCTL]. loadAgain is the pause between attempts.
	loadsWithin = 45 * time.Second
	loadAgain   = 3 * time.Second
	// lookAgain is the pause between checks for a process. Neither launchctl nor systemctl --user reports a change.
	lookAgain = 100 * time.Millisecond
)

// errNotYet is why [await] gave up.
var errNotYet = errors.New("it did not happen in time")

// await checks until the job is in the wanted state.
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
