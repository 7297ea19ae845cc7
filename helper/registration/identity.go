package registration

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/status"

	"usher.internal/helper/observation"
	"usher.internal/helper/store"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// clockSlack is how much older than the registration a certificate may be and still be accepted as its result: Entra
// dates them back by 30 minutes [FL-S1].
const clockSlack = time.Hour

// identityFailures maps each state to the reason with which a registration fails when the user is not registered.
var identityFailures = map[wpj.State]FailureReason{
	wpj.StateNotRegistered:         ReasonIdentityNotFound,
	wpj.StateNotApplicable:         ReasonIdentityNotFound,
	wpj.StatePortalMissing:         ReasonIdentityNotFound,
	wpj.StatePlatformSSOConfigured: ReasonIdentityNotFound,
	wpj.StateUnreadable:            ReasonIdentityUnreadable,
	wpj.StateNoSession:             ReasonIdentityUnreadable,
	wpj.StateCannotTell:            ReasonIdentityUnreadable,
	wpj.StatePending:               ReasonIdentityUnreadable,
	wpj.StateOrphaned:              ReasonIdentityOrphaned,
	wpj.StateUserNotRegistered:     ReasonIdentityOrphaned,
	wpj.StateUserKeyInvalid:        ReasonIdentityOrphaned,
	wpj.StateNeedsBinding:          ReasonIdentityOrphaned,
	wpj.StateNeedsRegistration:     ReasonIdentityOrphaned,
	wpj.StateNeedsKeys:             ReasonIdentityOrphaned,
	wpj.StateNeedsRepair:           ReasonIdentityOrphaned,
	wpj.StateExpired:               ReasonIdentityExpired,
	wpj.StateTenantMismatch:        ReasonTenantMismatch,
}

// readIdentity asks an agent for the state of its user.
func (d *driver) readIdentity(ctx context.Context, agent usherv1.UserAgentServiceClient,
	r *Registration) (observation.Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	return d.config.Identities.Read(ctx, agent, r.User)
}

// settleIdentity reads the identity until it can be delivered, or until it is clear that it never can.
func (d *driver) settleIdentity(ctx context.Context, r *Registration) (decision, error) {
	reading, cancel := d.limited(ctx, r, d.config.Settings().IdentityTimeout)
	defer cancel()
	var last *observation.Reading
	var lastError error
	for pauses := identityPauses; ; {
		agent, err := d.config.Sessions.Await(reading, r.User.UID)
		if err == nil {
			var found observation.Reading
			if found, err = d.readIdentity(reading, agent, r); err == nil {
				last = &found
				if found.Identity.State.Registered() && !stale(r, found.Identity) {
					return d.gatherAndDeliver(ctx, agent, r, found), nil
				}
				// A portal that has just succeeded may still be writing the missing items. A half-written identity
				// looks orphaned, or like the older one. The deadline was extended so that the agent can come back, and
				// it is back now.
				if r.PortalExit == nil || time.Now().After(r.Deadline) {
					return d.noIdentity(r, last, nil), nil
				}
			}
		}
		if contract.Reason(err) == usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED {
			return d.fail(ReasonAgentOutdated, "The identity of %s could not be read: %s; then run `usherctl gather`.",
				r.User.Name, answer(err)), nil
		}
		if err != nil && reading.Err() == nil {
			lastError = err
			d.log.Info("agent did not return the identity", "code", status.Code(err), "reason", contract.Reason(err))
		}
		if !pauses.Wait(reading) {
			return d.noIdentity(r, last, lastError), nil
		}
	}
}

// stale reports whether the identity existed before a portal whose end is unknown.
func stale(r *Registration, identity wpj.Identity) bool {
	return r.PortalExit.Unknown() && identity.NotBefore.Before(r.CreatedAt.Add(-clockSlack))
}

// gatherAndDeliver returns the decision for DELIVERING. If Jamf's own gatherAADInfo has run, its result is read too.
func (d *driver) gatherAndDeliver(ctx context.Context, agent usherv1.UserAgentServiceClient, r *Registration,
	found observation.Reading) decision {
	gathered := d.gatherWithJamf(ctx, agent, r, found.Identity.State)
	if gathered != "" {
		if again, err := d.readIdentity(ctx, agent, r); err == nil && again.Identity.State.Registered() {
			found = again
		}
	}
	return d.deliver(found, gathered)
}

// deliver returns the decision for DELIVERING: the identity and the report to Jamf Pro are written to the journal
// together.
func (d *driver) deliver(found observation.Reading, alsoDone string) decision {
	return func(tx *store.Tx, r *Registration) error {
		if err := d.keep(tx, r, found); err != nil {
			return err
		}
		return d.transition(tx, r, StateDelivering, found.Identity.Sentence()+alsoDone)
	}
}

func (d *driver) keep(tx *store.Tx, r *Registration, found observation.Reading) error {
	r.Identity = &found.Identity
	_, err := d.config.Identities.Keep(tx, r.User, found)
	return err
}

// noIdentity returns the decision for FAILED, with the unusable identity. It is nil if nobody could be asked; err says
// why, if that is known.
func (d *driver) noIdentity(r *Registration, last *observation.Reading, err error) decision {
	var identity *wpj.Identity
	if last != nil {
		identity = &last.Identity
	}
	var failed decision
	switch {
	case identity == nil && err != nil:
		failed = d.fail(ReasonIdentityUnreadable,
			"The agent of %s could not read the identity: %s. Have the user log out and in, and run `usherctl gather`.",
			r.User.Name, answer(err))
	case identity == nil:
		failed = d.fail(ReasonIdentityUnreadable,
			"No agent of %s answered, so the identity could not be read. Have the user log in and run "+
				"`usherctl gather`.", r.User.Name)
	case r.PortalExit.Unknown() && identity.State.Registered():
		failed = d.fail(ReasonPortalOutcomeUnknown,
			"Company Portal has ended in an unknown way; the identity is older than this registration. Run "+
				"`usherctl gather` to deliver it, or have the user register again.")
	case r.PortalExit.Unknown():
		failed = d.fail(ReasonPortalOutcomeUnknown,
			"Company Portal has ended in an unknown way, and the identity is %s: %s",
			identity.State, identity.Sentence())
	default:
		failed = d.fail(identityFailures[identity.State], "%s: %s", identity.State, identity.Sentence())
	}
	return func(tx *store.Tx, r *Registration) error {
		if identity != nil {
			if err := d.keep(tx, r, *last); err != nil {
				return err
			}
		}
		return failed(tx, r)
	}
}

// jamfLacks are the states of a user who is registered but whose identity Jamf has not acquired.
var jamfLacks = []wpj.State{wpj.StateDeactivated, wpj.StateNotReported, wpj.StateDeviceIDChanged}

// gatherWithJamf runs Jamf's own gatherAADInfo, if that is configured, and says how it went. It runs after a portal,
// and when somebody gathers an identity that Jamf lacks. No other user is asked to sign in once more. usher's own
// delivery does not depend on it.
func (d *driver) gatherWithJamf(ctx context.Context, agent usherv1.UserAgentServiceClient, r *Registration,
	state wpj.State) string {
	lacking := r.Kind == KindGather && slices.Contains(jamfLacks, state)
	if d.config.GatherWithJamf == nil || r.PortalExit == nil && !lacking {
		return ""
	}
	wanted, err := d.config.GatherWithJamf(ctx)
	if err != nil {
		d.log.Warn("it is not known whether Jamf's gatherAADInfo is needed, so it does not run", "error", err)
		return "; Jamf's gatherAADInfo did not run: it is not known whether this Mac needs it, since " + answer(err)
	}
	if !wanted {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, gatherWithin)
	defer cancel()
	response, err := agent.GatherWithJamf(ctx, &usherv1.GatherWithJamfRequest{})
	if err != nil {
		return fmt.Sprintf("; Jamf's gatherAADInfo did not run: %s", answer(err))
	}
	return fmt.Sprintf("; Jamf's gatherAADInfo ended with %d, have_an_Azure_id is %t", response.GetExitCode(),
		response.GetHaveAnAzureId())
}
