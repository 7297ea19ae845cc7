package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"usher.internal/helper/doctor"
	"usher.internal/helper/registration"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// An examination costs something, also where it takes answers that there are, so a user may have so many at once, and
// then one each interval. Admins have no limit.
const (
	examinationsAtOnce  = 3
	examinationInterval = 10 * time.Second
)

// Doctor examines what a registration needs; [doctor.Checks] is one.
type Doctor interface {
	// Examine calls tell with each outcome that is for the caller, and the number of outcomes so far known.
	Examine(ctx context.Context, caller doctor.Caller, tell func(found doctor.Outcome, total int) error) error
}

type doctorService struct {
	usherv1.UnimplementedDoctorServiceServer
	doctor Doctor
	// draining ends when the server shuts down.
	draining context.Context

	mu sync.Mutex
	// asked is how often each user has asked, by uid.
	asked map[uint32]*rate.Limiter
}

// newDoctorService returns the service. Draining ends when the server shuts down.
func newDoctorService(doctor Doctor, draining context.Context) *doctorService {
	return &doctorService{doctor: doctor, draining: draining, asked: make(map[uint32]*rate.Limiter)}
}

// Examine shows a user who is not an admin what GetStatus shows them: no other user, and neither what is wrong with the
// configuration nor what the API client may do. [doctor.Checks] decides that for each check.
func (s *doctorService) Examine(_ *usherv1.ExamineRequest, stream usherv1.DoctorService_ExamineServer) error {
	actor := actorFrom(stream.Context())
	admin, uid := actor.IsAdmin(), actor.UID()
	if !admin && !s.mayAsk(uid) {
		return limited(uid, fmt.Sprintf("examines more often than every %s; wait a moment", examinationInterval))
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.draining, func() { cancel(registration.ErrShuttingDown) })()
	return s.doctor.Examine(ctx, doctor.Caller{Admin: admin, UID: uid, All: admin},
		func(found doctor.Outcome, total int) error {
			return stream.Send(&usherv1.ExamineResponse{Check: outcomeToProto(found), Total: int32(total)})
		})
}

// mayAsk counts an examination of that user's.
func (s *doctorService) mayAsk(uid uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, asked := range s.asked { // who has his full allowance is as good as a new one
		if asked.Tokens() >= examinationsAtOnce {
			delete(s.asked, other)
		}
	}
	if s.asked[uid] == nil {
		s.asked[uid] = rate.NewLimiter(rate.Every(examinationInterval), examinationsAtOnce)
	}
	return s.asked[uid].Allow()
}

func outcomeToProto(found doctor.Outcome) *usherv1.Check {
	return &usherv1.Check{
		Name: found.Name, Title: found.Title, Evidence: found.Evidence, Fix: found.Fix, User: found.User.Name,
		Result: contract.Value[usherv1.CheckResult](found.Result),
	}
}
