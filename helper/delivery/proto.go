package delivery

import (
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Proto returns the message for a delivery.
func (d Delivery) Proto() *usherv1.Delivery {
	return &usherv1.Delivery{
		Id: d.ID, RegistrationId: d.Report.RegistrationID,
		User:       &usherv1.User{Name: d.Report.UserName, Uid: d.Report.UID},
		State:      contract.Value[usherv1.DeliveryState](d.State),
		CreateTime: contract.Timestamp(d.CreatedAt), EndTime: contract.Timestamp(d.EndedAt),
		Attempts: int32(d.Attempts), NextAttemptTime: contract.Timestamp(d.NextAttemptAt),
		LastError: d.LastError, Summary: d.Report.Summary(),
	}
}
