package observation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	"usher.internal/helper/delivery"
	"usher.internal/helper/quota"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
)

// lookWithin bounds one look, with what Jamf Pro is asked.
const lookWithin = time.Minute

// changesReported is how often looks at one user are reported: once a minute. Who owns a session can have it look
// otherwise as often as they like, and each report is a write to Jamf Pro.
var changesReported = quota.NewAllowance("changes-reported", 60, time.Hour)

// Sessions tells who is logged in.
type Sessions interface {
	// Watch returns the sessions, and a channel that is closed when another one comes.
	Watch() (now []sessions.Session, changed <-chan struct{})
}

// Outbox takes what Jamf Pro is to be told.
type Outbox interface {
	Enqueue(tx *store.Tx, report delivery.Report) (delivery.Delivery, error)
	// Undelivered returns what has not reached Jamf Pro yet, of a user.
	Undelivered(tx *store.Tx, uid uint32) ([]delivery.Delivery, error)
}

// WatcherConfig wires a [Watcher].
type WatcherConfig struct {
	Observer *Observer
	Sessions Sessions
	Outbox   Outbox
	// Active tells whether a registration of the user is under way, which will report by itself.
	Active func(tx *store.Tx, uid uint32) (bool, error)
	// JamfPro asks Jamf Pro how it sees this Mac; false where it cannot be asked. It may be nil.
	JamfPro func(context.Context) (_ wpj.Evidence, asked bool)
	// Settings returns what is configured now; [Watcher.SettingsChanged] is to be called when that is something else.
	Settings func() WatcherSettings
	Logger   *slog.Logger
}

// WatcherSettings are what of a [Watcher] can be configured.
type WatcherSettings struct {
	// Automatic has the watcher look by itself; without it, it looks when it is asked to.
	Automatic bool
	// Interval is how often it looks, Heartbeat how often Jamf Pro is told although nothing has changed.
	Interval, Heartbeat time.Duration
	// Tenant and CloudHost are what identities should be of. When they change, everyone is looked at again.
	Tenant    wpj.TenantID
	CloudHost string
}

// Watcher looks at everyone who is logged in: at login, after wake, after a registration, and every few hours. It has
// delivered what changed, and a heartbeat. Nobody asked for these looks, so they leave the login keychain alone where
// [Observer.ReadAutomatically] does; [Watcher.Look] reads it. One goroutine runs [Watcher.Run]; the other methods may
// be called from anywhere.
type Watcher struct {
	WatcherConfig
	log   *slog.Logger
	looks flights[found]
	// asked holds at most one signal, for the uids in wanted.
	asked chan struct{}
	// changed holds at most one signal that the settings have changed.
	changed chan struct{}

	mu     sync.Mutex
	wanted map[uint32]bool
	// unasked ends the look at a user that is under way and that nobody asked for.
	unasked map[uint32]context.CancelCauseFunc
}

// NewWatcher returns a watcher that does nothing by itself before [Watcher.Run].
func NewWatcher(config WatcherConfig) *Watcher {
	return &Watcher{
		WatcherConfig: config, log: cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
		asked: make(chan struct{}, 1), changed: make(chan struct{}, 1), wanted: make(map[uint32]bool),
		unasked: make(map[uint32]context.CancelCauseFunc),
	}
}

// Run looks until ctx ends, and waits for the looks that are under way. It returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	var looking sync.WaitGroup
	defer looking.Wait()
	seen := make(map[uint32]time.Time) // when the session connected that was looked at
	settings := w.Settings()
	timer := time.NewTimer(pause(settings.Interval))
	defer timer.Stop()
	for all := false; ; {
		if !settings.Automatic {
			select {
			case <-w.changed:
				settings = w.Settings()
				timer.Reset(pause(settings.Interval))
				continue
			case <-ctx.Done():
				return nil
			}
		}
		now, changed := w.Sessions.Watch()
		wanted := w.take()
		for _, session := range now {
			uid := session.User.UID
			if all || wanted[uid] || !seen[uid].Equal(session.ConnectedAt) {
				seen[uid] = session.ConnectedAt
				looking.Go(func() { w.try(ctx, session) })
			}
		}
		if all {
			looking.Go(func() { w.lookAtAbsent(ctx, now) })
		}
		all = false
		select {
		case <-changed:
		case <-w.asked:
		case <-timer.C:
			all = true
			timer.Reset(pause(settings.Interval))
		case <-w.changed:
			before := settings
			settings = w.Settings()
			if settings.Interval != before.Interval {
				timer.Reset(pause(settings.Interval))
			}
			all = settings.Tenant != before.Tenant || settings.CloudHost != before.CloudHost
		case <-ctx.Done():
			return nil
		}
	}
}

// lookAtAbsent looks at those who are known and have no session, as far as that can be done without one.
func (w *Watcher) lookAtAbsent(ctx context.Context, present []sessions.Session) {
	known, err := w.Observer.All()
	if err != nil {
		w.log.Warn("users without a session could not be looked at", "error", err)
		return
	}
	for _, one := range known {
		if slices.ContainsFunc(present,
			func(session sessions.Session) bool { return session.User.UID == one.User.UID }) {
			continue
		}
		if err := w.Observer.LookWithoutSession(ctx, one.User); err != nil && ctx.Err() == nil {
			w.log.Info("user without a session could not be looked at", "uid", one.User.UID, "error", err)
		}
	}
}

// SettingsChanged has [Watcher.Run] take note of other settings. It does not block.
func (w *Watcher) SettingsChanged() {
	select {
	case w.changed <- struct{}{}:
	default: // it is going to look at them anyway
	}
}

// pause is the interval with a fifth of jitter either way, so that a fleet does not look at once.
func pause(interval time.Duration) time.Duration {
	return time.Duration(float64(interval) * (0.8 + 0.4*rand.Float64()))
}

func (w *Watcher) take() map[uint32]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	wanted := w.wanted
	w.wanted = make(map[uint32]bool)
	return wanted
}

// LookSoon has a user looked at, if he is logged in. It does not block.
func (w *Watcher) LookSoon(uids ...uint32) {
	w.mu.Lock()
	for _, uid := range uids {
		w.wanted[uid] = true
	}
	w.mu.Unlock()
	select {
	case w.asked <- struct{}{}:
	default:
	}
}

// Woke looks at everyone after this Mac has slept for so long. It does not block.
func (w *Watcher) Woke(slept time.Duration) {
	w.log.Info("looking again after sleep", "slept", slept.Round(time.Second))
	list, _ := w.Sessions.Watch()
	for _, session := range list {
		w.LookSoon(session.User.UID)
	}
}

// try looks, and logs why it could not. A look that had begun before is not enough: it may have missed what this one is
// for, or have asked the agent of a session that has ended.
func (w *Watcher) try(ctx context.Context, session sessions.Session) {
	_, own, err := w.join(ctx, session, false)
	if !own && ctx.Err() == nil {
		_, _, err = w.join(ctx, session, false)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, errGivesWay) {
		w.log.Info("user could not be looked at", "uid", session.User.UID, "code", status.Code(err), "reason",
			contract.Reason(err))
	}
}

// errGivesWay is wrapped by the error of a look that has ended for one that somebody asked for.
var errGivesWay = errors.New("somebody asked for a look")

// Look looks at a user now because somebody asked for it, so that the login keychain is read too; it keeps what was
// found, and has it delivered if Jamf Pro does not know it yet. A look under way that nobody asked for gives way.
// Several calls for one user at a time share one look, which ends when the last of them has gone.
func (w *Watcher) Look(ctx context.Context, session sessions.Session) (Observation, error) {
	for {
		w.giveWay(session.User.UID)
		found, own, err := w.join(ctx, session, true)
		if own || ctx.Err() != nil || found.asked && !errors.Is(err, errGivenUp) {
			return found.Observation, err
		}
	}
}

// giveWay ends the look at a user that nobody asked for.
func (w *Watcher) giveWay(uid uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if end := w.unasked[uid]; end != nil {
		end(errGivesWay)
	}
}

// givingWay returns the context of a look that nobody asked for, which ends when somebody asks for one, and what is to
// be called when it is over. Of each user one look is under way at a time.
func (w *Watcher) givingWay(ctx context.Context, uid uint32) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unasked[uid] = end
	return ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.unasked, uid)
		end(nil)
	}
}

// found is what a look came to. asked is whether somebody asked for it.
type found struct {
	Observation
	asked bool
}

// join looks at a user, or waits for a look that is under way, and reports which.
func (w *Watcher) join(ctx context.Context, session sessions.Session, asked bool) (_ found, own bool, err error) {
	uid := session.User.UID
	looked, _, own, err := w.looks.join(ctx, uid, nil, func(ctx context.Context) (found, error) {
		kept, err := w.look(ctx, session, asked)
		return found{kept, asked}, err
	})
	if err != nil {
		err = fmt.Errorf("look at uid %d: %w", uid, err)
	}
	return looked, own, err
}

func (w *Watcher) look(ctx context.Context, session sessions.Session, asked bool) (kept Observation, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	user := session.User
	read := w.Observer.Read
	if !asked {
		read = w.Observer.ReadAutomatically
		var over func()
		ctx, over = w.givingWay(ctx, user.UID)
		defer over()
	}
	reading, err := read(ctx, session.Agent, user)
	if err != nil {
		return kept, cmp.Or(gaveWay(ctx), err)
	}
	if w.JamfPro != nil {
		if said, asked := w.JamfPro(ctx); asked {
			reading = w.Observer.WithJamfPro(reading, said)
		}
	}
	if err := gaveWay(ctx); err != nil {
		return kept, err
	}
	err = w.Observer.config.Store.Update(func(tx *store.Tx) error {
		if kept, err = w.Observer.Keep(tx, user, reading); err != nil {
			return err
		}
		return w.report(tx, kept)
	})
	return kept, err
}

// gaveWay returns [errGivesWay] for a look that has ended for another.
func gaveWay(ctx context.Context) error {
	if err := context.Cause(ctx); errors.Is(err, errGivesWay) {
		return err
	}
	return nil
}

// report has an observation delivered if it says something new, or has not been said for a while, and not too often. A
// registration that is under way reports by itself, and a report of one that has not arrived yet must not be superseded
// by one that says less.
func (w *Watcher) report(tx *store.Tx, o Observation) error {
	now := time.Now()
	last := o.Reported.At
	if last.IsZero() {
		last = o.FirstLookedAt
	}
	heartbeat := now.Sub(last) >= w.Settings().Heartbeat
	says := telling(o.Identity, now)
	unknown := o.Identity.State.Unknown()
	if !heartbeat && (o.Reported.same(says) || unknown) {
		return nil
	}
	if active, err := w.Active(tx, o.User.UID); err != nil || active {
		return err
	}
	undelivered, err := w.Outbox.Undelivered(tx, o.User.UID)
	if err != nil {
		return err
	}
	for _, one := range undelivered {
		if one.Report.RegistrationID != "" {
			return nil // looked at again when it has arrived
		}
	}
	if again, allowed, err := changesReported.Spend(tx, o.User.UID, now); err != nil {
		return err
	} else if !allowed {
		w.log.Debug("how a user stands changes too often; a later look reports it", "uid", o.User.UID, "not_before",
			again)
		return nil
	}
	report := delivery.Report{UID: o.User.UID, UserName: o.User.Name, Identity: &o.Identity,
		DeviceIDChange: o.Unreported(), At: now}
	if _, err := w.Outbox.Enqueue(tx, report); err != nil {
		return err
	}
	return w.Observer.Report(tx, o.User.UID, o.Identity)
}

// DeliveryChanged looks again at the user of a registration whose report has reached its end. It is for
// [delivery.Outbox.OnChange].
func (w *Watcher) DeliveryChanged(tx *store.Tx, d delivery.Delivery) {
	if d.Report.RegistrationID != "" && d.State != delivery.StatePending {
		tx.OnCommit(func() { w.LookSoon(d.Report.UID) })
	}
}
