package delivery

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"usher.internal/internal/wpj"
)

// Report is the content of a delivery: how a registration ended or, without one, the state of a user. Jamf Pro gets the
// state of the whole Mac at the time of delivery; a fleet gets each report.
type Report struct {
	// RegistrationID is empty if the report is not about a registration; then so are Outcome, FailureReason, Detail and
	// PortalExitCode.
	RegistrationID string `json:"registration_id,omitempty"`
	// UID and UserName are the account on this computer; reports are ordered and superseded by UID. Both are empty if
	// usherd knows no user any more.
	UID      uint32 `json:"uid"`
	UserName string `json:"user_name"`
	// Outcome is the name of the registration state that is reported, for example SUCCEEDED or FAILED.
	Outcome string `json:"outcome,omitempty"`
	// FailureReason is the name of the reason if Outcome is FAILED. Detail is one sentence for an admin.
	FailureReason string `json:"failure_reason,omitempty"`
	Detail        string `json:"detail,omitempty"`
	// PortalExitCode is nil if Company Portal did not run or its exit code is unknown.
	PortalExitCode *wpj.ExitCode `json:"portal_exit_code,omitempty"`
	// Identity is nil if it was not read; then the report says nothing about it.
	Identity *wpj.Identity `json:"identity,omitempty"`
	// DeviceIDChange is set if the device has become another one since the last report.
	DeviceIDChange *DeviceIDChange `json:"device_id_change,omitempty"`
	// At is when the registration reached Outcome, or when the user was looked at.
	At time.Time `json:"at"`
}

// DeviceIDChange means that the same user of the same Mac is now another device in Entra.
type DeviceIDChange struct {
	Old wpj.DeviceID `json:"old"`
	New wpj.DeviceID `json:"new"`
	At  time.Time    `json:"at"`
}

// and returns one change for two, where Jamf Pro never received the first. Either may be nil.
func (c *DeviceIDChange) and(next *DeviceIDChange) *DeviceIDChange {
	if c == nil || next == nil {
		return cmp.Or(next, c)
	}
	return &DeviceIDChange{Old: c.Old, New: next.New, At: next.At}
}

// State is the state of a delivery.
type State string

// The states of a delivery. PENDING and REFUSED may change; the other two are final. A refused delivery is tried again
// once a day. It is also tried again when the cause of the refusal may have changed ([Outbox.Reconsider]).
const (
	StatePending    State = "PENDING"
	StateDelivered  State = "DELIVERED"
	StateSuperseded State = "SUPERSEDED"
	StateRefused    State = "REFUSED"
)

// Delivery is one report on its way to Jamf Pro.
type Delivery struct {
	// ID grows with each delivery and is never used twice.
	ID     uint64 `json:"id"`
	Report Report `json:"report"`
	State  State  `json:"state"`
	// CreatedAt is when it was put into the outbox.
	CreatedAt time.Time `json:"created_at"`
	// EndedAt is when it was delivered, superseded or refused; zero while it is pending.
	EndedAt time.Time `json:"ended_at,omitzero"`
	// Attempts counts the attempts that came to an end.
	Attempts int `json:"attempts"`
	// NextAttemptAt is when the next attempt is due; zero unless the delivery is pending or refused.
	NextAttemptAt time.Time `json:"next_attempt_at,omitzero"`
	// NotBefore is the end of the pause that the server asked for; a network change does not bring the next attempt
	// before it.
	NotBefore time.Time `json:"not_before,omitzero"`
	// LastError is one sentence for an admin: what was tried, what came back, and the fix. It holds no secret. It is
	// empty before the first failure and after success.
	LastError string `json:"last_error,omitempty"`
	// RefusedUnder are the circumstances of the last refusal, see [Config]; empty if the last attempt was not refused.
	RefusedUnder string `json:"refused_under,omitempty"`
}

// Deliverer brings reports to Jamf Pro.
type Deliverer interface {
	// Deliver brings the report to Jamf Pro and returns when it is there, or when ctx ends. It may be called again with
	// a report that has already arrived. It is called for one report at a time.
	//
	// An error that wraps a [*RefusedError] is tried again once a day, and when its cause may be gone. One that wraps a
	// [*RetryError] asks for a pause. Every other error is tried again with back-off. Error messages are shown to
	// admins.
	Deliver(ctx context.Context, report Report) error
}

// RefusedError means that trying again is useless until somebody has changed something. usher may not learn of that
// change.
type RefusedError struct{ Err error }

// Error implements error.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// RetryError means that the next attempt must not be made before After has passed. After is capped at an hour. A
// negative After comes from a senseless answer, and is treated as an hour.
type RetryError struct {
	After time.Duration
	Err   error
}

// pause returns After within its limits.
func (e *RetryError) pause() time.Duration {
	if e.After < 0 {
		return maximumAfter
	}
	return min(e.After, maximumAfter)
}

// Error implements error.
func (e *RetryError) Error() string {
	return fmt.Sprintf("%v (tried again in %v at the earliest)", e.Err, e.After)
}

// Unwrap returns the cause.
func (e *RetryError) Unwrap() error { return e.Err }
