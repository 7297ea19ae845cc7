package registration

import (
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Kinds are the kinds of registrations, as the contract has them.
var Kinds = contract.EnumOf[Kind, usherv1.RegistrationKind]()

// Proto returns the message for a registration.
func (r Registration) Proto() *usherv1.Registration {
	message := &usherv1.Registration{
		Id: r.ID, Kind: Kinds.ToProto(r.Kind), User: contract.UserToProto(r.User),
		State:         contract.Value[usherv1.RegistrationState](r.State),
		FailureReason: contract.Value[usherv1.FailureReason](r.FailureReason), FailureDetail: r.FailureDetail,
		CreateTime: contract.Timestamp(r.CreatedAt), UpdateTime: contract.Timestamp(r.UpdatedAt),
		Deadline:   contract.Timestamp(r.Deadline),
		PortalExit: contract.Explained(contract.ExitToProto(r.PortalExit)),
		Identity:   contract.IdentityToProto(r.Identity),
	}
	for _, one := range r.Transitions {
		message.Transitions = append(message.Transitions, &usherv1.Transition{
			State: contract.Value[usherv1.RegistrationState](one.State), Time: contract.Timestamp(one.At),
			Evidence: one.Evidence,
		})
	}
	for _, one := range r.Milestones {
		message.Milestones = append(message.Milestones, contract.MilestoneToProto(one))
	}
	if progress := r.Delivery; progress != nil {
		message.DeliveryState = contract.Value[usherv1.DeliveryState](progress.State)
		message.DeliveryError = progress.LastError
		message.DeliveryAttempts = int32(progress.Attempts)
	}
	return message
}
