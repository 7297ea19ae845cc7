package server

import (
	"context"
	"sync"
	"time"

	"usher.internal/helper/accounts"
	"usher.internal/helper/delivery"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// Sessions tells who is logged in.
type Sessions interface {
	Foremost
	List() []sessions.Session
}

// History is what the journal holds of each user.
type History interface {
	// Newest returns the newest registration of each user.
	Newest() ([]registration.Registration, error)
	// LastIdentity returns the newest identity that was read of a user, nil when none was.
	LastIdentity(uid uint32) (*wpj.Identity, error)
}

// Journal tells of the file that registrations and outbox are kept in.
type Journal interface {
	// WriteError is the error of the last write, nil when that went well.
	WriteError() error
	// Generation is another number after each change.
	Generation() uint64
}

type statusService struct {
	usherv1.UnimplementedStatusServiceServer
	sessions     Sessions
	history      History
	journal      Journal
	outbox       Outbox
	deliveryMode string
	version      string
	startedAt    time.Time

	mu   sync.Mutex
	last *snapshot
}

// snapshot is what the journal said at one generation of it. It is not changed once it is made, and shared by the answers.
type snapshot struct {
	generation uint64
	users      []*usherv1.UserStatus
	outbox     *usherv1.OutboxStatus
}

func (s *statusService) GetStatus(ctx context.Context, _ *usherv1.GetStatusRequest) (*usherv1.GetStatusResponse, error) {
	actor := actorFrom(ctx)
	status := &usherv1.GetStatusResponse{Helper: &usherv1.HelperStatus{
		Version:      s.version,
		StartTime:    contract.Timestamp(s.startedAt),
		DeliveryMode: s.deliveryMode,
	}}
	if err := s.journal.WriteError(); err != nil {
		status.Helper.JournalError = err.Error()
	}
	journal, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	status.Users = s.users(journal, func(uid uint32) bool { return actor.IsAdmin() || actor.MayActFor(uid) == nil })
	if actor.IsAdmin() {
		status.Outbox = journal.outbox
	}
	status.Problems = problems(status)
	return status, nil
}

// users returns everyone who is logged in or has a registration, if visible, logged in first.
func (s *statusService) users(journal *snapshot, visible func(uid uint32) bool) []*usherv1.UserStatus {
	var users []*usherv1.UserStatus
	byUID := make(map[uint32]*usherv1.UserStatus)
	console, onConsole := accounts.Console()
	for _, session := range s.sessions.List() {
		if !visible(session.User.UID) {
			continue
		}
		user := &usherv1.UserStatus{
			User: &usherv1.User{Name: session.User.Name, Uid: session.User.UID},
			Session: &usherv1.SessionStatus{
				AgentVersion: session.AgentVersion,
				ConnectTime:  contract.Timestamp(session.ConnectedAt),
				OnConsole:    onConsole && console == session.User.UID,
				AgentPid:     int32(session.AgentPID),
			},
		}
		users = append(users, user)
		byUID[session.User.UID] = user
	}
	for _, known := range journal.users {
		if user := byUID[known.User.Uid]; user != nil {
			user.LastRegistration, user.Identity = known.LastRegistration, known.Identity
		} else if visible(known.User.Uid) {
			users = append(users, known)
		}
	}
	return users
}

// snapshot returns what the journal says, read anew where it has changed.
func (s *statusService) snapshot() (*snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	generation := s.journal.Generation()
	if s.last != nil && s.last.generation == generation {
		return s.last, nil
	}
	newest, err := s.history.Newest()
	if err != nil {
		return nil, err
	}
	read := &snapshot{generation: generation}
	for _, last := range newest {
		identity, err := s.history.LastIdentity(last.User.UID)
		if err != nil {
			return nil, err
		}
		read.users = append(read.users, &usherv1.UserStatus{
			User:             &usherv1.User{Name: last.User.Name, Uid: last.User.UID},
			LastRegistration: registrationToProto(last),
			Identity:         contract.IdentityToProto(identity),
		})
	}
	if read.outbox, err = s.outboxStatus(); err != nil {
		return nil, err
	}
	s.last = read
	return read, nil
}

func (s *statusService) outboxStatus() (*usherv1.OutboxStatus, error) {
	deliveries, err := s.outbox.List(true, maximumListed)
	if err != nil {
		return nil, err
	}
	outbox := &usherv1.OutboxStatus{}
	var next, delivered time.Time
	for _, one := range deliveries {
		switch one.State {
		case delivery.StatePending:
			outbox.Pending++
			if next.IsZero() || one.NextAttemptAt.Before(next) {
				next = one.NextAttemptAt
			}
		case delivery.StateRefused:
			if outbox.Refused++; outbox.Refused == 1 {
				outbox.LastError = one.LastError // what is for good is told first
			}
		case delivery.StateDelivered:
			if one.EndedAt.After(delivered) {
				delivered = one.EndedAt
			}
			continue
		default:
			continue
		}
		if outbox.LastError == "" && outbox.Refused == 0 {
			outbox.LastError = one.LastError
		}
	}
	outbox.NextAttemptTime, outbox.LastDeliveredTime = contract.Timestamp(next), contract.Timestamp(delivered)
	return outbox, nil
}
