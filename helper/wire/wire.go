// Package wire writes registrations and deliveries as messages of the contract.
package wire

import (
	"syscall"

	"golang.org/x/sys/unix"

	"usher.internal/helper/delivery"
	"usher.internal/helper/doctor"
	"usher.internal/helper/registration"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Enum returns the value of an enum of the contract that has that name. The names of the states, reasons and kinds are
// the same here and in the contract but for the enum's prefix, so the contract's own name tables translate them; a test
// walks all of them.
func Enum[E ~int32](values map[string]int32, prefix, name string) E {
	return E(values[prefix+name])
}

// Registration writes a registration as root sees it.
func Registration(r registration.Registration) *usherv1.Registration {
	message := &usherv1.Registration{
		Id: r.ID,
		Kind: Enum[usherv1.RegistrationKind](usherv1.RegistrationKind_value, "REGISTRATION_KIND_",
			string(r.Kind)),
		User:  &usherv1.User{Name: r.User.Name, Uid: r.User.UID},
		State: stateToProto(r.State),
		FailureReason: Enum[usherv1.FailureReason](usherv1.FailureReason_value, "FAILURE_REASON_",
			string(r.FailureReason)),
		FailureDetail: r.FailureDetail,
		CreateTime:    contract.Timestamp(r.CreatedAt),
		UpdateTime:    contract.Timestamp(r.UpdatedAt),
		Deadline:      contract.Timestamp(r.Deadline),
		PortalExit:    portalExitToProto(r.PortalExit),
		Identity:      contract.IdentityToProto(r.Identity),
	}
	for _, transition := range r.Transitions {
		message.Transitions = append(message.Transitions, &usherv1.Transition{
			State: stateToProto(transition.State), Time: contract.Timestamp(transition.At),
			Evidence: transition.Evidence,
		})
	}
	for _, milestone := range r.Milestones {
		message.Milestones = append(message.Milestones, &usherv1.Milestone{
			Kind: Enum[usherv1.MilestoneKind](usherv1.MilestoneKind_value, "MILESTONE_KIND_",
				string(milestone.Kind)),
			Time:   contract.Timestamp(milestone.At),
			Detail: milestone.Detail,
		})
	}
	if progress := r.Delivery; progress != nil {
		message.DeliveryState = deliveryStateToProto(progress.State)
		message.DeliveryError = progress.LastError
		message.DeliveryAttempts = int32(progress.Attempts)
	}
	return message
}

// Viewer is who asks; a [gate.Actor] is one.
type Viewer interface {
	UID() uint32
	IsAdmin() bool
}

// RegistrationFor writes a registration as the caller may see it.
func RegistrationFor(viewer Viewer, r registration.Registration) *usherv1.Registration {
	message := Registration(r)
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

func stateToProto(state registration.State) usherv1.RegistrationState {
	return Enum[usherv1.RegistrationState](usherv1.RegistrationState_value, "REGISTRATION_STATE_", string(state))
}

func deliveryStateToProto(state delivery.State) usherv1.DeliveryState {
	return Enum[usherv1.DeliveryState](usherv1.DeliveryState_value, "DELIVERY_STATE_", string(state))
}

func portalExitToProto(exit *registration.PortalExit) *usherv1.PortalExit {
	if exit == nil {
		return nil
	}
	message := &usherv1.PortalExit{FromLog: exit.FromLog}
	switch {
	case exit.Code != nil:
		info, _ := exit.Code.Info()
		message.How = &usherv1.PortalExit_Code{Code: int32(*exit.Code)}
		message.Name, message.AdminAdvice, message.UserAdvice, message.RetryCanHelp = info.Name, info.Admin, info.User,
			info.RetryCanHelp
	case exit.Signal != 0:
		message.How = &usherv1.PortalExit_Signal{Signal: int32(exit.Signal)}
		message.Name, message.RetryCanHelp = unix.SignalName(syscall.Signal(exit.Signal)), true
	default:
		message.How = &usherv1.PortalExit_Unknown{Unknown: true}
		message.RetryCanHelp = true
	}
	return message
}

// Delivery writes a delivery.
func Delivery(d delivery.Delivery) *usherv1.Delivery {
	return &usherv1.Delivery{
		Id:              d.ID,
		RegistrationId:  d.Report.RegistrationID,
		User:            &usherv1.User{Name: d.Report.UserName, Uid: d.Report.UID},
		State:           deliveryStateToProto(d.State),
		CreateTime:      contract.Timestamp(d.CreatedAt),
		EndTime:         contract.Timestamp(d.EndedAt),
		Attempts:        int32(d.Attempts),
		NextAttemptTime: contract.Timestamp(d.NextAttemptAt),
		LastError:       d.LastError,
		Summary:         d.Report.Summary(),
	}
}
