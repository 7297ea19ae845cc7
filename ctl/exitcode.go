package ctl

import (
	"fmt"

	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// exitCode is what usherctl ends with. The numbers are stable: Jamf policies act on them.
type exitCode int

const (
	exitDone               exitCode = 0
	exitPortalDefaultError exitCode = 1
	exitUsage              exitCode = 2
	exitNoHelper           exitCode = 3
	exitNotPermitted       exitCode = 4
	exitNoSession          exitCode = 5
	exitTimedOut           exitCode = 6
	exitNotRegistered      exitCode = 7
	exitUnreadable         exitCode = 8
	exitIdentityUnusable   exitCode = 9
	exitDeliveredLater     exitCode = 10
	exitDeliveryRefused    exitCode = 11
	exitPreflight          exitCode = 12
	exitCancelled          exitCode = 13
	exitNotFound           exitCode = 14
	exitPortalBroken       exitCode = 15
	exitJournal            exitCode = 16
	exitConfiguration      exitCode = 17
	exitDoctorWarning      exitCode = 18
	exitDoctorFailed       exitCode = 19
	exitDefect             exitCode = 20
	exitNotReported        exitCode = 21
	exitNotCompliant       exitCode = 22
	exitBusy               exitCode = 23
	exitFleetUnreachable   exitCode = 24
	exitHostsDiffer        exitCode = 25
	exitUserAction         exitCode = 26
	exitNotSupported       exitCode = 27
	exitInterrupted        exitCode = 130
)

// exitCodes explains each exit code of usherctl's own; docs/exit-codes.md is held to it. 64 to 70 are Company Portal's
// and stand in wpj.ExitCodes.
var exitCodes = []struct {
	code    exitCode
	name    string
	meaning string
	// policy is what a Jamf policy should do about it; retry whether running it again can help by itself.
	policy string
	retry  bool
}{
	{exitDone, "done", "done; with `register --wait` and `gather`: Jamf Pro has the result", "nothing", false},
	{exitPortalDefaultError, "portal-default-error", "Company Portal's defaultError", "try again later", true},
	{exitUsage, "usage", "wrong usage: a flag or an argument", "mend the script", false},
	{exitNoHelper, "no-helper", "usherd does not run, does not answer, or is not trusted",
		"install usher or start usherd", false},
	{exitNotPermitted, "not-permitted", "the caller may not do that", "run it as root or as an admin", false},
	{exitNoSession, "no-session",
		"nobody is logged in, the user did not log in in time, or has to log out and in to update usher-agent",
		"run it again at login", true},
	{exitTimedOut, "timed-out", "--timeout has passed (the registration goes on), or the user did not sign in in time",
		"run it again: it attaches to the registration", true},
	{exitNotRegistered, "not-registered", "no identity was found: the user is not registered",
		"run `usherctl register --wait`; where Platform SSO is configured, have the user answer its notification",
		false},
	{exitUnreadable, "identity-unreadable",
		"the identity could not be read, for example because the keychain is locked, or what was read gives no state " +
			"(CANNOT_TELL, PENDING)", "run `usherctl gather` again later", true},
	{exitIdentityUnusable, "identity-unusable",
		"the identity is no good: orphaned, expired, of another tenant, or Platform SSO asks the user to act",
		"see `usherctl status`, which says what helps", false},
	{exitDeliveredLater, "delivered-later",
		"the identity was found, and Jamf Pro could not be reached yet: usherd delivers it later by itself", "nothing",
		false},
	{exitDeliveryRefused, "delivery-refused", "Jamf Pro refused the result",
		"see `" + config.Sudo("outbox list") + "` and fix it; it is sent again by itself (docs/jamf-pro.md)", false},
	{exitPreflight, "preflight",
		"something stands in the way of Company Portal: it is missing, not trusted, too old; Conditional Access is " +
			"off; Microsoft cannot be reached", "mend what the message names", false},
	{exitCancelled, "cancelled", "the registration was cancelled", "nothing", false},
	{exitNotFound, "not-found", "there is no such registration, user or exit code", "mend the script", false},
	{exitPortalBroken, "portal-broken",
		"Company Portal crashed, was killed, could not be started, was running already, or nobody knows how it ended",
		"try again later", true},
	{exitJournal, "journal", "usherd cannot write its journal, most often because the disk is full, or what it held " +
		"of the registration was damaged", "free disk space; after damage, register again", false},
	{exitConfiguration, "configuration", "the configuration is not valid", "run `usherctl config validate`", false},
	{exitDoctorWarning, "doctor-warning", "`doctor`: a check is a warning, and none failed", "see what it says", false},
	{exitDoctorFailed, "doctor-failed", "`doctor`: a check failed", "mend what it says", false},
	{exitDefect, "defect", "anything else: usherctl's output could not be written, or a defect of usher's",
		"see the message; report a defect with the log of usherd", false},
	{exitNotReported, "not-reported",
		"`status`: the user is registered, and Jamf has not acquired the identity or knows another device",
		"run `usherctl gather`, or Jamf's gatherAADInfo as the user", false},
	{exitNotCompliant, "not-compliant",
		"`status`: the user is registered, and Jamf Pro says that this Mac is not compliant",
		"see the smart group of compliant computers", true},
	{exitBusy, "busy", "usherd or Jamf Pro cannot do it now: too many calls, or registrations within an hour, " +
		"another one under way, or Jamf Pro cannot be reached", "run it again later", true},
	{exitFleetUnreachable, "fleet-unreachable", "`fleet`: the fleet's servers cannot be reached, or do not answer",
		"run it again later", true},
	{exitHostsDiffer, "hosts-differ",
		"several `--host`: they ended differently, and not all with 0; the table says how each did", "see the table",
		false},
	{exitUserAction, "platform-sso-user-action",
		"Microsoft's Platform SSO is configured for the user, who has to register in macOS's own window; Company " +
			"Portal is not run", "have the user answer macOS's notification \"Registration Required\"; the message " +
			"has a link to the right place in System Settings", false},
	{exitNotSupported, "not-supported", "`install` and what follows it: this computer has neither launchd nor systemd",
		"install usher on a Mac, or a Linux with systemd", false},
	{exitInterrupted, "interrupted", "interrupted by Ctrl-C; a registration goes on", "nothing", true},
}

// isOwn tells whether usherctl ends with that code.
func isOwn(code exitCode) bool {
	for _, one := range exitCodes {
		if one.code == code {
			return true
		}
	}
	return false
}

// failureExits says what usherctl ends with when a registration is FAILED; PORTAL_FAILED takes Company Portal's own
// code.
var failureExits = map[usherv1.FailureReason]exitCode{
	usherv1.FailureReason_FAILURE_REASON_PLATFORM_SSO_USER_ACTION:    exitUserAction,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_MISSING:              exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_NOT_TRUSTED:          exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_TOO_OLD:              exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_CONDITIONAL_ACCESS_DISABLED: exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_ENDPOINTS_UNREACHABLE:       exitPreflight,
	usherv1.FailureReason_FAILURE_REASON_SESSION_TIMEOUT:             exitNoSession,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_ALREADY_RUNNING:      exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_LAUNCH_FAILED:        exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED:               exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_KILLED:               exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_PORTAL_OUTCOME_UNKNOWN:      exitPortalBroken,
	usherv1.FailureReason_FAILURE_REASON_SIGN_IN_TIMEOUT:             exitTimedOut,
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_NOT_FOUND:          exitNotRegistered,
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_UNREADABLE:         exitUnreadable,
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_ORPHANED:           exitIdentityUnusable,
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_EXPIRED:            exitIdentityUnusable,
	usherv1.FailureReason_FAILURE_REASON_TENANT_MISMATCH:             exitIdentityUnusable,
	usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED:            exitDeliveryRefused,
	usherv1.FailureReason_FAILURE_REASON_INTERNAL:                    exitDefect,
	usherv1.FailureReason_FAILURE_REASON_AGENT_OUTDATED:              exitNoSession,
	usherv1.FailureReason_FAILURE_REASON_JOURNAL_DAMAGED:             exitJournal,
}

// errorExits says what usherctl ends with when a call fails for that reason.
var errorExits = map[usherv1.ErrorReason]exitCode{
	usherv1.ErrorReason_ERROR_REASON_INTERNAL:               exitDefect,
	usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT:       exitUsage,
	usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED:          exitNotPermitted,
	usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED:           exitBusy,
	usherv1.ErrorReason_ERROR_REASON_REGISTRATION_NOT_FOUND: exitNotFound,
	usherv1.ErrorReason_ERROR_REASON_REGISTRATION_ENDED:     exitNotFound,
	usherv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND:         exitNotFound,
	usherv1.ErrorReason_ERROR_REASON_NO_SESSION:             exitNoSession,
	usherv1.ErrorReason_ERROR_REASON_AMBIGUOUS_USER:         exitUsage,
	usherv1.ErrorReason_ERROR_REASON_JOURNAL_FULL:           exitJournal,
	usherv1.ErrorReason_ERROR_REASON_JOURNAL_UNAVAILABLE:    exitJournal,
	usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN:          exitNoHelper,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_NOT_RUNNABLE:    exitPortalBroken,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_ALREADY_RUNNING: exitPortalBroken,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_RUN_NOT_FOUND:   exitPortalBroken,
	usherv1.ErrorReason_ERROR_REASON_PORTAL_BUSY:            exitPortalBroken,
	usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED:         exitDefect,
	usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE:   exitUnreadable,
	usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED:         exitNoSession,

	usherv1.ErrorReason_ERROR_REASON_PLATFORM_SSO_CONFIGURED: exitUserAction,
	usherv1.ErrorReason_ERROR_REASON_REGISTRATION_UNDER_WAY:  exitBusy,
}

// identityExits says what usherctl ends with for each state of an identity.
var identityExits = map[usherv1.IdentityState]exitCode{
	usherv1.IdentityState_IDENTITY_STATE_NOT_REGISTERED:          exitNotRegistered,
	usherv1.IdentityState_IDENTITY_STATE_PSSO_CONFIGURED:         exitNotRegistered,
	usherv1.IdentityState_IDENTITY_STATE_NO_SESSION:              exitNoSession,
	usherv1.IdentityState_IDENTITY_STATE_UNREADABLE:              exitUnreadable,
	usherv1.IdentityState_IDENTITY_STATE_NOT_APPLICABLE:          exitPreflight,
	usherv1.IdentityState_IDENTITY_STATE_PORTAL_MISSING:          exitPreflight,
	usherv1.IdentityState_IDENTITY_STATE_ORPHANED:                exitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_EXPIRED:                 exitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_TENANT_MISMATCH:         exitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_NEEDS_REGISTRATION:      exitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_NEEDS_KEYS:              exitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_NEEDS_REPAIR:            exitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_USER_KEY_INVALID:        exitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_NEEDS_BINDING:           exitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_USER_NOT_REGISTERED:     exitIdentityUnusable,
	usherv1.IdentityState_IDENTITY_STATE_PENDING:                 exitUnreadable,
	usherv1.IdentityState_IDENTITY_STATE_CANNOT_TELL:             exitUnreadable,
	usherv1.IdentityState_IDENTITY_STATE_DEACTIVATED:             exitNotReported,
	usherv1.IdentityState_IDENTITY_STATE_REGISTERED_NOT_REPORTED: exitNotReported,
	usherv1.IdentityState_IDENTITY_STATE_DEVICE_ID_CHANGED:       exitNotReported,
	usherv1.IdentityState_IDENTITY_STATE_NON_COMPLIANT:           exitNotCompliant,
	usherv1.IdentityState_IDENTITY_STATE_COMPLIANCE_UNKNOWN:      exitDone,
	usherv1.IdentityState_IDENTITY_STATE_COMPLIANT:               exitDone,
	usherv1.IdentityState_IDENTITY_STATE_REGISTERED:              exitDone,
}

// outcome returns nil for a registration that SUCCEEDED, and the failure that usherctl ends with for every other end.
func outcome(r *usherv1.Registration) error {
	hint := fmt.Sprintf("`usherctl registrations show %s` tells each step", shortID(r.GetId()))
	switch r.GetState() {
	case usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED:
		// Only an identity that can be used makes a success. A policy must not be told 0 by a helper that says both.
		if state := r.GetIdentity().GetState(); r.GetIdentity() != nil && !contract.StateFromProto(state).Registered() {
			code, known := identityExits[state]
			if !known {
				code = exitUnreadable
			}
			return &failure{code: code, reason: "IDENTITY_" + string(contract.StateFromProto(state)),
				message: r.GetIdentity().GetDetail(), hint: hint}
		}
		return nil
	case usherv1.RegistrationState_REGISTRATION_STATE_CANCELLED:
		return &failure{code: exitCancelled, reason: "CANCELLED",
			message: "the registration was " + r.GetFailureDetail()}
	}
	if r.GetState() != usherv1.RegistrationState_REGISTRATION_STATE_FAILED {
		return &failure{code: exitUnreadable, reason: reasonStateNotKnown,
			message: "the registration has ended as " + contract.Name(r.GetState()) +
				", which this usherctl does not know",
			hint: "update usherctl; " + hint}
	}
	failed := &failure{code: exitDefect, reason: contract.Name(r.GetFailureReason()), message: r.GetFailureDetail(),
		hint: hint}
	if code, known := failureExits[r.GetFailureReason()]; known {
		failed.code = code
	}
	if r.GetFailureReason() == usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED {
		if exit, ok := r.GetPortalExit().GetHow().(*usherv1.PortalExit_Code); ok {
			// A code that Company Portal is not known to have must not pass for another of usherctl's.
			if _, known := wpj.ExitCode(exit.Code).Info(); known {
				failed.code = exitCode(exit.Code)
			}
		}
	}
	return failed
}
