// Package status reports the state of this Mac, usherd and its users, as one message of the contract.
//
// A [Reporter] builds it from the knowledge of usherd's parts. It keeps only what it last read from the journal. Each
// viewer sees what concerns them, and an admin sees everything.
package status

import (
	"context"
	"slices"
	"time"

	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/primary"
	"usher.internal/helper/registration"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/helper/wire"
	"usher.internal/internal/accounts"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Sessions knows who is logged in.
type Sessions interface {
	List() []sessions.Session
	// Watch also returns a channel that is closed when a session comes or goes.
	Watch() (now []sessions.Session, changed <-chan struct{})
}

// History is the journal's data about each user.
type History interface {
	// Newest returns the last activity of each user.
	Newest() ([]registration.Latest, error)
}

// Observations is the knowledge about each user.
type Observations interface {
	// All returns everything that is known, in the order of the uids.
	All() ([]observation.Observation, error)
	// Look looks at a session now.
	Look(ctx context.Context, session sessions.Session) (observation.Observation, error)
	// LookWithoutSession looks at a user without a session, as far as that is possible.
	LookWithoutSession(ctx context.Context, user accounts.User) error
}

// Presence says who was last at the Mac.
type Presence interface {
	// Last returns a function for the time when a user was last there, zero if it is not known. Only the order of users
	// has a meaning.
	Last() (of func(uid uint32, name string) time.Time, err error)
}

// Accounts says which users still have accounts on this Mac.
type Accounts interface {
	// Refresh looks up the accounts, unless it has just done so.
	Refresh(users []primary.Candidate, configured string)
	// Gone reports whether the account was deleted.
	Gone(uid uint32, name string) bool
	// Name returns the account name of the person with that uid, empty if there is none.
	Name(uid uint32) (string, error)
	// Named returns the person with that account name.
	Named(name string) (accounts.User, bool)
}

// Journal is the file that holds registrations and the outbox.
type Journal interface {
	// WriteError is the error of the last write, nil if it succeeded.
	WriteError() error
	// Damages returns the parts that were set aside because they could not be read.
	Damages() ([]store.Damage, error)
	// Generation returns a number that differs after each change.
	Generation() uint64
	// Changed returns a channel that is closed after the next change.
	Changed() <-chan struct{}
}

// Outbox is the way to Jamf Pro.
type Outbox interface {
	List(includeEnded bool, limit int) ([]delivery.Delivery, error)
	LastDelivered() (time.Time, error)
}

// Configuration is the current configuration; a [config.Live] is one.
type Configuration interface {
	Current() *config.Loaded
	// Problem says why the configuration's files are not in force, nil if they are. Pending returns the keys that take
	// effect when usherd restarts.
	Problem() *config.Problem
	Pending() []string
	// Changed returns a channel that is closed when the configuration in force changes.
	Changed() <-chan struct{}
}

// Viewer is the caller; a [gate.Actor] is one.
type Viewer interface {
	UID() uint32
	IsAdmin() bool
	// MayActFor returns nil if the viewer may act for the user with that uid.
	MayActFor(uid uint32) error
	// Undecided returns an error if the directory did not say whether the viewer is an admin.
	Undecided() error
}

// root sees everything.
type root struct{}

func (root) UID() uint32            { return 0 }
func (root) IsAdmin() bool          { return true }
func (root) MayActFor(uint32) error { return nil }
func (root) Undecided() error       { return nil }

// Config is the input of a [Reporter].
type Config struct {
	Sessions      Sessions
	History       History
	Observations  Observations
	Journal       Journal
	Outbox        Outbox
	Presence      Presence
	Accounts      Accounts
	Configuration Configuration
	// Fleet returns the state of the connection to the fleet. Troubles returns sentences for admins about the services
	// that answer over the network. Both may be nil.
	Fleet    func() *usherv1.FleetStatus
	Troubles func() []string
	Version  string
	// Computer and OperatingSystem are for people.
	Computer, OperatingSystem string
}

// Reporter reports the state of everything. Its methods may be called from anywhere.
type Reporter struct {
	config    Config
	startedAt time.Time
	known     known
	people    people
}

// New returns a reporter for a usherd that starts now.
func New(config Config) *Reporter {
	return &Reporter{config: config, startedAt: time.Now(), known: known{Config: config}, people: people{config}}
}

// Status returns the whole status. The caller must not change it.
func (r *Reporter) Status() (*usherv1.GetStatusResponse, error) { return r.For(root{}) }

// WatchStatus sends the whole current status and again after each change, until ctx ends or send returns an error. It
// returns that error.
func (r *Reporter) WatchStatus(ctx context.Context, send func(*usherv1.GetStatusResponse) error) error {
	return r.Watch(ctx, root{}, send)
}

// Watch sends the viewer's part of the status, and again whenever it differs from the last one.
func (r *Reporter) Watch(ctx context.Context, viewer Viewer, send func(*usherv1.GetStatusResponse) error) error {
	var sent *usherv1.GetStatusResponse
	for {
		written := r.config.Journal.Changed()
		_, changed := r.config.Sessions.Watch()
		configured := r.config.Configuration.Changed()
		status, err := r.For(viewer)
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
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// For returns the viewer's part of the status.
func (r *Reporter) For(viewer Viewer) (*usherv1.GetStatusResponse, error) {
	configured := r.config.Configuration.Current()
	status := &usherv1.GetStatusResponse{
		Computer: &usherv1.ComputerStatus{Name: r.config.Computer, OperatingSystem: r.config.OperatingSystem},
		Helper: &usherv1.HelperStatus{
			Version:      r.config.Version,
			StartTime:    contract.Timestamp(r.startedAt),
			DeliveryMode: string(configured.Delivery.Mode),
		},
	}
	if err := r.config.Journal.WriteError(); err != nil {
		status.Helper.JournalError = err.Error()
	}
	journal, err := r.known.now()
	if err != nil {
		return nil, err
	}
	admin := viewer.IsAdmin()
	own := ""
	if !admin {
		if own, err = r.config.Accounts.Name(viewer.UID()); err != nil {
			return nil, err
		}
	}
	visible := func(uid uint32) bool { return admin || uid == viewer.UID() }
	status.Helper.JournalDamage = journal.damage
	if admin {
		r.people.lookUpAccounts(journal, configured.PrimaryUser)
	}
	if status.Users, err = r.people.users(journal, configured.PrimaryUser, func(user *usherv1.User) bool {
		return admin || user.Uid == viewer.UID() && user.Name == own
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
					wire.KeepFromUser(one, viewer.UID())
				}
			}
			status.Users[i] = user
		}
	}
	if admin {
		status.Outbox = journal.outbox
		r.reportConfiguration(status.Helper)
		if r.config.Fleet != nil {
			status.Fleet = r.config.Fleet()
		}
	}
	status.Problems = problems(status, r.people.withoutAgent(visible))
	if admin && r.config.Troubles != nil {
		status.Problems = append(status.Problems, r.config.Troubles()...)
	}
	if err := viewer.Undecided(); err != nil {
		status.Problems = append(status.Problems,
			"only what an ordinary user may see is shown: "+grpcstatus.Convert(err).Message())
	}
	return status, nil
}

// About returns the viewer's part of the status of one user.
func (r *Reporter) About(viewer Viewer, uid uint32, name string) (*usherv1.GetStatusResponse, error) {
	status, err := r.For(viewer)
	if err != nil {
		return nil, err
	}
	status.Users = slices.DeleteFunc(status.Users, func(one *usherv1.UserStatus) bool {
		return one.GetUser().GetUid() != uid || one.GetUser().GetName() != name
	})
	status.Problems = problems(status, r.people.withoutAgent(func(one uint32) bool { return one == uid }))
	return status, nil
}

// reportConfiguration reports the problems of the configuration.
func (r *Reporter) reportConfiguration(helper *usherv1.HelperStatus) {
	helper.PendingConfiguration = r.config.Configuration.Pending()
	if problem := r.config.Configuration.Problem(); problem != nil {
		helper.ConfigurationError, helper.ConfigurationErrorTime = problem.Err.Error(),
			contract.Timestamp(problem.Since)
	}
}
