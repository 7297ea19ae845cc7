package registration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"usher.internal/helper/store"
	"usher.internal/internal/backoff"
	"usher.internal/internal/wpj"
)

// Pauses after failures that may pass: a journal that cannot be written, and an agent that does not answer.
var (
	journalPauses  = backoff.Pauses{First: time.Second, Longest: 30 * time.Second}
	agentPauses    = backoff.Pauses{First: 100 * time.Millisecond, Longest: 5 * time.Second}
	identityPauses = backoff.Pauses{First: time.Second, Longest: 10 * time.Second}
)

// How long the agent may take for calls that do not wait for a person.
const (
	readWithin   = 30 * time.Second
	returnWithin = 15 * time.Second
	stopWithin   = 15 * time.Second
	gatherWithin = 11 * time.Minute
	// reconnectWithin is how long an agent may take to find a restarted helper. The pauses of the agent grow to half of
	// it.
	reconnectWithin = time.Minute
)

// driver brings one registration to its end, or to DELIVERING, where the outbox takes over. One goroutine owns it.
type driver struct {
	*Machine
	id  string
	log *slog.Logger
	// resumed is true until the first decision about a registration that an earlier usherd began.
	resumed bool
	// lookAgain is true if a portal was about to be launched some time ago. Nobody has checked since whether it may
	// run.
	lookAgain bool
	// insteadOfPortal is the decision if the portal has not run yet and must not run; nil if it may.
	insteadOfPortal decision
}

func newDriver(m *Machine, id string, resumed bool) *driver {
	return &driver{Machine: m, id: id, log: m.log.With("registration_id", id), resumed: resumed}
}

// decision is the result of a step: the change of the registration that follows, made in one transaction.
type decision func(tx *store.Tx, r *Registration) error

// to returns the decision for a state.
func (d *driver) to(next State, evidence string) decision {
	return func(tx *store.Tx, r *Registration) error { return d.transition(tx, r, next, evidence) }
}

// fail returns the decision for FAILED.
func (d *driver) fail(reason FailureReason, format string, arguments ...any) decision {
	detail := fmt.Sprintf(format, arguments...)
	return func(tx *store.Tx, r *Registration) error {
		r.FailureReason, r.FailureDetail = reason, detail
		return d.transition(tx, r, StateFailed, detail)
	}
}

// run takes one step after the other until the registration needs none. It returns earlier when alive ends, and the
// registration keeps its state. When only ctx ends, the registration was cancelled, and the journal says so.
func (d *driver) run(alive, ctx context.Context) {
	for pauses := journalPauses; alive.Err() == nil; {
		r, err := d.Get(d.id)
		switch {
		case errors.Is(err, ErrNotFound):
			d.lost(err)
			return
		case err != nil:
			d.log.Error("registration cannot be read", "error", err, "again_in",
				pauses.Bound(pauses.Failures()+1))
			pauses.Wait(alive)
			continue
		}
		if r.State.Ended() || r.State == StateDelivering {
			return
		}
		next, ok := d.decide(alive, ctx, &r)
		if !ok {
			continue
		}
		d.resumed = false
		if err := d.commit(alive, &r, next); err != nil {
			if errors.Is(err, ErrNotFound) {
				d.lost(err)
			} else if alive.Err() == nil {
				d.log.Error("registration is stuck until usherd restarts: it cannot be ended", "error", err)
			}
			return
		}
	}
}

// lost logs that the registration is no longer in the journal, and wakes everyone who watches it.
func (d *driver) lost(err error) {
	d.log.Error("registration was lost with a damaged journal", "error", err)
	d.watchers.wake(d.id)
}

// decide blocks until the next decision is known. It returns false when the journal has to be read again.
func (d *driver) decide(alive, ctx context.Context, r *Registration) (next decision, ok bool) {
	if r.CancelledBy != "" {
		return d.cancel(alive, *r), alive.Err() == nil
	}
	next, err := d.step(ctx, r)
	if ctx.Err() != nil || r.CancelledBy != "" { // a step that writes sees the cancel before ctx ends
		return nil, false
	}
	if err != nil {
		// An error that a step cannot handle ends the registration, so that it never hangs.
		d.log.Error("registration hit a defect", "state", r.State, "error", err)
		next = d.defect(r, err)
	}
	return next, true
}

// defect returns the decision for FAILED after something that cannot happen.
func (d *driver) defect(r *Registration, err error) decision {
	return d.fail(ReasonInternal,
		"usherd hit a defect while the registration was %s: %s. Register again, and report it.", r.State,
		shown(err.Error()))
}

// commit makes a decision about r durable, and updates r to what the journal holds. While the journal cannot be
// written, the registration is held where it is, and nothing else happens to it. A commit of any other registration
// ends the pause. A decision that the journal refuses for another reason is a defect, and ends the registration. The
// error is that of ctx, or that of a defect that does not even let the registration fail.
//
// A decision applies to the registration as it was. If the journal holds a newer revision, the decision is dropped: the
// registration was cancelled, or a commit reached the disk although it was reported as failed.
func (d *driver) commit(ctx context.Context, r *Registration, next decision) error {
	written, stop := d.watchers.watch(anyRegistration)
	defer stop()
	defective := false
	for pauses := journalPauses; ; {
		newer := false
		changed, err := d.change(d.id, func(tx *store.Tx, now *Registration) error {
			if newer = now.Revision != r.Revision; newer {
				*r = *now
				return errNewer
			}
			return next(tx, now)
		})
		switch {
		case newer:
			return nil
		case err == nil:
			if pauses.Failures() > 0 {
				d.log.Info("journal can be written again; the registration continues")
			}
			*r = changed
			return nil
		case !errors.Is(err, store.ErrUnwritable):
			if defective {
				return err
			}
			d.log.Error("decision refused", "state", r.State, "error", err)
			next, defective = d.defect(r, err), true
			continue
		case pauses.Failures() == 0:
			d.log.Error("journal cannot be written; the registration waits for it", "state", r.State, "error", err)
		}
		timer := time.NewTimer(pauses.Next())
		select {
		case <-timer.C:
		case <-written:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// errNewer ends a transaction about a registration that has changed meanwhile.
var errNewer = errors.New("the registration has changed meanwhile")

// limited returns ctx with the deadline of r's state, which began with a limit of so much time. Time passes while
// usherd is away. But the agent may report something that happened in time, so an agent that has to reconnect gets
// extra time. A clock that was set back makes no state longer.
func (d *driver) limited(ctx context.Context, r *Registration, length time.Duration) (context.Context,
	context.CancelFunc) {
	left := min(time.Until(r.Deadline), length)
	if d.resumed {
		left = max(left, reconnectWithin)
	}
	return context.WithTimeout(ctx, left)
}

// step does the work of the registration's state. It blocks until the next decision is known, or ctx ends. It keeps r
// as the journal has it.
func (d *driver) step(ctx context.Context, r *Registration) (decision, error) {
	switch r.State {
	case StatePreflight:
		return d.preflight(ctx, r)
	case StateWaitingForSession:
		return d.awaitSession(ctx, r)
	case StateLaunchingPortal, StateWaitingForSignIn:
		if !r.TimedOutAt.IsZero() {
			return d.endTimedOut(ctx, r), nil
		}
		d.lookAgain = d.resumed
		return d.followPortal(ctx, r)
	case StateReadingIdentity:
		return d.settleIdentity(ctx, r)
	}
	return nil, fmt.Errorf("this version does not know the state %q, which another version left in the journal",
		r.State)
}

// cancel ends anything that runs for a cancelled registration, and returns the decision for CANCELLED.
func (d *driver) cancel(ctx context.Context, r Registration) decision {
	detail := "Cancelled by " + r.CancelledBy
	var exit *wpj.Exit
	if r.State.PortalMayRun() {
		var how string
		exit, how = d.stopPortal(ctx, r)
		detail += "; " + how
	}
	detail += "."
	return func(tx *store.Tx, r *Registration) error {
		r.PortalExit, r.FailureDetail = exit, detail
		return d.transition(tx, r, StateCancelled, detail)
	}
}
