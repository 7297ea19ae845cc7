package registration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/observation"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// checkWithin is how long the preflight may take.
const checkWithin = time.Minute

// presentWithin is how long an agent may take to connect and to answer, if nothing is lost without it.
const presentWithin = 5 * time.Second

// preflight checks for conditions that would make the registration fail. A check that could not be done blocks nothing.
func (d *driver) preflight(ctx context.Context, r *Registration) (decision, error) {
	if r.Kind == KindGather {
		return d.to(StateWaitingForSession, "gathering needs no portal"), nil
	}
	checking, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	err := d.config.Preflight.Check(checking)
	if err == nil {
		return d.to(StateWaitingForSession, "nothing blocks Company Portal"), nil
	}
	if trouble, ok := errors.AsType[*PreflightError](err); ok {
		found := d.present(checking, r)
		if found != nil && found.Identity.State.Registered() {
			return d.to(StateWaitingForSession,
				"the user is registered already, so this blocks nothing: "+trouble.Detail), nil
		}
		// A user who registers with Platform SSO does not need Company Portal to run.
		if found != nil {
			if action := d.userAction(r, found); action != nil {
				return action, nil
			}
		} else if d.profileNamesMicrosoft(r) {
			return d.to(StateWaitingForSession,
				"a profile configures Microsoft's Platform SSO, so this blocks nothing: "+trouble.Detail), nil
		}
		return d.fail(trouble.Reason, "%s", trouble.Detail), nil
	}
	return d.to(StateWaitingForSession, "the preflight could not be completed: "+shown(err.Error())), nil
}

// present returns the identity of a user who is logged in; nil if nobody can read it now.
func (d *driver) present(ctx context.Context, r *Registration) *observation.Reading {
	ctx, cancel := context.WithTimeout(ctx, presentWithin)
	defer cancel()
	agent, err := d.config.Sessions.Await(ctx, r.User.UID)
	if err != nil {
		return nil
	}
	found, err := d.readIdentity(ctx, agent, r)
	if err != nil {
		return nil
	}
	return &found
}

// awaitSession waits for the user to log in, and checks whether there is anything left to do.
func (d *driver) awaitSession(ctx context.Context, r *Registration) (decision, error) {
	timeout := d.config.Settings().SessionTimeout
	waiting, cancel := d.limited(ctx, r, timeout)
	defer cancel()
	for pauses := agentPauses; ; {
		agent, err := d.config.Sessions.Await(waiting, r.User.UID)
		if owner, lookUpErr := accounts.ByUID(r.User.UID); err == nil && lookUpErr == nil && owner.Name != r.User.Name {
			return d.fail(ReasonSessionTimeout,
				"the account %s was deleted before its user logged in; %s has its uid now. Register that "+
					"user instead.",
				r.User.Name, owner.Name), nil
		}
		if err == nil && r.Kind == KindGather {
			return d.to(StateReadingIdentity, "the user's agent is connected"), nil
		}
		if err == nil {
			var found observation.Reading
			found, err = d.readIdentity(waiting, agent, r)
			identity := found.Identity
			switch {
			case err == nil && identity.State.Registered():
				return d.to(StateReadingIdentity, "registered already: "+identity.Sentence()), nil
			case err == nil:
				if action := d.userAction(r, &found); action != nil {
					return action, nil
				}
				return d.to(StateLaunchingPortal, fmt.Sprintf("%s: %s", identity.State, identity.Sentence())), nil
			case !isOver(waiting, err) && !gone(err):
				if action := d.userAction(r, nil); action != nil {
					return action, nil
				}
				// An agent that cannot look does not keep the user from registering.
				return d.to(StateLaunchingPortal,
					"it is not known whether the user is registered already: "+answer(err)), nil
			}
			d.log.Debug("agent did not return the identity", "error", err)
		}
		if !pauses.Wait(waiting) {
			return d.fail(ReasonSessionTimeout,
				"%s did not log in, or usher-agent did not start, within %s; have the user log in and register again.",
				r.User.Name, timeout), nil
		}
	}
}

// echoWithin is how much earlier than our end the agent's end of a call may see the call's deadline.
const echoWithin = time.Second

// isOver reports whether a call failed because the time of waiting is over. The agent knows the deadline too, and may
// be the first to report it; that is not an answer of the agent.
func isOver(waiting context.Context, err error) bool {
	deadline, limited := waiting.Deadline()
	return waiting.Err() != nil ||
		limited && status.Code(err) == codes.DeadlineExceeded && time.Until(deadline) < echoWithin
}

// gone reports whether a call failed because the agent is away, and not because of its answer.
func gone(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.Canceled
}

// answer returns the agent's text in an error, fit for a sentence.
func answer(err error) string {
	if gone(err) && contract.Reason(err) == usherv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return "the agent ended before it answered" // the rest is gRPC's own words about its transport
	}
	// The message of a wrapped status is only in the status itself.
	if said, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		return shown(said.GRPCStatus().Message())
	}
	return shown(err.Error())
}
