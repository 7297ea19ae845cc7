package registration

import (
	"errors"
	"fmt"
	"slices"
)

// The errors of a [Machine].
var (
	// ErrNotFound is wrapped if no registration has that id.
	ErrNotFound = errors.New("no such registration")
	// ErrAmbiguousID is wrapped if several registrations have an id that begins so.
	ErrAmbiguousID = errors.New("several registrations have an id that begins so")
	// ErrEnded is wrapped if a registration has ended and so cannot do what was asked.
	ErrEnded = errors.New("the registration has ended")
	// ErrUnderWay is wrapped if a registration has to end first.
	ErrUnderWay = errors.New("a registration is under way")
	// ErrTooManyStarts is wrapped if a user has used up their starts; the error says when the next is possible.
	ErrTooManyStarts = errors.New("too many registrations within an hour")
	// ErrShuttingDown means that the machine does not run yet, or no longer runs.
	ErrShuttingDown = errors.New("usherd is starting or shutting down")
)

// State is the state of a registration. Its names are those of the contract's RegistrationState.
type State string

// The states, in the order in which a registration passes them.
const (
	StatePreflight         State = "PREFLIGHT"
	StateWaitingForSession State = "WAITING_FOR_SESSION"
	StateLaunchingPortal   State = "LAUNCHING_PORTAL"
	StateWaitingForSignIn  State = "WAITING_FOR_SIGN_IN"
	StateReadingIdentity   State = "READING_IDENTITY"
	StateDelivering        State = "DELIVERING"
	StateSucceeded         State = "SUCCEEDED"
	StateFailed            State = "FAILED"
	StateCancelled         State = "CANCELLED"
)

// transitions lists the next states of each state. A registration begins in none; an ended state has no next state.
var transitions = map[State][]State{
	"":                     {StatePreflight},
	StatePreflight:         {StateWaitingForSession, StateFailed, StateCancelled},
	StateWaitingForSession: {StateLaunchingPortal, StateReadingIdentity, StateFailed, StateCancelled},
	StateLaunchingPortal:   {StateWaitingForSignIn, StateReadingIdentity, StateFailed, StateCancelled},
	StateWaitingForSignIn:  {StateReadingIdentity, StateFailed, StateCancelled},
	StateReadingIdentity:   {StateDelivering, StateFailed, StateCancelled},
	StateDelivering:        {StateSucceeded, StateFailed, StateCancelled},
	StateSucceeded:         nil,
	StateFailed:            nil,
	StateCancelled:         nil,
}

// Ended reports whether the state has no next state. A state of another version, which this one does not know, has not
// ended.
func (s State) Ended() bool {
	next, known := transitions[s]
	return known && len(next) == 0
}

// CanBecome reports whether a registration may go from s to next. A registration in a state that this version does not
// know can only end.
func (s State) CanBecome(next State) bool {
	allowed, known := transitions[s]
	if !known {
		return next == StateFailed || next == StateCancelled
	}
	return slices.Contains(allowed, next)
}

// PortalMayRun reports whether Company Portal may be running for a registration in state s.
func (s State) PortalMayRun() bool { return s == StateLaunchingPortal || s == StateWaitingForSignIn }

// FailureReason says why a registration is FAILED. Its names are those of the contract's FailureReason.
type FailureReason string

// The reasons.
const (
	ReasonPortalMissing             FailureReason = "PORTAL_MISSING"
	ReasonPortalNotTrusted          FailureReason = "PORTAL_NOT_TRUSTED"
	ReasonPortalTooOld              FailureReason = "PORTAL_TOO_OLD"
	ReasonConditionalAccessDisabled FailureReason = "CONDITIONAL_ACCESS_DISABLED"
	ReasonEndpointsUnreachable      FailureReason = "ENDPOINTS_UNREACHABLE"
	ReasonSessionTimeout            FailureReason = "SESSION_TIMEOUT"
	ReasonPortalAlreadyRunning      FailureReason = "PORTAL_ALREADY_RUNNING"
	ReasonPortalLaunchFailed        FailureReason = "PORTAL_LAUNCH_FAILED"
	ReasonPortalFailed              FailureReason = "PORTAL_FAILED"
	ReasonPortalKilled              FailureReason = "PORTAL_KILLED"
	ReasonPortalOutcomeUnknown      FailureReason = "PORTAL_OUTCOME_UNKNOWN"
	ReasonSignInTimeout             FailureReason = "SIGN_IN_TIMEOUT"
	ReasonIdentityNotFound          FailureReason = "IDENTITY_NOT_FOUND"
	ReasonIdentityUnreadable        FailureReason = "IDENTITY_UNREADABLE"
	ReasonIdentityOrphaned          FailureReason = "IDENTITY_ORPHANED"
	ReasonIdentityExpired           FailureReason = "IDENTITY_EXPIRED"
	ReasonTenantMismatch            FailureReason = "TENANT_MISMATCH"
	ReasonDeliveryRefused           FailureReason = "DELIVERY_REFUSED"
	ReasonInternal                  FailureReason = "INTERNAL"
	// ReasonPlatformSSOUserAction: Microsoft's Platform SSO is configured, so only the user can register, in macOS's
	// own window.
	ReasonPlatformSSOUserAction FailureReason = "PLATFORM_SSO_USER_ACTION"
	ReasonAgentOutdated         FailureReason = "AGENT_OUTDATED"
	// ReasonJournalDamaged: the journal's record of the registration could not be read any more.
	ReasonJournalDamaged FailureReason = "JOURNAL_DAMAGED"
)

// PreflightError says what would make a registration fail, found before the user was bothered. See [Preflight].
type PreflightError struct {
	Reason FailureReason
	// Detail is one sentence for an admin: what was seen and how to fix it.
	Detail string
}

// Error implements error.
func (e *PreflightError) Error() string { return fmt.Sprintf("preflight: %s: %s", e.Reason, e.Detail) }
