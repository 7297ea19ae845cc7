// Package attributetest has statuses of Macs in all states, for tests of code that reads [attribute.Table].
package attributetest

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// At is when the transitions of the registrations were, a number of hours into a day.
func At(hour int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 11, 23, hour, 30, 0, 0, time.FixedZone("CET", 3600)))
}

// States returns statuses by name. They cover every state of an identity, every state and reason of a registration, no
// user, several users, and texts that do not fit into a <result> unchanged.
func States() map[string][]*usherv1.UserStatus {
	all := map[string][]*usherv1.UserStatus{"nobody": nil, "logged in": {jane(nil, nil)}}
	identity := func(state usherv1.IdentityState) *usherv1.Identity {
		return &usherv1.Identity{
			State: state, Detail: "what <it> rests on", DeviceId: "c9f7fcba-c5d8-4994-8d4c-2c2785b993c1",
			TenantId: "tenant", UserPrincipalName: "jane&co@example.com",
			Source:         usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN,
			Contradictions: []*usherv1.Contradiction{{Name: "one"}, {Name: "other"}},
		}
	}
	for number := range usherv1.IdentityState_name {
		state := usherv1.IdentityState(number)
		all[contract.Name(state)] = []*usherv1.UserStatus{jane(identity(state), nil)}
		locked := jane(&usherv1.Identity{State: state}, nil)
		locked.LastKnownIdentity = identity(usherv1.IdentityState_IDENTITY_STATE_REGISTERED)
		all[contract.Name(state)+" after REGISTERED"] = []*usherv1.UserStatus{locked}
	}
	for number := range usherv1.RegistrationState_name {
		state := usherv1.RegistrationState(number)
		all["registration "+contract.Name(state)] = []*usherv1.UserStatus{jane(nil, registration(state, 0, nil))}
	}
	for number := range usherv1.FailureReason_name {
		reason := usherv1.FailureReason(number)
		all["failed with "+contract.Name(reason)] = []*usherv1.UserStatus{
			jane(nil, registration(usherv1.RegistrationState_REGISTRATION_STATE_FAILED, reason, nil))}
	}
	exit := &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 66}, Name: "registrationDeviceCapError"}
	all["portal failed"] = []*usherv1.UserStatus{
		jane(nil, registration(usherv1.RegistrationState_REGISTRATION_STATE_FAILED,
			usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED, exit)),
	}
	john := &usherv1.UserStatus{User: &usherv1.User{Name: "john", Uid: 502}, Primary: true,
		Identity: identity(usherv1.IdentityState_IDENTITY_STATE_COMPLIANT)}
	gone := &usherv1.UserStatus{User: &usherv1.User{Name: "gone", Uid: 503}, NoAccount: true}
	unseen := &usherv1.UserStatus{User: &usherv1.User{Name: "unseen", Uid: 504}, LookTime: At(12),
		Identity: &usherv1.Identity{State: usherv1.IdentityState_IDENTITY_STATE_NO_SESSION}}
	all["several users"] = []*usherv1.UserStatus{
		jane(identity(usherv1.IdentityState_IDENTITY_STATE_NOT_REGISTERED), nil), john, gone, unseen, {
			User: &usherv1.User{Name: "has-just-come", Uid: 505}, Session: &usherv1.SessionStatus{},
		}}
	return all
}

func jane(identity *usherv1.Identity, last *usherv1.Registration) *usherv1.UserStatus {
	return &usherv1.UserStatus{
		User: &usherv1.User{Name: "jane", Uid: 501}, Identity: identity, LastRegistration: last, LookTime: At(12),
		DeviceIdChange: &usherv1.DeviceIDChange{OldDeviceId: "old", NewDeviceId: "new\n</result>", Time: At(11)},
	}
}

func registration(state usherv1.RegistrationState, reason usherv1.FailureReason,
	exit *usherv1.PortalExit) *usherv1.Registration {
	transitions := []*usherv1.Transition{{State: usherv1.RegistrationState_REGISTRATION_STATE_PREFLIGHT, Time: At(8)}}
	if state == usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED ||
		reason == usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED {
		transitions = append(transitions,
			&usherv1.Transition{State: usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING, Time: At(9)})
	}
	return &usherv1.Registration{
		State: state, FailureReason: reason, PortalExit: exit, UpdateTime: At(23),
		Transitions: append(transitions, &usherv1.Transition{State: state, Time: At(10)}),
	}
}
