package registration

import (
	"fmt"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
)

// reached reports whether a registration in state s has reached its user: the states before that wait for the user.
func (s State) reached() bool { return s != StatePreflight && s != StateWaitingForSession }

// saysSomething reports whether the end of a registration says something about its user, so that Jamf Pro and the fleet
// get a report. last is its state before the end. known reports whether the user was ever looked at.
//
// A cancelled gathering has found nothing, and neither has one that waited in vain for a user who was never seen.
// Otherwise any account could fill Jamf Pro's record of the Mac with empty reports.
func saysSomething(r *Registration, last State, known bool) bool {
	return r.Kind == KindRegister || r.State != StateCancelled && (known || last.reached())
}

// reportEnd puts an end other than a success into the outbox, if it says something.
func (m *Machine) reportEnd(tx *store.Tx, r *Registration, last State, now time.Time) error {
	known, err := m.config.Identities.In(tx, r.User)
	if err != nil {
		return fmt.Errorf("report the end of registration %s: %w", r.ID, err)
	}
	if !saysSomething(r, last, known != nil) {
		return nil
	}
	return m.report(tx, r, string(r.State), now)
}

// report puts a report for Jamf Pro into the outbox.
func (m *Machine) report(tx *store.Tx, r *Registration, outcome string, now time.Time) error {
	report := delivery.Report{
		RegistrationID: r.ID, UID: r.User.UID, UserName: r.User.Name, Outcome: outcome,
		FailureReason: string(r.FailureReason), Detail: r.FailureDetail, Identity: r.Identity, At: now,
	}
	if r.PortalExit != nil {
		report.PortalExitCode = r.PortalExit.Code
	}
	last, err := m.config.Identities.In(tx, r.User)
	if err != nil {
		return fmt.Errorf("report the end of registration %s: %w", r.ID, err)
	}
	if last != nil {
		if report.Identity == nil {
			// It replaces an older report, which may be the only one that names the registered user to Jamf Pro.
			report.Identity = &last.Identity
		}
		report.DeviceIDChange = last.Unreported()
	}
	queued, err := m.config.Outbox.Enqueue(tx, report)
	if err == nil && report.Identity != nil {
		err = m.config.Identities.Report(tx, r.User.UID, *report.Identity)
	}
	if err != nil {
		return fmt.Errorf("report the end of registration %s: %w", r.ID, err)
	}
	r.Delivery = progress(queued)
	return nil
}
