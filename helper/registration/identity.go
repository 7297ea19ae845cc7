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

// clockSlack is how much older than the registration a certificate may be and still be taken for its fruit: Entra
// issues them 30 minutes back [FL-S1].
const clockSlack = time.Hour

// identityFailures says what a registration fails with when the user is not registered.
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

// readIdentity asks an agent how its user stands.
func (d *driver) readIdentity(ctx context.Context, agent usherv1.UserAgentServiceClient,
	r *Registration) (observation.Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	return d.config.Identities.Read(ctx, agent, r.User)
}

// settleIdentity reads the identity until it is what can be delivered, or it is clear that it will not be.
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
				// A portal that has just succeeded may still be about to write what is missing, and half of it looks
				// orphaned, or is the older identity's. What the deadline was extended for, that the agent comes back,
				// has happened.
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
			d.log.Info("agent did not tell the identity", "code", status.Code(err), "reason", contract.Reason(err))
		}
		if !pauses.Wait(reading) {
			return d.noIdentity(r, last, lastError), nil
		}
	}
}

// stale tells whether the identity was there before a portal whose end nobody knows.
func stale(r *Registration, identity wpj.Identity) bool {
	return r.PortalExit.Unknown() && identity.NotBefore.Before(r.CreatedAt.Add(-clockSlack))
}

// gatherAndDeliver decides for DELIVERING. Where Jamf's own gatherAADInfo has run, what it left is looked at too.
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

// deliver decides for DELIVERING: the identity and the report to Jamf Pro go into the journal together.
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

// noIdentity decides for FAILED, with the identity that is no good; nil is one that nobody could be asked for, because
// of err if that is known.
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
			"Company Portal has ended and nothing tells how; the identity is older than this registration. Run "+
				"`usherctl gather` to deliver it, or have the user register again.")
	case r.PortalExit.Unknown():
		failed = d.fail(ReasonPortalOutcomeUnknown,
			"Company Portal has ended, nothing tells how, and the identity is %s: %s", identity.State,
			identity.Sentence())
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

// jamfLacks are the states of a user who is registered and whose identity Jamf has not acquired.
var jamfLacks = []wpj.State{wpj.StateDeactivated, wpj.StateNotReported, wpj.StateDeviceIDChanged}

// gatherWithJamf has Jamf's own gatherAADInfo run, where that is configured, and says how it went: after a portal, and
// when somebody gathers what Jamf lacks. Nobody else is asked to sign in once more. usher's own delivery does not
// depend on it.
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
