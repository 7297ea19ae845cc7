package handlers

import (
	"errors"
	"strings"

	"google.golang.org/grpc/codes"

	"usher.internal/helper/clean"
	"usher.internal/helper/jamfpro"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// statuses maps each sentinel to its gRPC status at the gate. The first match applies. The error's own sentence is
// included, and the fix as metadata.
var statuses = []struct {
	sentinel error
	code     codes.Code
	reason   usherv1.ErrorReason
	fix      string
}{
	{registration.ErrNotFound, codes.NotFound, usherv1.ErrorReason_ERROR_REASON_REGISTRATION_NOT_FOUND,
		"`usherctl registrations list` shows the ids"},
	{registration.ErrAmbiguousID, codes.InvalidArgument, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		"give more characters of the id"},
	{registration.ErrEnded, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_REGISTRATION_ENDED, ""},
	{registration.ErrUnderWay, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_REGISTRATION_UNDER_WAY,
		"wait for its end, or cancel it with `usherctl registrations cancel ID`"},
	{registration.ErrTooManyStarts, codes.ResourceExhausted, usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		"run it again then; a registration that root or an admin starts is not limited"},
	{registration.ErrShuttingDown, codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
		"call again in a moment"},
	{accounts.ErrNotAPerson, codes.NotFound, usherv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND,
		"give the account name of a person of this computer"},
	{sessions.ErrNoSession, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_NO_SESSION,
		"log in, or use --user to name the user whose login to wait for"},
	{sessions.ErrAmbiguous, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_AMBIGUOUS_USER,
		"name one with --user"},
	{store.ErrFull, codes.ResourceExhausted, usherv1.ErrorReason_ERROR_REASON_JOURNAL_FULL,
		"free space on that disk"},
	{store.ErrUnwritable, codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_JOURNAL_UNAVAILABLE,
		"check that the disk is healthy and not mounted read-only"},
	{store.ErrDamaged, codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_JOURNAL_UNAVAILABLE,
		"call again in a moment: usherd examines its journal and sets aside the parts that it cannot read"},
	{jamfpro.ErrNotConfigured, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		"set the keys (docs/jamf-pro.md); the role of the API client needs " + privileges()},
	{jamfpro.ErrSecretNotAllowed, codes.InvalidArgument, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		"give the secret that Jamf Pro showed when it was made, and nothing else"},
	{jamfpro.ErrSecretFile, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		"fix the file or delivery.api.client_secret_file, then run `" + config.Sudo("jamf credentials set") + "`"},
	{clean.ErrNoSession, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_NO_SESSION,
		"have the user log in, then run it again"},
	{clean.ErrObjection, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		"to remove it all the same, use --force"},
	{clean.ErrBusy, codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		"run it again in a moment"},
	{clean.ErrKeychain, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE,
		"have the user unlock their login keychain, then run it again"},
	{clean.ErrAgent, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED,
		"have the user log out and in, then run it again"},
	// Jamf Pro's answers have their meaning and their fix in their own sentence.
	{jamfpro.ErrRefused, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED, ""},
	{jamfpro.ErrUnreachable, codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED, ""},
	{jamfpro.ErrBusy, codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED, "call again in a moment"},
}

// Translate returns the gRPC status of a handler's error, nil for one that is not in the table.
func Translate(err error) error {
	for _, known := range statuses {
		if errors.Is(err, known.sentinel) {
			return contract.Error(known.code, known.reason, err.Error(), contract.Fix, known.fix)
		}
	}
	return nil
}

// privileges returns the names of the privileges that the role of the API client needs.
func privileges() string {
	var names []string
	for _, one := range jamfpro.Privileges() {
		if one.Required {
			names = append(names, one.Name)
		}
	}
	return strings.Join(names, ", ")
}
