package explain

import (
	"fmt"
	"strings"

	"usher.internal/ctl/answer"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// reasonMeaning is the meaning of a stable reason for a failure, as --json (docs/json.md) and the journal have it.
type reasonMeaning struct {
	reason string
	// code is usherctl's exit code. For PORTAL_FAILED it is Company Portal's own, if that is known.
	code    answer.ExitCode
	meaning string
}

// failureMeanings say why a registration is FAILED.
var failureMeanings = map[usherv1.FailureReason]string{
	usherv1.FailureReason_FAILURE_REASON_PORTAL_MISSING: "Company Portal is not where portal.executable " +
		"says, or cannot be executed",
	usherv1.FailureReason_FAILURE_REASON_PORTAL_NOT_TRUSTED: "Company Portal is not signed by Microsoft, or " +
		"others than root may change it",
	usherv1.FailureReason_FAILURE_REASON_PORTAL_TOO_OLD: "Company Portal is older than " +
		"portal.minimum_version",
	usherv1.FailureReason_FAILURE_REASON_CONDITIONAL_ACCESS_DISABLED: "microsoftCAEnabled is false on this Mac, so " +
		"that Jamf's part would end after Company Portal closes",
	usherv1.FailureReason_FAILURE_REASON_ENDPOINTS_UNREACHABLE: "none of preflight.endpoints could be reached",
	usherv1.FailureReason_FAILURE_REASON_SESSION_TIMEOUT:       "the user did not log in in time",
	usherv1.FailureReason_FAILURE_REASON_PORTAL_ALREADY_RUNNING: "a Company Portal that usher did not start was " +
		"running in the user's session",
	usherv1.FailureReason_FAILURE_REASON_PORTAL_LAUNCH_FAILED: "Company Portal could not be started",
	usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED: "Company Portal ended with an exit code that " +
		"is not 0; usherctl hands that code on",
	usherv1.FailureReason_FAILURE_REASON_PORTAL_KILLED: "Company Portal was ended by a signal",
	usherv1.FailureReason_FAILURE_REASON_PORTAL_OUTCOME_UNKNOWN: "Company Portal has ended, no exit code was " +
		"found, and no identity either",
	usherv1.FailureReason_FAILURE_REASON_SIGN_IN_TIMEOUT: "the user did not sign in in time",
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_NOT_FOUND: "Company Portal ended well, and no " +
		"identity was found",
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_UNREADABLE: "the identity could not be read, for example " +
		"because the keychain is locked",
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_ORPHANED: "what is left of a registration cannot be used",
	usherv1.FailureReason_FAILURE_REASON_IDENTITY_EXPIRED: "the device certificate is not " +
		"valid at this time",
	usherv1.FailureReason_FAILURE_REASON_TENANT_MISMATCH: "the Mac is registered in another tenant than " +
		"the configured one",
	usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED: "Jamf Pro refused the result",
	usherv1.FailureReason_FAILURE_REASON_INTERNAL:         "a defect of usher's",
	usherv1.FailureReason_FAILURE_REASON_PLATFORM_SSO_USER_ACTION: "Microsoft's Platform SSO is configured for " +
		"the user, so only the user can register, in macOS's own window",
	usherv1.FailureReason_FAILURE_REASON_JOURNAL_DAMAGED: "what usherd had written down about the " +
		"registration could not be read any more: register again, and check the disk",
	usherv1.FailureReason_FAILURE_REASON_AGENT_OUTDATED: "the usher-agent of the user's session is " +
		"older than usherd and does not know what was asked of it: log out and in to update usher-agent",
}

// errorMeanings say why a call failed.
var errorMeanings = map[usherv1.ErrorReason]string{
	usherv1.ErrorReason_ERROR_REASON_INTERNAL:         "a defect of usher's",
	usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT: "an argument of the call is not usable",
	usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED:    "the caller may not make this call, or not for this user",
	usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED: "the caller called, or started registrations, more " +
		"often than the limit allows",
	usherv1.ErrorReason_ERROR_REASON_REGISTRATION_NOT_FOUND: "no registration has this id",
	usherv1.ErrorReason_ERROR_REASON_REGISTRATION_ENDED:     "the registration has already ended",
	usherv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND: "this computer has no such user, or the user " +
		"is not a person",
	usherv1.ErrorReason_ERROR_REASON_NO_SESSION: "nobody is logged in, or that user is not",
	usherv1.ErrorReason_ERROR_REASON_AMBIGUOUS_USER: "several users are logged in, and none of them is " +
		"on the console",
	usherv1.ErrorReason_ERROR_REASON_JOURNAL_FULL: "usherd cannot write its journal, because " +
		"the disk is full",
	usherv1.ErrorReason_ERROR_REASON_JOURNAL_UNAVAILABLE: "usherd cannot write its journal",
	usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN:       "usherd is shutting down",
	usherv1.ErrorReason_ERROR_REASON_PORTAL_NOT_RUNNABLE: "Company Portal's executable is missing or cannot be run",
	usherv1.ErrorReason_ERROR_REASON_PORTAL_ALREADY_RUNNING: "a Company Portal that usher did not start was running " +
		"in the user's session",
	usherv1.ErrorReason_ERROR_REASON_PORTAL_RUN_NOT_FOUND: "usher-agent knows of no run of Company Portal for " +
		"this registration",
	usherv1.ErrorReason_ERROR_REASON_PORTAL_BUSY: "usher-agent runs Company Portal for " +
		"another registration",
	usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED: "a program that usher-agent needs is missing " +
		"or ended badly",
	usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE: "the login keychain is locked, cannot be reached, or " +
		"cannot do that",
	usherv1.ErrorReason_ERROR_REASON_REGISTRATION_UNDER_WAY: "a registration of the user is under way, and " +
		"has to end first",
	usherv1.ErrorReason_ERROR_REASON_PLATFORM_SSO_CONFIGURED: "Microsoft's Platform SSO is configured for the user, " +
		"so Company Portal is not run",
	usherv1.ErrorReason_ERROR_REASON_AGENT_OUTDATED: "the usher-agent of the user's session is older than " +
		"usherd and does not know what was asked of it: log out and in to update usher-agent",
}

// ownMeanings are the reasons of usherctl itself.
var ownMeanings = []reasonMeaning{
	{"WRONG_USAGE", answer.ExitUsage, "a flag or an argument is wrong"},
	{"CONFIGURATION_INVALID", answer.ExitConfiguration, "the configuration is not valid"},
	{"HELPER_UNREACHABLE", answer.ExitNoHelper, "usherd does not run, or its socket is not there"},
	{"HELPER_NOT_TRUSTED", answer.ExitNoHelper, "another process than usherd serves its socket"},
	{answer.ReasonNoAnswer, answer.ExitNoHelper, "usherd did not answer in time"},
	{"HELPER_TOO_OLD", answer.ExitNoHelper, "usherd is older than usherctl and does not know the call"},
	{answer.ReasonStateNotKnown, answer.ExitUnreadable,
		"the registration has ended in a way that this usherctl does not know; it is older than usherd"},
	{"NO_FLEET_ACCESS", answer.ExitConfiguration,
		"the files with the access to the fleet are missing, or cannot be used"},
	{"FLEET_UNREACHABLE", answer.ExitFleetUnreachable,
		"no server of the fleet can be connected to, or it refuses the credentials"},
	{"FLEET_FAILED", answer.ExitFleetUnreachable, "the fleet's servers did not do what they were asked for"},
	{"FLEET_FILES", answer.ExitDefect, "the files of a fleet could not be written or read"},
	{"MAC_NOT_FOUND", answer.ExitNotFound, "the fleet knows no Mac of this name"},
	{"HOST_UNREACHABLE", answer.ExitNoHelper, "ssh could not reach the host, or there is no usherctl on it"},
	{"TIMED_OUT", answer.ExitTimedOut, "--timeout has passed; the registration continues"},
	{"INTERRUPTED", answer.ExitInterrupted, "usherctl was interrupted; a registration continues"},
	{"DELIVERED_LATER", answer.ExitDeliveredLater,
		"the identity was found, and usherd reports it to Jamf Pro as soon as it can be reached"},
	{"CANCELLED", answer.ExitCancelled, "the registration was cancelled"},
	{reasonExitCodeNotKnown, answer.ExitNotFound, "no exit code or error code that usher knows has this number"},
	{reasonNothingKnown, answer.ExitNotFound, "nothing that usher knows has this name, or is in this text"},
	{"OUTPUT_FAILED", answer.ExitDefect, "the output could not be written"},
	{"FORCE_NEEDED", answer.ExitUsage, "what would be removed is in use, and --force was not given"},
	{"YES_NEEDED", answer.ExitUsage, "nobody could be asked whether to remove it, and --yes was not given"},
	{"OUTPUT_EXISTS", answer.ExitUsage, "the file that was to be written is there already, and was left as it is"},
	{"LOG_NOT_FOUND", answer.ExitNotFound, "there is no log where one was looked for"},
	{"ATTEMPT_NOT_FOUND", answer.ExitNotFound, "the logs show no attempt of this number"},
	{"FILE_NOT_READABLE", answer.ExitUsage, "the file cannot be read"},
	{"NOT_RECOGNISED", answer.ExitUsage, "the file is in none of the formats that usher knows"},
	{"NOT_USABLE", answer.ExitUsage, "the file is in a format that usher knows, and is damaged or not whole"},
	{"DOCTOR_FAILED", answer.ExitDoctorFailed, "a check of doctor failed"},
	{"DOCTOR_WARNING", answer.ExitDoctorWarning, "a check of doctor has a warning"},
	{"JAMF_PRO_REFUSED", answer.ExitDeliveryRefused, "Jamf Pro refused what it was asked"},
	{"JAMF_PRO_UNREACHABLE", answer.ExitBusy, "Jamf Pro could not be reached"},
	{"PRIVILEGES_NOT_CHECKED", answer.ExitBusy,
		"Jamf Pro did not say whether the API client has a privilege that usher needs"},
	{"EXTENSION_ATTRIBUTES_UNUSABLE", answer.ExitDeliveryRefused,
		"Jamf Pro has extension attributes of these names that usher cannot use"},
	{"PRIVILEGES_MISSING", answer.ExitDeliveryRefused, "the API client lacks privileges in Jamf Pro"},
	{"NEEDS_ROOT", answer.ExitNotPermitted, "only root can do that"},
	{"NOT_SUPPORTED", answer.ExitNotSupported,
		"this computer has neither launchd nor systemd, or usher does not support it"},
	{"NOT_INSTALLED", answer.ExitNoHelper, "usher is not installed on this computer"},
	{"NOT_RUNNING", answer.ExitNoHelper, "a service of usher's does not run"},
	{"PROGRAMS_NOT_FOUND", answer.ExitNotFound, "usher's three programs are not where they were to be installed from"},
	{"INSTALL_FAILED", answer.ExitDefect,
		"a step of installing, removing, starting or stopping failed; the steps before it are done"},
	{"NOT_ALL_REMOVED", answer.ExitIdentityUnusable, "something of what was to be removed is still there"},
}

// reasonMeanings returns every reason, each once.
func reasonMeanings() (all []reasonMeaning) {
	all = append(all, ownMeanings...)
	for number := usherv1.FailureReason(1); failureMeanings[number] != ""; number++ {
		all = append(all, reasonMeaning{contract.Name(number), answer.FailureExits[number], failureMeanings[number]})
	}
	known := map[string]bool{}
	for _, one := range all {
		known[one.reason] = true
	}
	for number := usherv1.ErrorReason(1); errorMeanings[number] != ""; number++ {
		if reason := contract.Name(number); !known[reason] {
			all = append(all, reasonMeaning{reason, answer.ErrorExits[number], errorMeanings[number]})
		}
	}
	return all
}

// explain explains the reason with the exit code that goes with it.
func (m reasonMeaning) explain() explanation {
	text := strings.ToUpper(m.meaning[:1]) + m.meaning[1:]
	retry := false
	for _, exit := range answer.ExitCodes {
		if exit.Code == m.code {
			text += fmt.Sprintf("; usherctl ends with %d, %s; what a policy does: %s", exit.Code, exit.Name,
				exit.Policy)
			retry = exit.Retry
		}
	}
	return explanation{Code: number(int64(m.code)), Name: m.reason, Program: "usher", Kind: kindReason,
		Admin: text + ".", RetryCanHelp: &retry}
}
