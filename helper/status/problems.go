package status

import (
	"fmt"
	"strings"
	"time"

	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/english"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// flush is the command that sends what is in the outbox now.
var flush = config.Sudo("outbox flush")

// problems says what is wrong in a status, the gravest first: one sentence each, with the fix. It sees what the caller
// may see and nothing else. Without names who is on the console and has no agent, empty for nobody.
func problems(status *usherv1.GetStatusResponse, without string) []string {
	var found []string
	add := func(format string, arguments ...any) { found = append(found, fmt.Sprintf(format, arguments...)) }

	if failure := status.GetHelper().GetJournalError(); failure != "" {
		add("When it was last tried the journal could not be written, and nothing goes on without it: %s. See "+
			"to that disk.", failure)
	}
	for _, damage := range status.GetHelper().GetJournalDamage() {
		add("The journal was damaged: %s. %s", damage.GetText(), damage.GetFix())
	}
	if failure := status.GetHelper().GetConfigurationError(); failure != "" {
		add("The configuration cannot be used, and the last good one stays in force: %s. Mend it, then run `usherctl "+
			"config validate`.",
			strings.ReplaceAll(failure, "\n", "; "))
	}
	if keys := status.GetHelper().GetPendingConfiguration(); len(keys) > 0 {
		add("The configuration of %s has changed, which takes effect when usherd restarts: `%s`.",
			strings.Join(keys, ", "), config.Sudo("restart"))
	}
	if outbox := status.GetOutbox(); outbox.GetRefused() > 0 {
		add("Jamf Pro refused %s: %s. Fix that; usherd tries again when the configuration changes and once a day, "+
			"`%s` does it now.",
			english.Count(outbox.GetRefused(), "result"), outbox.GetLastError(), flush)
	} else if outbox.GetPending() > 0 && outbox.GetLastError() != "" {
		add("%s not in Jamf Pro yet: %s. usherd tries again by itself; `%s` does it now.",
			english.Count(outbox.GetPending(), "result"), outbox.GetLastError(), flush)
	}
	switch whole := status.GetOutbox() != nil; {
	case without != "":
		add("%s is at this Mac, and no usher-agent of his is connected, so that nothing new is seen of him. "+
			"`usherctl doctor` says what to do.", without)
	case len(status.GetUsers()) > 0:
	case !whole:
		add("You are not logged in with usher-agent running, and were not registered yet. The agent starts at login.")
	default:
		add("Nobody is logged in with usher-agent running, and nobody was registered yet. The agent starts at login.")
	}
	for _, user := range status.GetUsers() {
		identity := user.GetIdentity()
		if user.GetNoAccount() {
			continue // Usher Other Users has it, until an admin has the user forgotten
		}
		switch state, _ := contract.StateFromProto(identity.GetState()).Info(); {
		case identity == nil:
			add("%s was not looked at yet. `usherctl status --look` does it now.", user.GetUser().GetName())
		case state.Fix != "" && state.State != wpj.StateComplianceUnknown:
			add("%s is %s: %s", user.GetUser().GetName(), state.State, withFix(identity.GetDetail(), state))
		}
		if lost := user.GetLostKeychain(); lost != nil {
			add("%s has lost the identity because macOS could not open the login keychain, and renamed it to %s at "+
				"%s. Have the user register again, and keep that file in ~/Library/Keychains until the user "+
				"misses nothing.",
				user.GetUser().GetName(), lost.GetName(), contract.Time(lost.GetRenameTime()).Format(time.RFC3339))
		}
		for _, contradiction := range identity.GetContradictions() {
			add("%s: %s", user.GetUser().GetName(), contradiction.GetDetail())
		}
		last := user.GetLastRegistration()
		if last.GetState() == usherv1.RegistrationState_REGISTRATION_STATE_FAILED && !toldByOutbox(status, last) &&
			!outlived(user) {
			add("The last registration of %s failed: %s", user.GetUser().GetName(), last.GetFailureDetail())
		}
	}
	return found
}

// withFix is what a state rests on, with what helps. Of many a detail the second half is the fix already, behind a
// semicolon.
func withFix(detail string, state wpj.StateInfo) string {
	sentences := []string{detail}
	if !strings.Contains(detail, "; ") {
		sentences = append(sentences, state.Fix)
	}
	if state.Command != "" {
		sentences = append(sentences, "usher can: `"+state.Command+"`.")
	}
	return strings.Join(sentences, " ")
}

// toldByOutbox tells whether a registration failed only because Jamf Pro refused its result, and the outbox has said so
// above, or has brought it there since.
func toldByOutbox(status *usherv1.GetStatusResponse, last *usherv1.Registration) bool {
	return last.GetFailureReason() == usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED &&
		(status.GetOutbox() != nil || last.GetDeliveryState() == usherv1.DeliveryState_DELIVERY_STATE_DELIVERED)
}

// outlived tells whether a user was seen to be registered after his last registration had failed. That Jamf Pro refused
// the result is wrong all the same.
func outlived(user *usherv1.UserStatus) bool {
	last := user.GetLastRegistration()
	return last.GetFailureReason() != usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED &&
		contract.StateFromProto(user.GetIdentity().GetState()).Registered() &&
		contract.Time(user.GetLookTime()).After(contract.Time(last.GetUpdateTime()))
}
