package handlers

import (
	"context"
	"fmt"

	"usher.internal/helper/doctor"
	"usher.internal/helper/gate"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Doctor examines what a registration needs; [doctor.Checks] is one.
type Doctor interface {
	// Examine calls report with each outcome that is for the caller.
	Examine(ctx context.Context, caller doctor.Caller, report func(found doctor.Outcome) error) error
}

type doctorService struct {
	usherv1.UnsafeDoctorServiceServer
	doctor       Doctor
	examinations *examinations
}

// Examine shows a user who is not an admin no more than GetStatus: no other user, no problem of the configuration, and
// no rights of the API client. [doctor.Checks] decides that for each check.
func (s *doctorService) Examine(_ *usherv1.ExamineRequest, stream usherv1.DoctorService_ExamineServer) error {
	actor := gate.ActorFrom(stream.Context())
	admin, uid := actor.IsAdmin(), actor.UID()
	if !admin && !s.examinations.allow(uid) {
		return gate.Limited(uid, fmt.Sprintf("examines more often than every %s; wait a moment", examinationInterval))
	}
	return s.doctor.Examine(stream.Context(), doctor.Caller{Admin: admin, UID: uid, All: admin},
		func(found doctor.Outcome) error {
			return stream.Send(&usherv1.ExamineResponse{Check: outcomeToProto(found)})
		})
}

func outcomeToProto(found doctor.Outcome) *usherv1.Check {
	return &usherv1.Check{
		Name: found.Name, Title: found.Title, Evidence: found.Evidence, Fix: found.Fix, User: found.User.Name,
		Result: contract.Value[usherv1.CheckResult](found.Result),
	}
}
