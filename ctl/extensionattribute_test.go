package main

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	usherv1 "usher.internal/proto/usher/v1"
)

// In mode recon an extension attribute is the delivery, so it says what mode api would have delivered.
func TestAttributesTellWhatIsDelivered(t *testing.T) {
	at := func(hour int) *timestamppb.Timestamp {
		return timestamppb.New(time.Date(2026, 11, 23, hour, 0, 0, 0, time.UTC))
	}
	found := []*usherv1.Transition{
		{State: usherv1.RegistrationState_REGISTRATION_STATE_PREFLIGHT, Time: at(8)},
		{State: usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING, Time: at(9)},
	}
	end := func(state usherv1.RegistrationState) []*usherv1.Transition {
		return append(found[:len(found):len(found)], &usherv1.Transition{State: state, Time: at(23)})
	}
	for name, test := range map[string]struct {
		registration *usherv1.Registration
		result, last string
	}{
		"none": {nil, "", ""},
		"delivery failed so far": {&usherv1.Registration{
			State: usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING, Transitions: found, UpdateTime: at(22),
		}, "SUCCEEDED", "2026-11-23T09:00:00Z"},
		"delivered late": {&usherv1.Registration{
			State:       usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED,
			Transitions: end(usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED),
		}, "SUCCEEDED", "2026-11-23T09:00:00Z"},
		"delivery refused": {&usherv1.Registration{
			State: usherv1.RegistrationState_REGISTRATION_STATE_FAILED, FailureReason: usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED,
			Transitions: end(usherv1.RegistrationState_REGISTRATION_STATE_FAILED),
		}, "SUCCEEDED (delivered later)", "2026-11-23T09:00:00Z"},
		"failed": {&usherv1.Registration{
			State: usherv1.RegistrationState_REGISTRATION_STATE_FAILED, FailureReason: usherv1.FailureReason_FAILURE_REASON_SESSION_TIMEOUT,
			Transitions: append(found[:1:1], &usherv1.Transition{State: usherv1.RegistrationState_REGISTRATION_STATE_FAILED, Time: at(10)}),
			UpdateTime:  at(23),
		}, "FAILED: SESSION_TIMEOUT", "2026-11-23T10:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := result(test.registration); got != test.result {
				t.Errorf("result is %q, want %q", got, test.result)
			}
			if got := lastRegistration(test.registration); got != test.last {
				t.Errorf("last registration is %q, want %q", got, test.last)
			}
		})
	}
}
