package server

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/primary"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// Sessions tells who is logged in.
type Sessions interface {
	Foremost
	List() []sessions.Session
	// Watch returns a channel too that is closed when a session comes or goes.
	Watch() (now []sessions.Session, changed <-chan struct{})
}

// History is what the journal holds of each user.
type History interface {
	// Newest returns what each user did last.
	Newest() ([]registration.Latest, error)
}

// Observations is what is known of each user.
type Observations interface {
	// All returns what is known, in the order of the uids.
	All() ([]observation.Observation, error)
	// Look looks at a session now.
	Look(ctx context.Context, session sessions.Session) (observation.Observation, error)
	// LookWithoutSession looks at a user who has none, as far as that can be done.
	LookWithoutSession(ctx context.Context, user accounts.User) error
}

// Presence says who was at the Mac last.
type Presence interface {
	// Last returns a function for when a user was, zero where that is not known. Only the order of users means
	// something.
	Last() (of func(uid uint32, name string) time.Time, err error)
}

// Accounts says which users are still accounts of this Mac.
type Accounts interface {
	// Refresh looks the accounts up, unless that was just done.
	Refresh(users []primary.Candidate, configured string)
	// Gone reports whether the account was deleted.
	Gone(uid uint32, name string) bool
	// Name returns the account name of the person with that uid, empty where there is none.
	Name(uid uint32) (string, error)
	// Named returns the person with that account name.
	Named(name string) (accounts.User, bool)
}

// Journal tells of the file that registrations and outbox are kept in.
type Journal interface {
	// WriteError is the error of the last write, nil when that went well.
	WriteError() error
	// Damages are the parts that were set aside because they could not be read.
	Damages() ([]store.Damage, error)
	// Generation is another number after each change.
	Generation() uint64
	// Changed returns a channel that is closed after the next change.
	Changed() <-chan struct{}
}

type statusService struct {
	usherv1.UnimplementedStatusServiceServer
	sessions     Sessions
	history      History
	observations Observations
	journal      Journal
	outbox       Outbox
	presence     Presence
	accounts     Accounts
	settings     func() Settings
	// settingsChanged returns a channel that is closed when they are others.
	settingsChanged func() <-chan struct{}
	version         string
	startedAt       time.Time
	computer        *usherv1.ComputerStatus
	// fleet and troubles are what the ways to this computer from afar say of themselves; nil without any.
	fleet    func() *usherv1.FleetStatus
	troubles func() []string
	// draining ends when the server shuts down.
	draining context.Context

	mu   sync.Mutex
	last *snapshot
}

// snapshot is what the journal said at one generation of it. It is not changed once it is made, and shared by the
// answers.
type snapshot struct {
	generation uint64
	// users are those that the journal knows. After an account was deleted, two of them can have one uid.
	users  []*usherv1.UserStatus
	outbox *usherv1.OutboxStatus
	damage []*usherv1.JournalDamage
}

// of returns what the journal knows of a user, nil for nothing.
func (s *snapshot) of(uid uint32, name string) *usherv1.UserStatus {
	at := slices.IndexFunc(s.users,
		func(known *usherv1.UserStatus) bool { return known.User.Uid == uid && known.User.Name == name })
	if at < 0 {
		return nil
	}
	return s.users[at]
}

func (s *statusService) GetStatus(ctx context.Context, request *usherv1.GetStatusRequest) (*usherv1.GetStatusResponse,
	error) {
	actor := actorFrom(ctx)
	if request.GetLookAgain() {
		s.lookAgain(ctx, actor)
	}
	return s.status(actor)
}

func (s *statusService) WatchStatus(_ *usherv1.WatchStatusRequest,
	stream usherv1.StatusService_WatchStatusServer) error {
	return s.watch(stream.Context(), actorFrom(stream.Context()), func(status *usherv1.GetStatusResponse) error {
		return stream.Send(&usherv1.WatchStatusResponse{Status: status})
	})
}

// watch sends a status as it stands, and again whenever it says something else than the one before.
func (s *statusService) watch(ctx context.Context, actor *Actor, send func(*usherv1.GetStatusResponse) error) error {
	var sent *usherv1.GetStatusResponse
	for {
		written := s.journal.Changed()
		_, changed := s.sessions.Watch()
		configured := s.settingsChanged()
		status, err := s.status(actor)
		if err != nil {
			return err
		}
		if !proto.Equal(status, sent) {
			if err := send(status); err != nil {
				return err
			}
			sent = status
		}
		select {
		case <-written:
		case <-changed:
		case <-configured:
		case <-s.draining.Done():
			return registration.ErrShuttingDown
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// lookAgain looks at everyone whom the caller may see. Who cannot be looked at keeps what was found last, with its
// time.
func (s *statusService) lookAgain(ctx context.Context, actor *Actor) {
	var looks sync.WaitGroup
	present := s.sessions.List()
	for _, session := range present {
		if actor.MayActFor(session.User.UID) == nil {
			looks.Go(func() { s.observations.Look(ctx, session) })
		}
	}
	looks.Go(func() { s.lookAtAbsent(ctx, actor, present) })
	looks.Wait()
}

// lookAtAbsent looks at those whom the journal knows and who are not logged in, one after the other.
func (s *statusService) lookAtAbsent(ctx context.Context, actor *Actor, present []sessions.Session) {
	journal, err := s.snapshot()
	if err != nil {
		return // status says so too
	}
	for _, known := range journal.users {
		user := contract.UserFromProto(known.User)
		isPresent := slices.ContainsFunc(present,
			func(session sessions.Session) bool { return session.User.UID == user.UID })
		if !isPresent && actor.MayActFor(user.UID) == nil {
			s.observations.LookWithoutSession(ctx, user)
		}
	}
}

func (s *statusService) status(actor *Actor) (*usherv1.GetStatusResponse, error) {
	status := &usherv1.GetStatusResponse{Computer: s.computer, Helper: &usherv1.HelperStatus{
		Version:      s.version,
		StartTime:    contract.Timestamp(s.startedAt),
		DeliveryMode: s.settings().DeliveryMode,
	}}
	if err := s.journal.WriteError(); err != nil {
		status.Helper.JournalError = err.Error()
	}
	journal, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	admin := actor.IsAdmin()
	own := ""
	if !admin {
		if own, err = s.accounts.Name(actor.UID()); err != nil {
			return nil, err
		}
	}
	visible := func(uid uint32) bool { return admin || uid == actor.UID() }
	status.Helper.JournalDamage = journal.damage
	if status.Users, err = s.users(journal, admin, func(user *usherv1.User) bool {
		return admin || user.Uid == actor.UID() && user.Name == own
	}); err != nil {
		return nil, err
	}
	if !admin {
		for i, user := range status.Users {
			user = proto.CloneOf(user) // it is shared
			withoutDevicesOfOthers(user)
			withoutJamfPro(user)
			for _, one := range []*usherv1.Registration{user.LastRegistration, user.ReportedRegistration} {
				if one != nil {
					keepFromUser(one, actor.UID())
				}
			}
			status.Users[i] = user
		}
	}
	if admin {
		status.Outbox = journal.outbox
		tellConfiguration(status.Helper, s.settings())
		if s.fleet != nil {
			status.Fleet = s.fleet()
		}
	}
	status.Problems = problems(status, s.withoutAgent(visible))
	if admin && s.troubles != nil {
		status.Problems = append(status.Problems, s.troubles()...)
	}
	if err := actor.Undecided(); err != nil {
		status.Problems = append(status.Problems,
			"only what an ordinary user may see is shown: "+grpcstatus.Convert(err).Message())
	}
	return status, nil
}

// withoutDevicesOfOthers leaves only the user's own among the devices that Jamf Pro has linked this computer to.
func withoutDevicesOfOthers(user *usherv1.UserStatus) {
	own := []string{user.GetIdentity().GetDeviceId(), user.GetLastRegistration().GetIdentity().GetDeviceId(),
		user.GetDeviceIdChange().GetOldDeviceId(), user.GetDeviceIdChange().GetNewDeviceId()}
	isOthers := func(id string) bool {
		return !slices.ContainsFunc(own, func(one string) bool { return strings.EqualFold(one, id) })
	}
	for _, evidence := range user.GetEvidence() {
		if facts := evidence.GetCompliance(); facts != nil {
			facts.DeviceIds = slices.DeleteFunc(facts.DeviceIds, isOthers)
		}
	}
}

// withoutJamfPro leaves out why Jamf Pro could not be asked: it says what is wrong with the API client and its secret.
func withoutJamfPro(user *usherv1.UserStatus) {
	for _, evidence := range user.GetEvidence() {
		if evidence.GetSource() != usherv1.IdentitySource_IDENTITY_SOURCE_JAMF_PRO ||
			evidence.GetFinding() != usherv1.Finding_FINDING_COULD_NOT_LOOK {
			continue
		}
		said := strings.TrimRight(evidence.GetDetail(), ".")
		evidence.Detail, evidence.Obstacle = "Jamf Pro could not be asked. Only root and admins see why.",
			usherv1.Obstacle_OBSTACLE_UNAVAILABLE
		if identity := user.GetIdentity(); identity != nil && said != "" {
			identity.Detail = strings.ReplaceAll(identity.Detail, said, "only root and admins see why")
		}
	}
}

// tellConfiguration says what is wrong with the configuration.
func tellConfiguration(helper *usherv1.HelperStatus, settings Settings) {
	helper.PendingConfiguration = settings.Pending
	if problem := settings.Problem; problem != nil {
		helper.ConfigurationError, helper.ConfigurationErrorTime = problem.Err.Error(),
			contract.Timestamp(problem.Since)
	}
}

// withoutAgent names who is on the console while no agent of his is connected, if visible; empty for nobody.
func (s *statusService) withoutAgent(visible func(uid uint32) bool) string {
	person, there := accounts.AtConsole()
	if !there || !visible(person.UID) ||
		slices.ContainsFunc(s.sessions.List(), func(one sessions.Session) bool { return one.User.UID == person.UID }) {
		return ""
	}
	return person.Name
}

// users returns everyone who is logged in or known, if visible, logged in first. A user is a uid with a name: after an
// account was deleted, its uid may be another person's.
func (s *statusService) users(journal *snapshot, admin bool, visible func(*usherv1.User) bool) ([]*usherv1.UserStatus,
	error) {
	configured := s.settings().PrimaryUser
	if admin {
		s.lookUpAccounts(journal, configured)
	}
	var users []*usherv1.UserStatus
	console, onConsole := accounts.Console()
	present := make(map[*usherv1.UserStatus]bool)
	for _, session := range s.sessions.List() {
		uid := session.User.UID
		user := &usherv1.UserStatus{User: contract.UserToProto(session.User),
			NoAccount: s.accounts.Gone(uid, session.User.Name)}
		if known := journal.of(uid, session.User.Name); known != nil {
			present[known] = true
			user.LastRegistration, user.ReportedRegistration = known.LastRegistration, known.ReportedRegistration
			user.Identity, user.LastKnownIdentity, user.Evidence = known.Identity, known.LastKnownIdentity,
				known.Evidence
			user.DeviceIdChange, user.LookTime, user.LostKeychain = known.DeviceIdChange, known.LookTime,
				known.LostKeychain
		}
		user.Session = &usherv1.SessionStatus{
			AgentVersion: session.AgentVersion,
			ConnectTime:  contract.Timestamp(session.ConnectedAt),
			OnConsole:    onConsole && console == uid,
			AgentPid:     int32(session.AgentPID),
		}
		users = append(users, user)
	}
	for _, known := range journal.users {
		if present[known] {
			continue
		}
		gone := s.accounts.Gone(known.User.Uid, known.User.Name)
		if known.Identity == nil || gone {
			known = proto.CloneOf(known) // it is shared
			known.NoAccount = gone
		}
		if known.Identity == nil {
			known.Identity = contract.IdentityToProto(neverSeen())
		}
		users = append(users, known)
	}
	if person, there := s.accounts.Named(configured); there &&
		!slices.ContainsFunc(users, func(user *usherv1.UserStatus) bool { return user.User.Name == person.Name }) {
		users = append(users, &usherv1.UserStatus{
			User: contract.UserToProto(person), Identity: contract.IdentityToProto(neverSeen()),
		})
	}
	if err := s.choose(users, configured); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(users, func(user *usherv1.UserStatus) bool { return !visible(user.User) }), nil
}

// lookUpAccounts has the accounts of all users looked up, if that is some time ago.
func (s *statusService) lookUpAccounts(journal *snapshot, configured string) {
	var users []primary.Candidate
	for _, session := range s.sessions.List() {
		users = append(users, primary.Candidate{UID: session.User.UID, Name: session.User.Name})
	}
	for _, known := range journal.users {
		users = append(users, primary.Candidate{UID: known.User.Uid, Name: known.User.Name})
	}
	s.accounts.Refresh(users, configured)
}

// choose marks the primary one of all users.
func (s *statusService) choose(users []*usherv1.UserStatus, configured string) error {
	console, onConsole := accounts.Console()
	atMac, err := s.presence.Last()
	if err != nil {
		return err
	}
	var candidates []primary.Candidate
	for _, user := range users {
		last := cmp.Or(user.LastKnownIdentity, user.Identity)
		candidates = append(candidates, primary.Candidate{
			UID: user.User.Uid, Name: user.User.Name,
			UserPrincipalName: wpj.UserPrincipalName(last.GetUserPrincipalName()),
			Holds:             contract.StateFromProto(last.GetState()).Registered(), HasAccount: !user.NoAccount,
			OnConsole: onConsole && console == user.User.Uid, AtMac: atMac(user.User.Uid, user.User.Name),
			LookedAt: contract.Time(user.LookTime),
		})
	}
	uid, found := primary.Choose(candidates, configured)
	at := slices.IndexFunc(users,
		func(user *usherv1.UserStatus) bool { return user.User.Uid == uid && !user.NoAccount })
	if found && at >= 0 {
		users[at] = proto.CloneOf(users[at]) // it may be shared
		users[at].Primary = true
	}
	return nil
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
	observed, err := s.observations.All()
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
	for _, known := range observed {
		user := userOf(known.User.Name, known.User.UID)
		user.Identity, user.LookTime = contract.IdentityToProto(&known.Identity), contract.Timestamp(known.LookedAt)
		user.LastKnownIdentity = contract.IdentityToProto(known.LastKnown)
		for _, evidence := range known.Evidence {
			user.Evidence = append(user.Evidence, contract.EvidenceToProto(evidence))
		}
		if lost := known.LostKeychain; lost != nil {
			user.LostKeychain = &usherv1.RenamedKeychain{Name: lost.Name, RenameTime: contract.Timestamp(lost.At)}
		}
		if change := known.Change; change != nil {
			user.DeviceIdChange = &usherv1.DeviceIDChange{
				OldDeviceId: string(change.Old), NewDeviceId: string(change.New), Time: contract.Timestamp(change.At),
			}
		}
	}
	slices.SortFunc(read.users, func(a, b *usherv1.UserStatus) int {
		return cmp.Or(cmp.Compare(a.User.Uid, b.User.Uid), cmp.Compare(a.User.Name, b.User.Name))
	})
	if read.outbox, err = s.outboxStatus(); err != nil {
		return nil, err
	}
	damages, err := s.journal.Damages()
	if err != nil {
		return nil, err
	}
	for _, one := range store.Summarize(damages) {
		read.damage = append(read.damage,
			&usherv1.JournalDamage{Text: one.Text, Fix: one.Fix, Time: contract.Timestamp(one.Since)})
	}
	s.last = read
	return read, nil
}

// neverSeen is the identity of somebody who is not logged in and was never looked at.
func neverSeen() *wpj.Identity {
	identity := wpj.Evaluate([]wpj.Evidence{
		{Source: wpj.SourceLoginKeychain, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleNoSession}},
		wpj.Conditions{Now: time.Now()})
	return &identity
}

func (s *statusService) outboxStatus() (*usherv1.OutboxStatus, error) {
	undelivered, err := s.outbox.List(false, 0)
	if err != nil {
		return nil, err
	}
	delivered, err := s.outbox.LastDelivered()
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
				outbox.LastError = one.LastError // what an admin has to fix comes first
			}
		}
		// Of the pending ones the oldest says what is wrong; the others wait for it.
		if outbox.Refused == 0 && one.LastError != "" {
			outbox.LastError = one.LastError
		}
	}
	outbox.NextAttemptTime, outbox.LastDeliveredTime = contract.Timestamp(next), contract.Timestamp(delivered)
	return outbox, nil
}
