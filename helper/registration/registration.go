package registration

import (
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
)

// Kind says what a registration does.
type Kind string

// The kinds.
const (
	// KindRegister launches Company Portal, reads the identity and delivers it.
	KindRegister Kind = "REGISTER"
	// KindGather reads the identity and delivers it, without the portal.
	KindGather Kind = "GATHER"
)

// Registration is one attempt, as the journal holds it.
type Registration struct {
	// ID is a UUID; ids of later registrations sort after those of earlier ones.
	ID    string        `json:"id"`
	Kind  Kind          `json:"kind"`
	User  accounts.User `json:"user"`
	State State         `json:"state"`
	// Revision grows with every change.
	Revision uint64 `json:"revision"`
	// FailureReason is set for FAILED. FailureDetail, one sentence for an admin, is set for FAILED and CANCELLED.
	FailureReason FailureReason `json:"failure_reason,omitempty"`
	FailureDetail string        `json:"failure_detail,omitempty"`
	CreatedAt     time.Time     `json:"created_at"`
	UpdatedAt     time.Time     `json:"updated_at"`
	// Deadline is when the present state times out; zero if it does not.
	Deadline time.Time `json:"deadline,omitzero"`
	// SignInTimeout is how long the user may take, counted from the launch of the portal.
	SignInTimeout time.Duration `json:"sign_in_timeout"`
	// Transitions begin with the one to PREFLIGHT.
	Transitions []Transition `json:"transitions"`
	// Milestones are those of Company Portal's log, each once, at most 64.
	Milestones []wpj.Milestone `json:"milestones,omitempty"`
	// PortalExit is nil while Company Portal has not ended, or was not launched.
	PortalExit *wpj.Exit `json:"portal_exit,omitempty"`
	// TimedOutAt is when the user's time for the sign-in was over; the portal is stopped after that.
	TimedOutAt time.Time `json:"timed_out_at,omitzero"`
	// Identity is the identity found on the computer; nil if nobody could be asked.
	Identity *wpj.Identity `json:"identity,omitempty"`
	// Delivery is the state of the report's delivery to Jamf Pro; nil before there is a report.
	Delivery *DeliveryProgress `json:"delivery,omitempty"`
	// CancelledBy is who asked to cancel it; the registration becomes CANCELLED once the portal is stopped.
	CancelledBy string `json:"cancelled_by,omitempty"`
}

// Transition is one line of the journal: the state that the registration entered, when, and why.
type Transition struct {
	State State     `json:"state"`
	At    time.Time `json:"at"`
	// Evidence is one sentence for an admin.
	Evidence string `json:"evidence"`
}

// DeliveryProgress is the state of the report's delivery to Jamf Pro.
type DeliveryProgress struct {
	ID            uint64         `json:"id"`
	State         delivery.State `json:"state"`
	Attempts      int            `json:"attempts,omitempty"`
	LastError     string         `json:"last_error,omitempty"`
	NextAttemptAt time.Time      `json:"next_attempt_at,omitzero"`
}
