package registration

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc/status"

	"usher.internal/helper/store"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// What an agent may claim: more evidence than this is cut off.
const (
	maximumEvidence     = 16
	maximumCertificates = 64
	maximumAttribute    = 1024
)

// clockSlack is how much older than the registration a certificate may be and still be taken for its fruit: Entra issues
// them 30 minutes back [domain.md 3.3].
const clockSlack = time.Hour

// identityFailures says what a registration fails with when the identity is not REGISTERED.
var identityFailures = map[wpj.State]FailureReason{
	wpj.StateNotRegistered:  ReasonIdentityNotFound,
	wpj.StateUnreadable:     ReasonIdentityUnreadable,
	wpj.StateOrphaned:       ReasonIdentityOrphaned,
	wpj.StateExpired:        ReasonIdentityExpired,
	wpj.StateTenantMismatch: ReasonTenantMismatch,
}

// readIdentity asks an agent for the evidence and makes one identity of it.
func (d *driver) readIdentity(ctx context.Context, agent usherv1.UserAgentServiceClient) (wpj.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	response, err := agent.ReadIdentity(ctx, &usherv1.ReadIdentityRequest{})
	if err != nil {
		return wpj.Identity{}, fmt.Errorf("read identity: %w", err)
	}
	var evidence []wpj.Evidence
	for _, one := range response.GetEvidence()[:min(len(response.GetEvidence()), maximumEvidence)] {
		if len(one.GetCertificates()) > maximumCertificates {
			one.Certificates = one.Certificates[:maximumCertificates]
		}
		evidence = append(evidence, plausible(contract.EvidenceFromProto(one)))
	}
	return wpj.Evaluate(evidence, d.config.Tenant(), time.Now()), nil
}

// plausible returns evidence fit to be kept and shown. What cannot be from a keychain item is not cut to fit, since it
// would then say something else: such a source could not be looked at.
func plausible(evidence wpj.Evidence) wpj.Evidence {
	for _, text := range []string{
		string(evidence.UserPrincipalName), string(evidence.TenantID), string(evidence.Thumbprint), evidence.CloudHost,
	} {
		if len(text) > maximumAttribute || strings.ContainsFunc(text, unicode.IsControl) {
			return wpj.Evidence{
				Source: evidence.Source, ObservedAt: evidence.ObservedAt, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleFailed,
				Detail: "the agent told an attribute that no Workplace Join item has",
			}
		}
	}
	evidence.Detail = shown(evidence.Detail)
	return evidence
}

// settleIdentity reads the identity until it is what can be delivered, or it is clear that it will not be.
func (d *driver) settleIdentity(ctx context.Context, r *Registration) (decision, error) {
	reading, cancel := d.limited(ctx, r, d.config.IdentityTimeout)
	defer cancel()
	var last *wpj.Identity
	var lastError error
	for pause := identityPauseFirst; ; pause = min(2*pause, identityPauseLimit) {
		agent, err := d.config.Sessions.Await(reading, r.User.UID)
		if err == nil {
			var identity wpj.Identity
			if identity, err = d.readIdentity(reading, agent); err == nil {
				last = &identity
				if identity.State == wpj.StateRegistered && !stale(r, identity) {
					return d.deliver(identity, d.gatherWithJamf(ctx, agent, r)), nil
				}
				// A portal that has just succeeded may still be about to write what is missing, and half of it looks orphaned, or
				// is the older identity's.
				if r.PortalExit == nil {
					return d.noIdentity(r, last, nil), nil
				}
			}
		}
		if err != nil && reading.Err() == nil {
			lastError = err
			d.log.Info("agent did not tell the identity", "code", status.Code(err), "reason", contract.Reason(err))
		}
		if !sleep(reading, pause) {
			return d.noIdentity(r, last, lastError), nil
		}
	}
}

// stale tells whether the identity was there before a portal whose end nobody knows.
func stale(r *Registration, identity wpj.Identity) bool {
	return r.PortalExit.unknown() && identity.NotBefore.Before(r.CreatedAt.Add(-clockSlack))
}

// deliver decides for DELIVERING: the identity and the report to Jamf Pro go into the journal together.
func (d *driver) deliver(identity wpj.Identity, alsoDone string) decision {
	return func(tx *store.Tx, r *Registration) error {
		r.Identity = &identity
		if err := identities.Put(tx, userKey(r.User.UID), identity); err != nil {
			return err
		}
		return d.transition(tx, r, StateDelivering, identity.Detail+alsoDone)
	}
}

// noIdentity decides for FAILED, with the identity that is no good; nil is one that nobody could be asked for, because of
// err if that is known.
func (d *driver) noIdentity(r *Registration, identity *wpj.Identity, err error) decision {
	var failed decision
	switch {
	case identity == nil && err != nil:
		failed = d.fail(ReasonIdentityUnreadable, "The agent of %s could not read the identity: %s. Have the user log out and in, and run `usherctl gather`.", r.User.Name, answer(err))
	case identity == nil:
		failed = d.fail(ReasonIdentityUnreadable, "No agent of %s answered, so the identity could not be read. Have the user log in and run `usherctl gather`.", r.User.Name)
	case r.PortalExit.unknown() && identity.State == wpj.StateRegistered:
		failed = d.fail(ReasonPortalOutcomeUnknown, "Company Portal has ended and nothing tells how; the identity is older than this registration. Run `usherctl gather` to deliver it, or have the user register again.")
	case r.PortalExit.unknown():
		failed = d.fail(ReasonPortalOutcomeUnknown, "Company Portal has ended, nothing tells how, and the identity is %s: %s", identity.State, identity.Detail)
	default:
		failed = d.fail(identityFailures[identity.State], "%s: %s", identity.State, identity.Detail)
	}
	return func(tx *store.Tx, r *Registration) error {
		if identity != nil {
			r.Identity = identity
			if err := identities.Put(tx, userKey(r.User.UID), *identity); err != nil {
				return err
			}
		}
		return failed(tx, r)
	}
}

// gatherWithJamf has Jamf's own gatherAADInfo run, where that is configured, and says how it went. usher's own delivery
// does not depend on it.
func (d *driver) gatherWithJamf(ctx context.Context, agent usherv1.UserAgentServiceClient, r *Registration) string {
	if !d.config.GatherWithJamf || r.PortalExit == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, gatherWithin)
	defer cancel()
	response, err := agent.GatherWithJamf(ctx, &usherv1.GatherWithJamfRequest{})
	if err != nil {
		return fmt.Sprintf("; Jamf's gatherAADInfo did not run: %s", shown(err.Error()))
	}
	return fmt.Sprintf("; Jamf's gatherAADInfo ended with %d, have_an_Azure_id is %t", response.GetExitCode(), response.GetHaveAnAzureId())
}
