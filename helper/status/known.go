package status

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/store"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// known reads the users, the outbox and the state of the journal from the journal, once for each generation of it.
type known struct {
	Config

	mu   sync.Mutex
	last *snapshot
}

// snapshot is the content of the journal at one generation. It does not change after it is built, and answers share it.
type snapshot struct {
	generation uint64
	// users are those in the journal. After an account was deleted, two of them can have the same uid.
	users  []*usherv1.UserStatus
	outbox *usherv1.OutboxStatus
	damage []*usherv1.JournalDamage
}

// of returns the journal's knowledge of a user, nil for none.
func (s *snapshot) of(uid uint32, name string) *usherv1.UserStatus {
	at := slices.IndexFunc(s.users,
		func(known *usherv1.UserStatus) bool { return known.User.Uid == uid && known.User.Name == name })
	if at < 0 {
		return nil
	}
	return s.users[at]
}

// now returns the content of the journal. It reads the journal again after a change.
func (k *known) now() (*snapshot, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	generation := k.Journal.Generation()
	if k.last != nil && k.last.generation == generation {
		return k.last, nil
	}
	newest, err := k.History.Newest()
	if err != nil {
		return nil, err
	}
	read := &snapshot{generation: generation}
	observed, err := k.Observations.All()
	if err != nil {
		return nil, err
	}
	userOf := func(name string, uid uint32) *usherv1.UserStatus {
		user := read.of(uid, name)
		if user == nil {
			user = &usherv1.UserStatus{User: &usherv1.User{Name: name, Uid: uid}}
			read.users = append(read.users, user)
		}
		return user
	}
	for _, last := range newest {
		user := userOf(last.Newest.User.Name, last.Newest.User.UID)
		user.LastRegistration = last.Newest.Proto()
		if last.Reported != nil {
			user.ReportedRegistration = last.Reported.Proto()
		}
	}
	for _, seen := range observed {
		user := userOf(seen.User.Name, seen.User.UID)
		user.Identity, user.LookTime = contract.IdentityToProto(&seen.Identity), contract.Timestamp(seen.LookedAt)
		user.LastKnownIdentity = contract.IdentityToProto(seen.LastKnown)
		for _, evidence := range seen.Evidence {
			user.Evidence = append(user.Evidence, contract.EvidenceToProto(evidence))
		}
		if lost := seen.LostKeychain; lost != nil {
			user.LostKeychain = &usherv1.RenamedKeychain{Name: lost.Name, RenameTime: contract.Timestamp(lost.At)}
		}
		if change := seen.Change; change != nil {
			user.DeviceIdChange = &usherv1.DeviceIDChange{
				OldDeviceId: string(change.Old), NewDeviceId: string(change.New), Time: contract.Timestamp(change.At),
			}
		}
	}
	slices.SortFunc(read.users, func(a, b *usherv1.UserStatus) int {
		return cmp.Or(cmp.Compare(a.User.Uid, b.User.Uid), cmp.Compare(a.User.Name, b.User.Name))
	})
	if read.outbox, err = k.outboxStatus(); err != nil {
		return nil, err
	}
	damages, err := k.Journal.Damages()
	if err != nil {
		return nil, err
	}
	for _, one := range store.Summarize(damages) {
		read.damage = append(read.damage,
			&usherv1.JournalDamage{Text: one.Text, Fix: one.Fix, Time: contract.Timestamp(one.Since)})
	}
	k.last = read
	return read, nil
}

// neverSeen is the identity of a user who is not logged in and was never looked at.
func neverSeen() *wpj.Identity {
	identity := wpj.Evaluate([]wpj.Evidence{
		{Source: wpj.SourceLoginKeychain, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleNoSession}},
		wpj.Conditions{Now: time.Now()})
	return &identity
}

func (k *known) outboxStatus() (*usherv1.OutboxStatus, error) {
	undelivered, err := k.Outbox.List(false, 0)
	if err != nil {
		return nil, err
	}
	delivered, err := k.Outbox.LastDelivered()
	if err != nil {
		return nil, err
	}
	outbox := &usherv1.OutboxStatus{}
	var next time.Time
	for _, one := range undelivered {
		switch one.State {
		case delivery.StatePending:
			outbox.Pending++
			if next.IsZero() || one.NextAttemptAt.Before(next) {
				next = one.NextAttemptAt
			}
		case delivery.StateRefused:
			if outbox.Refused++; outbox.Refused == 1 {
				outbox.LastError = one.LastError // problems that an admin has to fix come first
			}
		}
		// Of the pending ones, the oldest has the error; the others wait for it.
		if outbox.Refused == 0 && one.LastError != "" {
			outbox.LastError = one.LastError
		}
	}
	outbox.NextAttemptTime, outbox.LastDeliveredTime = contract.Timestamp(next), contract.Timestamp(delivered)
	return outbox, nil
}
