package answer

import (
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// IdentityName is the name of a state, or - for none.
func IdentityName(state usherv1.IdentityState) string {
	if state == usherv1.IdentityState_IDENTITY_STATE_UNSPECIFIED {
		return "-"
	}
	return contract.Name(state)
}

// DeliveryName is the name of a state, or - for none.
func DeliveryName(state usherv1.DeliveryState) string {
	if state == usherv1.DeliveryState_DELIVERY_STATE_UNSPECIFIED {
		return "-"
	}
	return contract.Name(state)
}

// ShortID is the beginning of an id, for people to type. The first eight characters of a UUID of version 7 identify the
// minute.
func ShortID(id string) string {
	if len(id) > 13 {
		return id[:13]
	}
	return id
}

// LastState is the state of a registration, with the reason if it failed.
func LastState(r *usherv1.Registration) string {
	switch {
	case r == nil:
		return "-"
	case r.GetState() == usherv1.RegistrationState_REGISTRATION_STATE_FAILED:
		return "FAILED: " + contract.Name(r.GetFailureReason())
	}
	return contract.Name(r.GetState())
}

// Ended reports whether a registration in that state has ended.
func Ended(state usherv1.RegistrationState) bool {
	return state == usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED ||
		state == usherv1.RegistrationState_REGISTRATION_STATE_FAILED ||
		state == usherv1.RegistrationState_REGISTRATION_STATE_CANCELLED
}
