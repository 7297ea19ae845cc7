package answer

import (
	"fmt"
	"strconv"

	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// ExitCode is usherctl's exit code. The numbers are stable: Jamf policies act on them.
type ExitCode int

const (
	ExitDone               ExitCode = 0
	ExitPortalDefaultError ExitCode = 1
	ExitUsage              ExitCode = 2
	ExitNoHelper           ExitCode = 3
	ExitNotPermitted       ExitCode = 4
	ExitNoSession          ExitCode = 5
	ExitTimedOut           ExitCode = 6
	exitNotRegistered      ExitCode = 7
	ExitUnreadable         ExitCode = 8
	ExitIdentityUnusable   ExitCode = 9
	ExitDeliveredLater     ExitCode = 10
	ExitDeliveryRefused    ExitCode = 11
	exitPreflight          ExitCode = 12
	ExitCancelled          ExitCode = 13
	ExitNotFound           ExitCode = 14
	exitPortalBroken       ExitCode = 15
	exitJournal            ExitCode = 16
	ExitConfiguration      ExitCode = 17
	ExitDoctorWarning      ExitCode = 18
	ExitDoctorFailed       ExitCode = 19
	ExitDefect             ExitCode = 20
	exitNotReported        ExitCode = 21
	exitNotCompliant       ExitCode = 22
	ExitBusy               ExitCode = 23
	ExitFleetUnreachable   ExitCode = 24
	ExitHostsDiffer        ExitCode = 25
	exitUserAction         ExitCode = 26
	ExitNotSupported       ExitCode = 27
	ExitInterrupted        ExitCode = 130
)

// ExitCodes explains each of usherctl's own exit codes; a test compares docs/exit-codes.md with it. 64 to 70 are
// Company Portal's and are in wpj.ExitCodes.
var ExitCodes = []struct {
	Code    ExitCode
	Name    string
	Meaning string
	// Policy is what a Jamf policy should do about it; Retry says whether running usherctl again can help by itself.
	Policy string
	Retry  bool
}{
	{ExitDone, "done", "done; with `register --wait` and `gather`: Jamf Pro has the result", "nothing", false},
	{ExitPortalDefaultError, "portal-default-error", "Company Portal's defaultError", "try again later", true},
	{ExitUsage, "usage", "wrong usage: a flag or an argument", "fix the script", false},
	{ExitNoHelper, "no-helper", "usherd does not run, does not answer, or is not trusted",
		"install usher or start usherd", false},
	{ExitNotPermitted, "not-permitted", "the caller may not do that", "run it as root or as an admin", false},
	{ExitNoSession, "no-session",
		"nobody is logged in, the user did not log in in time, or has to log out and in to update usher-agent",
		"run it again at login", true},
	{ExitTimedOut, "timed-out", "--timeout has passed (the registration continues), or the user did not " +
		"sign in in time",
		"run it again: it attaches to the registration", true},
	{exitNotRegistered, "not-registered", "no identity was found: the user is not registered",
		"run `usherctl register --wait`; where Platform SSO is configured, have the user answer its notification",
		false},
	{ExitUnreadable, "identity-unreadable",
		"the identity could not be read, for example because the keychain is locked, or what was read gives no state " +
			"(CANNOT_TELL, PENDING)", "run `usherctl gather` again later", true},
	{ExitIdentityUnusable, "identity-unusable",
		"the identity cannot be used: orphaned, expired, of another tenant, or Platform SSO asks the user to act",
		"see `usherctl status`, which says what helps", false},
	{ExitDeliveredLater, "delivered-later",
		"the identity was found, and Jamf Pro could not be reached yet: usherd delivers it later by itself", "nothing",
		false},
	{ExitDeliveryRefused, "delivery-refused", "Jamf Pro refused the result",
		"see `" + config.Sudo("outbox list") + "` and fix it; it is sent again by itself (docs/jamf-pro.md)", false},
	{exitPreflight, "preflight",
		"Company Portal cannot run: it is missing, not trusted, too old; Conditional Access is " +
			"off; Microsoft cannot be reached", "fix what the message names", false},
	{ExitCancelled, "cancelled", "the registration was cancelled", "nothing", false},
	{ExitNotFound, "not-found", "there is no such registration, user or exit code", "fix the script", false},
	{exitPortalBroken, "portal-broken",
		"Company Portal crashed, was killed, could not be started, was running already, or nobody knows how it ended",
		"try again later", true},
	{exitJournal, "journal", "usherd cannot write its journal, most often because the disk is full, or what it held " +
		"of the registration was damaged", "free disk space; after damage, register again", false},
	{ExitConfiguration, "configuration", "the configuration is not valid", "run `usherctl config validate`", false},
	{ExitDoctorWarning, "doctor-warning", "`doctor`: a check is a warning, and none failed", "see what it names",
		false},
	{ExitDoctorFailed, "doctor-failed", "`doctor`: a check failed", "fix what it names", false},
	{ExitDefect, "defect", "anything else: usherctl's output could not be written, or a defect of usher's",
		"see the message; report a defect with the log of usherd", false},
	{exitNotReported, "not-reported",
		"`status`: the user is registered, and Jamf has not acquired the identity or knows another device",
		"run `usherctl gather`, or Jamf's gatherAADInfo as the user", false},
	{exitNotCompliant, "not-compliant",
		"`status`: the user is registered, and Jamf Pro says that this Mac is not compliant",
		"see the smart group of compliant computers", true},
	{ExitBusy, "busy", "usherd or Jamf Pro cannot do it now: too many calls, or registrations within an hour, " +
		"another one under way, or Jamf Pro cannot be reached", "run it again later", true},
	{ExitFleetUnreachable, "fleet-unreachable", "`fleet`: the fleet's servers cannot be reached, or do not answer",
		"run it again later", true},
	{ExitHostsDiffer, "hosts-differ",
		"several `--host`: they ended differently, and not all with 0; the table says how each did", "see the table",
		false},
	{exitUserAction, "platform-sso-user-action",
		"Microsoft's Platform SSO is configured for the user, who has to register in macOS's own window; Company " +
			"Portal is not run", "have the user answer macOS's notification \"Registration Required\"; the message " +
			"has a link to the right place in System Settings", false},
	{ExitNotSupported, "not-supported", "`install` and what follows it: this computer has neither launchd nor systemd",
		"install usher on a Mac, or a Linux with systemd", false},
	{ExitInterrupted, "interrupted", "interrupted by Ctrl-C; a registration continues", "nothing", true},
}

// IsOwn reports whether the code is one of usherctl's own.
func IsOwn(code ExitCode) bool {
	for _, one := range ExitCodes {
		if one.Code == code {
			return true
		}
	}
	return false
}

// FailureExits maps the reason of a FAILED registration to usherctl's exit code. For PORTAL_FAILED usherctl ends with
// Company Portal's own code.
var FailureExits = map[usherv1.FailureReason]ExitCode{
	usherv1.FailureReason_FAILURE_REASON_PLATFORM_SSO_USER_ACTION:    exitUserAction,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_MISSING:              exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_NOT_TRUSTED:          exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_TOO_OLD:              exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_CONDITIONAL_ACCESS_DISABLED: exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_ENDPOINTS_UNREACHABLE:       exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_SESSION_TIMEOUT:             ExitNoSession,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_ALREADY_RUNNING:      exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_LAUNCH_FAILED:        exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED:               exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_KILLED:               exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_OUTCOME_UNKNOWN:      exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_SIGN_IN_TIMEOUT:             ExitTimedOut,
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_NOT_FOUND:          exitNotRegistered,
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_UNREADABLE:         ExitUnreadable,
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_ORPHANED:           ExitIdentityUnusable,
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_EXPIRED:            ExitIdentityUnusable,
	usherv1.FailureReason_FAILURE_REASON_TENANT_MISMATCH:             ExitIdentityUnusable,
	usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED:            ExitDeliveryRefused,
	usherv1.FailureReason_FAILURE_REASON_INTERNAL:                    ExitDefect,
	usherv1.FailureReason_FAILURE_REASON_AGENT_OUTDATED:              ExitNoSession,
	usherv1.FailureReason_FAILURE_REASON_JOURNAL_DAMAGED:             exitJournal,
}

// ErrorExits maps the reason of a failed call to usherctl's exit code.
var ErrorExits = map[usherv1.ErrorReason]ExitCode{
	usherv1.ErrorReason_ERROR_REASON_INTERNAL:               ExitDefect,
	usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT:       ExitUsage,
	usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED:          ExitNotPermitted,
	usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED:           ExitBusy,
	usherv1.ErrorReason_ERROR_REASON_REGISTRATION_NOT_FOUND: ExitNotFound,
	usherv1.ErrorReason_ERROR_REASON_REGISTRATION_ENDED:     ExitNotFound,
	usherv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND:         ExitNotFound,
	usherv1.ErrorReason_ERROR_REASON_NO_SESSION:             ExitNoSession,
	usherv1.ErrorReason_ERROR_REASON_AMBIGUOUS_USER:         ExitUsage,
	usherv1.ErrorReason_ERROR_REASON_JOURNAL_FULL:           exitJournal,
	usherv1.ErrorReason_ERROR_REASON_JOURNAL_UNAVAILABLE:    exitJournal,
	usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN:          ExitNoHelper,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_NOT_RUNNABLE:    exitPortalBroken,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_ALREADY_RUNNING: exitPortalBroken,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_RUN_NOT_FOUND:   exitPortalBroken,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_BUSY:            exitPortalBroken,
	usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED:         ExitDefect,
	usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE:   ExitUnreadable,
	usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED:         ExitNoSession,

	usherv1.ErrorReason_ERROR_REASON_PLATFORM_SSO_CONFIGURED: exitUserAction,
	usherv1.ErrorReason_ERROR_REASON_REGISTRATION_UNDER_WAY:  ExitBusy,
}

// IdentityExits maps each state of an identity to usherctl's exit code.
var IdentityExits = map[usherv1.IdentityState]ExitCode{
	usherv1.IdentityState_IDENTITY_STATE_NOT_REGISTERED:          exitNotRegistered,
	usherv1.IdentityState_IDENTITY_STATE_PSSO_CONFIGURED:         exitNotRegistered,
	usherv1.IdentityState_IDENTITY_STATE_NO_SESSION:              ExitNoSession,
	usherv1.IdentityState_IDENTITY_STATE_UNREADABLE:              ExitUnreadable,
	usherv1.IdentityState_IDENTITY_STATE_NOT_APPLICABLE:          exitPreflight,
	usherv1.IdentityState_IDENTITY_STATE_PORTAL_MISSING:          exitPreflight,
	usherv1.IdentityState_IDENTITY_STATE_ORPHANED:                ExitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_EXPIRED:                 ExitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_TENANT_MISMATCH:         ExitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_NEEDS_REGISTRATION:      ExitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_NEEDS_KEYS:              ExitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_NEEDS_REPAIR:            ExitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_USER_KEY_INVALID:        ExitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_NEEDS_BINDING:           ExitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_USER_NOT_REGISTERED:     ExitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_PENDING:                 ExitUnreadable,
	usherv1.IdentityState_IDENTITY_STATE_CANNOT_TELL:             ExitUnreadable,
	usherv1.IdentityState_IDENTITY_STATE_DEACTIVATED:             exitNotReported,
	usherv1.IdentityState_IDENTITY_STATE_REGISTERED_NOT_REPORTED: exitNotReported,
	usherv1.IdentityState_IDENTITY_STATE_DEVICE_ID_CHANGED:       exitNotReported,
	usherv1.IdentityState_IDENTITY_STATE_NON_COMPLIANT:           exitNotCompliant,
	usherv1.IdentityState_IDENTITY_STATE_COMPLIANCE_UNKNOWN:      ExitDone,
	usherv1.IdentityState_IDENTITY_STATE_COMPLIANT:               ExitDone,
	usherv1.IdentityState_IDENTITY_STATE_REGISTERED:              ExitDone,
}

// Outcome returns nil for a registration that SUCCEEDED, and usherctl's failure for every other end.
func Outcome(r *usherv1.Registration) error {
	hint := fmt.Sprintf("`usherctl registrations show %s` shows each step", ShortID(r.GetId()))
	switch r.GetState() {
	case usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED:
		// Only an identity that can be used makes a success. If a helper reports both success and another state, a
		// policy must not get 0.
		if state := r.GetIdentity().GetState(); r.GetIdentity() != nil && !contract.StateFromProto(state).Registered() {
			code, known := IdentityExits[state]
			if !known {
				code = ExitUnreadable
			}
			return &Failure{Code: code, Reason: "IDENTITY_" + string(contract.StateFromProto(state)),
				Message: r.GetIdentity().GetDetail(), Hint: hint}
		}
		return nil
	case usherv1.RegistrationState_REGISTRATION_STATE_CANCELLED:
		return &Failure{Code: ExitCancelled, Reason: "CANCELLED",
			Message: "the registration was " + r.GetFailureDetail()}
	}
	if r.GetState() != usherv1.RegistrationState_REGISTRATION_STATE_FAILED {
		return &Failure{Code: ExitUnreadable, Reason: ReasonStateNotKnown,
			Message: "the registration has ended as " + contract.Name(r.GetState()) +
				", which this usherctl does not know",
			Hint: "update usherctl; " + hint}
	}
	failed := &Failure{Code: ExitDefect, Reason: contract.Name(r.GetFailureReason()), Message: r.GetFailureDetail(),
		Hint: hint}
	if code, known := FailureExits[r.GetFailureReason()]; known {
		failed.Code = code
	}
	if r.GetFailureReason() == usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED {
		if exit, ok := r.GetPortalExit().GetHow().(*usherv1.PortalExit_Code); ok {
			// An unknown code of Company Portal must not be taken for another of usherctl's.
			if _, known := wpj.ExitCode(exit.Code).Info(); known {
				failed.Code = ExitCode(exit.Code)
			}
		}
	}
	return failed
}

// ExitName returns the name of an exit code; done is "ok", as everybody calls it.
func ExitName(code ExitCode) string {
	if code == ExitDone {
		return "ok"
	}
	for _, one := range ExitCodes {
		if one.Code == code {
			return one.Name
		}
	}
	return strconv.Itoa(int(code))
}
