package clean

import (
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// kinds are the kinds of leftovers, as the contract has them.
var kinds = contract.EnumOf[Kind, usherv1.LeftoverKind]()

// Proto returns the message for a leftover.
func (l Leftover) Proto() *usherv1.Leftover {
	return &usherv1.Leftover{Id: l.ID, Kind: kinds.ToProto(l.Kind), Name: l.Name}
}

// Proto returns the message for a user's leftovers.
func (r Remains) Proto() *usherv1.FindRemainsResponse {
	message := &usherv1.FindRemainsResponse{Identity: contract.IdentityToProto(&r.Identity), Objection: r.Objection}
	for _, one := range r.AtRisk {
		message.AtRisk = append(message.AtRisk, &usherv1.RegistrationAtRisk{
			DeviceId: string(one.DeviceID), TenantId: string(one.TenantID), Source: contract.SourceToProto(one.Source),
			Place: one.Place, Reason: one.Reason,
		})
	}
	for _, one := range r.Leftovers {
		message.Leftovers = append(message.Leftovers, one.Proto())
	}
	return message
}

// Proto returns the message for the record of a removal.
func (r Removal) Proto() *usherv1.Removal {
	message := &usherv1.Removal{
		User: contract.UserToProto(r.User), Time: contract.Timestamp(r.At), Caller: contract.UserToProto(r.Caller),
		Force: r.Force,
	}
	for _, one := range r.Removed {
		message.Removed = append(message.Removed,
			&usherv1.RemovedLeftover{Leftover: one.Leftover.Proto(), Error: one.Error})
	}
	return message
}
