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

// flush is the command that sends the content of the outbox now.
var flush = config.Sudo("outbox flush")

// problems returns the problems in a status, the worst first: one sentence each, with the fix. It sees only what the
// caller may see. without is the user on the console without an agent, empty for nobody.
func problems(status *usherv1.GetStatusResponse, without string) []string {
	var found []string
	add := func(format string, arguments ...any) { found = append(found, fmt.Sprintf(format, arguments...)) }

	if failure := status.GetHelper().GetJournalError(); failure != "" {
		add("The journal could not be written at the last attempt, and nothing works without it: %s. Check that disk.",
			failure)
	}
	for _, damage := range status.GetHelper().GetJournalDamage() {
		add("The journal was damaged: %s. %s", damage.GetText(), damage.GetFix())
	}
	if failure := status.GetHelper().GetConfigurationError(); failure != "" {
		add("The configuration cannot be used, and the last good one remains in force: %s. Fix it, then run "+
			"`usherctl config validate`.",
			strings.ReplaceAll(failure, "\n", "; "))
	}
	if keys := status.GetHelper().GetPendingConfiguration(); len(keys) > 0 {
		add("The configuration of %s has changed; the change takes effect when usherd restarts: `%s`.",
			strings.Join(keys, ", "), config.Sudo("restart"))
	}
	if outbox := status.GetOutbox(); outbox.GetRefused() > 0 {
		add("Jamf Pro refused %s: %s. Fix that; usherd tries again when the configuration changes and once a day. "+
			"`%s` does it now.",
			english.Count(outbox.GetRefused(), "result"), outbox.GetLastError(), flush)
	} else if outbox.GetPending() > 0 && outbox.GetLastError() != "" {
		add("%s not in Jamf Pro yet: %s. usherd tries again by itself; `%s` does it now.",
			english.Count(outbox.GetPending(), "result"), outbox.GetLastError(), flush)
	}
	switch whole := status.GetOutbox() != nil; {
	case without != "":
		add("%s is logged in, but their usher-agent is not connected, so usher sees nothing new. `usherctl doctor` "+
			"says what to do.", without)
	case len(status.GetUsers()) > 0:
	case !whole:
		add("You are not logged in with usher-agent running, and were not registered yet. The agent starts at login.")
	default:
		add("Nobody is logged in with usher-agent running, and nobody was registered yet. The agent starts at login.")
	}
	for _, user := range status.GetUsers() {
		identity := user.GetIdentity()
		if user.GetNoAccount() {
			continue // Usher Other Users reports it, until an admin has the user forgotten
		}
		switch state, _ := contract.StateFromProto(identity.GetState()).Info(); {
		case identity == nil:
			add("%s was not looked at yet. `usherctl status --look` does it now.", user.GetUser().GetName())
		case state.Fix != "" && state.State != wpj.StateComplianceUnknown:
			add("%s is %s: %s", user.GetUser().GetName(), state.State, withFix(identity, state))
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
		if last.GetState() == usherv1.RegistrationState_REGISTRATION_STATE_FAILED && !reportedByOutbox(status, last) &&
			!outlived(user) {
			add("The last registration of %s failed: %s", user.GetUser().GetName(), last.GetFailureDetail())
		}
	}
	return found
}

// withFix returns the basis of a state with its fix: that of the identity, or otherwise that of its state.
func withFix(identity *usherv1.Identity, state wpj.StateInfo) string {
	sentences := []string{identity.GetDetail()}
	if identity.GetFix() == "" {
		sentences = append(sentences, state.Fix)
	}
	if state.Command != "" {
		sentences = append(sentences, "usher can: `"+state.Command+"`.")
	}
	return strings.Join(sentences, " ")
}

// reportedByOutbox reports whether a registration failed only because Jamf Pro refused its result. The outbox has then
// said so above, or has delivered the result since.
func reportedByOutbox(status *usherv1.GetStatusResponse, last *usherv1.Registration) bool {
	return last.GetFailureReason() == usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED &&
		(status.GetOutbox() != nil || last.GetDeliveryState() == usherv1.DeliveryState_DELIVERY_STATE_DELIVERED)
}

// outlived reports whether a user was seen as registered after their last registration had failed. A refusal by Jamf
// Pro is a problem all the same.
func outlived(user *usherv1.UserStatus) bool {
	last := user.GetLastRegistration()
	return last.GetFailureReason() != usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED &&
		contract.StateFromProto(user.GetIdentity().GetState()).Registered() &&
		contract.Time(user.GetLookTime()).After(contract.Time(last.GetUpdateTime()))
}
