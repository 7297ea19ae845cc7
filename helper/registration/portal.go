package registration

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/store"
	"usher.internal/internal/contract"
	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// Limits on what an agent may add to a registration.
const (
	maximumMilestones      = 64
	maximumMilestoneLength = 200
	maximumDetailLength    = 500
	// maximumEvents is how many messages one call may bring; the next call comes after a pause.
	maximumEvents = 1000
)

// portalRefusals maps an agent's reason for not running the portal to the reason with which the registration fails.
var portalRefusals = map[usherv1.ErrorReason]FailureReason{
	usherv1.ErrorReason_ERROR_REASON_PORTAL_NOT_RUNNABLE:    ReasonPortalLaunchFailed,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_ALREADY_RUNNING: ReasonPortalAlreadyRunning,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_BUSY:            ReasonPortalAlreadyRunning,
	usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED:         ReasonAgentOutdated,
}

// followPortal has the agent launch Company Portal, or attaches to it, and follows it to its end. The agent may
// disconnect and come back meanwhile, and so may this helper: the portal is launched once.
func (d *driver) followPortal(ctx context.Context, r *Registration) (decision, error) {
	signingIn, cancel := d.limited(ctx, r, r.SignInTimeout)
	defer cancel()
	lostLevel := slog.LevelInfo
	for pauses := agentPauses; ; {
		ended, err := d.followOnce(signingIn, r)
		if ended != nil {
			return ended, nil
		}
		if signingIn.Err() == nil {
			if refused := d.refusal(r, err); refused != nil {
				return refused, nil
			}
			d.log.Log(ctx, lostLevel, "agent lost; waiting for it to reconnect to its portal", "code", status.Code(err),
				"reason", contract.Reason(err))
			d.log.Debug("agent lost", "error", shown(err.Error()))
			lostLevel = slog.LevelDebug // once at Info is enough
		}
		d.lookAgain = true
		if !pauses.Wait(signingIn) {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			// This is before the portal is stopped. So a helper that ends meanwhile does not treat its own signal
			// as that of another process.
			return func(_ *store.Tx, r *Registration) error {
				r.TimedOutAt = time.Now()
				return nil
			}, nil
		}
	}
}

// endTimedOut stops the portal of a user whose time is over, and decides by how the portal ended. A portal that
// finished in the last moment, while its agent was away, has not failed.
func (d *driver) endTimedOut(ctx context.Context, r *Registration) decision {
	exit, how := d.stopPortal(ctx, *r)
	if exit != nil && exit.Code != nil && r.State == StateWaitingForSignIn {
		return d.portalEnded(exit)
	}
	timedOut := d.fail(ReasonSignInTimeout, "%s did not finish signing in within %s; %s; have the user register again.",
		r.User.Name, r.SignInTimeout, how)
	return func(tx *store.Tx, r *Registration) error {
		r.PortalExit = exit
		return timedOut(tx, r)
	}
}

// refusal returns the decision that follows from an agent's answer. It is nil if another call may get another answer: a
// running portal may be attached to again until the user's time is over.
func (d *driver) refusal(r *Registration, err error) decision {
	reason := contract.Reason(err)
	failure, known := portalRefusals[reason]
	switch {
	case reason == usherv1.ErrorReason_ERROR_REASON_PLATFORM_SSO_CONFIGURED:
		return d.userActs(r, nil, "Microsoft's Platform SSO is configured for this user; if usher does not see "+
			"the registration, add platform_sso to identity.sources")
	// an agent that is up to date can attach to a running portal
	case known && (failure != ReasonAgentOutdated || r.State == StateLaunchingPortal):
		return d.fail(failure, "%s.", strings.TrimRight(answer(err), "."))
	case reason == usherv1.ErrorReason_ERROR_REASON_PORTAL_RUN_NOT_FOUND && d.insteadOfPortal != nil &&
		r.State == StateLaunchingPortal:
		return d.insteadOfPortal
	case reason == usherv1.ErrorReason_ERROR_REASON_PORTAL_RUN_NOT_FOUND && r.State == StateWaitingForSignIn:
		return d.portalEnded(&wpj.Exit{})
	case r.State == StateLaunchingPortal &&
		reason != usherv1.ErrorReason_ERROR_REASON_UNSPECIFIED && !gone(err) &&
		status.Code(err) != codes.ResourceExhausted:
		return d.fail(ReasonPortalLaunchFailed, "usher-agent did not launch Company Portal: %s.",
			strings.TrimRight(answer(err), "."))
	}
	return nil
}

// followOnce follows the portal over one call to one agent. It returns a decision when the portal has ended, and the
// call's error otherwise.
func (d *driver) followOnce(ctx context.Context, r *Registration) (decision, error) {
	agent, err := d.config.Sessions.Await(ctx, r.User.UID)
	if err != nil {
		return nil, err
	}
	if d.lookAgain && r.State == StateLaunchingPortal {
		if err := d.mayLaunch(ctx, agent, r); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := agent.RunPortal(ctx, &usherv1.RunPortalRequest{
		RegistrationId: r.ID,
		AttachOnly:     r.State == StateWaitingForSignIn || d.insteadOfPortal != nil,
	})
	if err != nil {
		return nil, err
	}
	for range maximumEvents {
		message, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		switch event := message.GetEvent().(type) {
		case *usherv1.RunPortalResponse_Started:
			if r.State == StateLaunchingPortal {
				evidence := fmt.Sprintf("Company Portal runs as pid %d", event.Started.GetPid())
				if err := d.commit(ctx, r, d.to(StateWaitingForSignIn, evidence)); err != nil {
					return nil, err
				}
			}
		case *usherv1.RunPortalResponse_Milestone:
			milestone := contract.MilestoneFromProto(event.Milestone)
			milestone.Detail = oneline.Of(milestone.Detail, maximumMilestoneLength)
			if slices.ContainsFunc(r.Milestones, milestone.Same) || len(r.Milestones) >= maximumMilestones {
				continue // repeated after a second attach, or more than any portal has
			}
			err := d.commit(ctx, r, func(_ *store.Tx, r *Registration) error {
				r.Milestones = append(r.Milestones, milestone)
				return nil
			})
			if err != nil {
				return nil, err
			}
		case *usherv1.RunPortalResponse_Exit:
			if r.State == StateLaunchingPortal { // an agent that did not say when it started the portal
				if err := d.commit(ctx, r, d.to(StateWaitingForSignIn, "Company Portal has run")); err != nil {
					return nil, err
				}
			}
			return d.portalEnded(cmp.Or(contract.ExitFromProto(event.Exit), &wpj.Exit{})), nil
		}
	}
	return nil, fmt.Errorf("agent sent more than %d events of one portal", maximumEvents)
}

// shown makes a short line of an agent's text.
func shown(text string) string { return oneline.Of(text, maximumDetailLength) }

// portalEnded returns the decision that follows from the portal's end.
func (d *driver) portalEnded(exit *wpj.Exit) decision {
	var next decision
	switch {
	case exit.Unknown():
		next = d.to(StateReadingIdentity, "Company Portal has ended, and neither its exit code nor its log says how")
	case exit.Signal != 0:
		next = d.fail(ReasonPortalKilled, "%s", exit.Info().Admin)
	case *exit.Code == wpj.ExitSuccess:
		next = d.to(StateReadingIdentity, "Company Portal ended with "+exit.Code.String())
	default:
		next = d.fail(ReasonPortalFailed, "Company Portal ended with %s: %s", exit.Code, exit.Info().Admin)
	}
	return func(tx *store.Tx, r *Registration) error {
		r.PortalExit = exit
		return next(tx, r)
	}
}

// stopPortal ends the portal of a registration as far as possible. It returns how the portal ended, nil if that is not
// known, and how stopping it went, as part of a sentence. It waits for an agent that is away, since its portal may
// still run.
func (d *driver) stopPortal(ctx context.Context, r Registration) (exit *wpj.Exit, how string) {
	reachWithin := returnWithin
	if d.resumed {
		reachWithin = reconnectWithin
	}
	reaching, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	agent, err := d.config.Sessions.Await(reaching, r.User.UID)
	if err != nil {
		return nil, "the user has logged out or usher-agent does not run, so that Company Portal may still be open"
	}
	stopping, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	stopped, err := agent.StopPortal(stopping, &usherv1.StopPortalRequest{RegistrationId: r.ID})
	switch {
	case err == nil:
		return contract.ExitFromProto(stopped.GetExit()), "Company Portal was closed"
	case contract.Reason(err) == usherv1.ErrorReason_ERROR_REASON_PORTAL_RUN_NOT_FOUND:
		return nil, "Company Portal did not run"
	}
	d.log.Warn("portal not stopped", "code", status.Code(err), "reason", contract.Reason(err))
	return nil, "Company Portal could not be closed"
}
