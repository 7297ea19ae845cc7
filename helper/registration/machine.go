package registration

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/quota"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// Sessions knows who is logged in.
type Sessions interface {
	// Await returns the agent in the session of the user with that uid. It blocks until there is one or ctx ends, and
	// then returns ctx's error.
	Await(ctx context.Context, uid uint32) (usherv1.UserAgentServiceClient, error)
}

// Preflight finds what would make a registration fail before the user is bothered.
type Preflight interface {
	// Check returns nil, a [*PreflightError], or ctx's error.
	Check(ctx context.Context) error
}

// Identities reads and keeps the identities of users; [observation.Observer] implements it.
type Identities interface {
	// Read asks the agent for evidence and merges it. The error is that of the call.
	Read(ctx context.Context, agent usherv1.UserAgentServiceClient, user accounts.User) (observation.Reading, error)
	// Keep records a reading, and Report records that one went into the outbox. In returns what is known, nil for
	// nothing. Each uses the caller's transaction.
	Keep(tx *store.Tx, user accounts.User, reading observation.Reading) (observation.Observation, error)
	Report(tx *store.Tx, uid uint32, identity wpj.Identity) error
	In(tx *store.Tx, user accounts.User) (*observation.Observation, error)
}

// Outbox takes the reports for Jamf Pro.
type Outbox interface {
	// Enqueue puts a report into the outbox in the caller's transaction.
	Enqueue(tx *store.Tx, report delivery.Report) (delivery.Delivery, error)
	// Undelivered returns the deliveries of a user that have not reached Jamf Pro yet, in the caller's transaction.
	Undelivered(tx *store.Tx, uid uint32) ([]delivery.Delivery, error)
}

// Settings are what can be configured.
type Settings struct {
	// SessionTimeout is how long a user may take to log in, and SignInTimeout how long in Company Portal.
	// IdentityTimeout is how long the identity may take to become readable. All are required. A state that has begun
	// keeps its limit.
	SessionTimeout, SignInTimeout, IdentityTimeout time.Duration
}

// Config wires a [Machine].
type Config struct {
	Store     *store.Store
	Sessions  Sessions
	Preflight Preflight
	Outbox    Outbox
	// Identities are read and kept by the same rules for every look at a user.
	Identities Identities
	// MicrosoftPlatformSSO reports whether a profile configures Microsoft's Platform SSO for an account. It is called
	// when macOS's own state cannot be read. nil means that no profile does.
	MicrosoftPlatformSSO func(account string) (bool, error)
	// GatherWithJamf reports whether Jamf's own gatherAADInfo is to run: after a portal that succeeded, and when an
	// identity is gathered that Jamf lacks. The error says why that is not known. Then it does not run, and the
	// registration says so. nil means that it never runs.
	GatherWithJamf func(ctx context.Context) (bool, error)
	// Settings returns the current configuration.
	Settings func() Settings
	// Kept is how many registrations stay in the journal. Zero means the default.
	Kept quota.Limits
	// Logger may be nil. It gets no personal data.
	Logger *slog.Logger
	// Committing and Committed are called around the commit of each transition, Committing within the transaction. They
	// may be nil; crash tests end the process there.
	Committing, Committed func(Registration)
}

// Machine owns the registrations. Its methods may be called from any goroutine.
type Machine struct {
	config   Config
	log      *slog.Logger
	watchers watchers
	// indexed is true once the histories in the journal are known to be complete.
	indexed atomic.Bool

	// mu guards the fields below: which registrations are driven, by goroutines that Run waits for. It is held over the
	// commit of a new registration, so that every registration in the journal has a driver.
	mu      sync.Mutex
	running context.Context // nil while Run does not run
	driven  map[string]context.CancelFunc
	drivers sync.WaitGroup
}

// New returns a machine that does nothing before [Machine.Run].
func New(config Config) *Machine {
	config.Kept = cmp.Or(config.Kept, defaultKept)
	config.Logger = cmp.Or(config.Logger, slog.New(slog.DiscardHandler))
	return &Machine{config: config, log: config.Logger, driven: make(map[string]context.CancelFunc)}
}

// Run resumes the active registrations of the journal and drives all until ctx ends. Then it waits for work in progress
// and returns nil; the registrations stay active in the journal. Only one Run may be active at a time.
func (m *Machine) Run(ctx context.Context) error {
	for {
		reopened := m.config.Store.Reopened()
		again := (<-chan time.Time)(nil)
		if err := m.resume(ctx); err != nil {
			m.log.Error("registrations cannot be resumed", "error", err, "again_in", journalPauses.First)
			again = time.After(journalPauses.First)
		}
		select {
		case <-reopened:
			continue
		case <-again:
			continue
		case <-ctx.Done():
		}
		break
	}
	m.mu.Lock()
	m.running = nil
	m.mu.Unlock()
	m.drivers.Wait()
	return nil
}

// resume repairs the journal after damage. It drives active registrations that have no driver yet, and stops the
// drivers of registrations that are gone.
func (m *Machine) resume(ctx context.Context) error {
	if err := m.settle(); err != nil {
		m.log.Error("registrations cannot be repaired after damage to the journal", "error", err)
	}
	if err := m.take(ctx); err != nil {
		return err
	}
	if err := m.indexAtStart(); err != nil {
		// Nothing is lost: the next registration does it.
		m.log.Warn("histories of the users could not be written yet", "error", err)
	}
	return nil
}

// take drives the active registrations that have no driver yet, and ends the drivers of registrations that are gone.
func (m *Machine) take(ctx context.Context) error {
	m.mu.Lock() // a registration that begins meanwhile is not given up
	defer m.mu.Unlock()
	active, err := m.active()
	if err != nil {
		return err
	}
	m.running = ctx
	resumed := 0
	for _, id := range active {
		if m.driven[id] == nil {
			m.drive(id, true)
			resumed++
		}
	}
	for id, cancel := range m.driven {
		if !slices.Contains(active, id) {
			cancel()
		}
	}
	if resumed > 0 {
		m.log.Info("registrations resumed", "count", resumed)
	}
	return nil
}

// drive starts the goroutine that brings a registration to its end. resumed means that an earlier usherd began it. The
// caller holds mu, and Run is active.
func (m *Machine) drive(id string, resumed bool) {
	alive := m.running
	ctx, cancel := context.WithCancel(alive)
	m.driven[id] = cancel
	m.drivers.Go(func() {
		defer func() {
			cancel()
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.driven, id)
		}()
		newDriver(m, id, resumed).run(alive, ctx)
	})
}

// Cancel ends an active registration, and the portal that it launched, on behalf of by, whom the journal names. The
// request is in the journal first, so that no crash loses it. Cancel blocks until the registration has ended, or ctx. A
// result on its way to Jamf Pro stays in the outbox, since it is still true. The errors wrap [ErrNotFound], [ErrEnded],
// those of the store and, when Run ends first, [ErrShuttingDown]; the next Run then continues with it.
func (m *Machine) Cancel(ctx context.Context, id, by string) (Registration, error) {
	last, err := m.change(id, func(tx *store.Tx, r *Registration) error {
		switch {
		case r.State.Ended():
			return fmt.Errorf("cancel registration %s: %w: it is %s", id, ErrEnded, r.State)
		case r.State == StateDelivering:
			r.CancelledBy = by
			r.FailureDetail = fmt.Sprintf("Cancelled by %s; the result stays in the outbox.", by)
			return m.transition(tx, r, StateCancelled, r.FailureDetail)
		}
		r.CancelledBy = by
		return nil
	})
	if err != nil || last.State.Ended() {
		return last, err
	}
	m.mu.Lock()
	running, cancel := m.running, m.driven[id]
	m.mu.Unlock()
	if running == nil {
		return last, ErrShuttingDown
	}
	if cancel != nil {
		cancel()
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(running, func() { stop(ErrShuttingDown) })()
	err = m.Watch(ctx, id, func(now Registration) error {
		last = now
		return nil
	})
	return last, err
}
