// Package wire writes registrations as messages of the contract, for any caller.
package wire

import (
	"usher.internal/helper/doctor"
	"usher.internal/helper/registration"
	usherv1 "usher.internal/proto/usher/v1"
)

// Viewer is the caller; a [gate.Actor] is one.
type Viewer interface {
	UID() uint32
	IsAdmin() bool
}

// RegistrationFor writes the part of a registration that the caller may see.
func RegistrationFor(viewer Viewer, r registration.Registration) *usherv1.Registration {
	message := r.Proto()
	if !viewer.IsAdmin() {
		KeepFromUser(message, viewer.UID())
	}
	return message
}

// notDelivered is shown to users instead of Jamf Pro's answer. Users do not see the outbox either.
const notDelivered = "The result has not reached Jamf Pro. Only root and admins see why."

// KeepFromUser removes from a registration what its user may not see if they are not an admin: Jamf Pro's answer about
// the API client, and the numbers of other accounts.
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
