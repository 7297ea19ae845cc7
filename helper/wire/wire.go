// Package wire writes registrations as messages of the contract, for whoever asks.
package wire

import (
	"usher.internal/helper/doctor"
	"usher.internal/helper/registration"
	usherv1 "usher.internal/proto/usher/v1"
)

// Viewer is who asks; a [gate.Actor] is one.
type Viewer interface {
	UID() uint32
	IsAdmin() bool
}

// RegistrationFor writes a registration as the caller may see it.
func RegistrationFor(viewer Viewer, r registration.Registration) *usherv1.Registration {
	message := r.Proto()
	if !viewer.IsAdmin() {
		KeepFromUser(message, viewer.UID())
	}
	return message
}

// notDelivered is what users see and not what Jamf Pro said: the outbox is not shown to users either.
const notDelivered = "The result has not reached Jamf Pro. Only root and admins see why."

// KeepFromUser takes out of a registration what its user, who is not an admin, may not see: what Jamf Pro says of the
// API client, and the numbers of other accounts.
func KeepFromUser(message *usherv1.Registration, uid uint32) {
	if message.DeliveryError != "" {
		message.DeliveryError = notDelivered
	}
	refused, detail := message.FailureReason == usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED,
		message.FailureDetail
	sentence := func(text string) string {
		if refused && text == detail {
			return notDelivered
		}
		return doctor.WithoutOthers(text, uid)
	}
	message.FailureDetail = sentence(message.FailureDetail)
	for _, transition := range message.Transitions {
		transition.Evidence = sentence(transition.Evidence)
	}
	for _, milestone := range message.Milestones {
		milestone.Detail = doctor.WithoutOthers(milestone.Detail, uid)
	}
}
