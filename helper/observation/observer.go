package observation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/notice"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// Sessions knows who is logged in.
type Sessions interface {
	// Watch returns the sessions, and a channel that is closed when another one comes.
	Watch() (now []sessions.Session, changed <-chan struct{})
}

// Outbox takes the reports for Jamf Pro.
type Outbox interface {
	Enqueue(tx *store.Tx, report delivery.Report) (delivery.Delivery, error)
	// Undelivered returns the deliveries of a user that have not reached Jamf Pro yet.
	Undelivered(tx *store.Tx, uid uint32) ([]delivery.Delivery, error)
}

// Config wires an [Observer]. A caller that only reads what is known needs only the store.
type Config struct {
	Store    *store.Store
	Sessions Sessions
	Outbox   Outbox
	// Active reports whether a registration of the user is under way, which will report by itself.
	Active func(tx *store.Tx, uid uint32) (bool, error)
	// Settings returns the current configuration; nil means the zero value. Call [Observer.SettingsChanged] when it
	// changes.
	Settings func() Settings
	// ThisMac returns the helper's own evidence about the Mac; nil means none.
	ThisMac func(context.Context) []wpj.Evidence
	// Directory reads the user's record in the directory; false if it is not to be asked. It may be nil.
	Directory func(ctx context.Context, uid uint32) (_ wpj.Evidence, asked bool)
	// JamfPro asks Jamf Pro for its view of this Mac; false if it cannot be asked. It may be nil.
	JamfPro func(context.Context) (_ wpj.Evidence, asked bool)
	// Online reports whether this Mac has a network now; nil means that it has one.
	Online func() bool
	// RenamedKeychains returns the user's login keychains that macOS has renamed, the newest first. It may be nil.
	RenamedKeychains func(ctx context.Context, uid uint32) ([]thismac.RenamedKeychain, error)
	// Logger may be nil. It gets no personal data.
	Logger *slog.Logger
}

// Settings are the settings of an [Observer].
type Settings struct {
	// Tenant is the Entra tenant that users must be registered with, and CloudHost the sign-in host of its Microsoft
	// cloud; empty means any. When they change, every user is looked at again.
	Tenant    wpj.TenantID
	CloudHost string
	// ProofOfPossession has the agent sign a challenge with the key of a device certificate in the login keychain.
	ProofOfPossession bool
	// Automatic makes [Observer.Run] look by itself; without it, users are looked at when somebody asks.
	Automatic bool
	// Interval is how often it looks. Heartbeat is how often Jamf Pro gets a report although nothing has changed.
	Interval, Heartbeat time.Duration
}

// Observer reads and keeps the identities of users. [Observer.Run] looks at every user who is logged in: at login,
// after wake, after a registration, and every few hours. It reports changes, and sends a heartbeat. Nobody asked for
// these looks, so they skip the login keychain as [Observer.ReadAutomatically] does; [Observer.Look] reads it.
//
// One goroutine calls Run; the other methods may be called from any goroutine. The results are in the store, which owns
// them. The fields below are about looks under way, and mu guards them.
type Observer struct {
	config Config
	log    *slog.Logger
	// reads are the looks of [Observer.ReadAndKeep]; looks those of Run and [Observer.Look].
	reads flights[Reading]
	looks flights[found]
	// asked holds at most one signal, for the uids in wanted.
	asked notice.Signal
	// changed holds at most one signal that the settings have changed.
	changed notice.Signal

	mu     sync.Mutex
	wanted map[uint32]bool
	// unasked ends the look at a user that is under way and that nobody asked for.
	unasked map[uint32]context.CancelCauseFunc
}

// New returns an observer that does nothing by itself before [Observer.Run].
func New(config Config) *Observer {
	if config.Settings == nil {
		config.Settings = func() Settings { return Settings{} }
	}
	return &Observer{
		config: config, log: cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
		asked: notice.NewSignal(), changed: notice.NewSignal(), wanted: make(map[uint32]bool),
		unasked: make(map[uint32]context.CancelCauseFunc),
	}
}

// Reading is the result of one look.
type Reading struct {
	Identity wpj.Identity
	// Keys says since when the user is asked to sign in to Platform SSO again, including this look.
	Keys wpj.KeysHistory
	// Evidence is the basis of the identity, with certificates.
	Evidence []wpj.Evidence
	// HeldBy is the source that holds, or held, the identity. If that source cannot be looked at now, it is the earlier
	// one.
	HeldBy wpj.Source
	// LostKeychain is the login keychain that macOS has renamed, if that is why the user has no identity.
	LostKeychain *thismac.RenamedKeychain

	// remembered: some of the evidence about the login keychain is of an earlier look. aside: none of it affects the
	// identity.
	remembered, aside bool
}

// Read asks a user's agent, and this Mac, and merges their answers. Jamf Pro's last answer is included. Read is for
// looks that a person or a policy asked for, since it reads the login keychain; see [Observer.ReadAutomatically]. The
// error is that of the call of the agent, or of the journal.
func (o *Observer) Read(ctx context.Context, agent usherv1.UserAgentServiceClient, user accounts.User) (Reading,
	error) {
	last, err := o.lastOf(user)
	if err != nil {
		return Reading{}, err
	}
	return o.read(ctx, agent, user.UID, last, false)
}

// lastOf returns the knowledge about a user, nil if there is none. That of the account that had the uid before is not
// theirs.
func (o *Observer) lastOf(user accounts.User) (*Observation, error) {
	last, err := o.Of(user.UID)
	if last != nil && last.User.Name != user.Name {
		last = nil
	}
	return last, err
}

// read reads; with leave it skips the login keychain.
func (o *Observer) read(ctx context.Context, agent usherv1.UserAgentServiceClient, uid uint32, last *Observation,
	leave bool) (Reading, error) {
	evidence, err := o.ask(ctx, agent, uid, leave)
	if err != nil {
		return Reading{}, err
	}
	if !leave && o.config.Settings().ProofOfPossession {
		if err := o.prove(ctx, agent, evidence); err != nil {
			return Reading{}, fmt.Errorf("prove possession of the device key: %w", err)
		}
	}
	if o.config.ThisMac != nil {
		evidence = append(evidence, o.config.ThisMac(ctx)...)
	}
	if said, asked := o.directory(ctx, uid); asked {
		evidence = append(evidence, said)
	}
	var keys wpj.KeysHistory
	if last != nil {
		keys = last.Keys
		if i := slices.IndexFunc(last.Evidence,
			func(e wpj.Evidence) bool { return e.Source == wpj.SourceJamfPro }); i >= 0 {
			evidence = append(evidence, last.Evidence[i])
		}
	}
	keys = keys.After(evidence, time.Now(), o.config.Online == nil || o.config.Online())
	reading := o.weigh(evidence, remembered(evidence, last, leave), last, keys, leave)
	reading.LostKeychain = o.lostKeychain(ctx, uid, last, reading.Identity.State)
	return reading, nil
}

// ask returns the claims of a user's agent, within their limits.
func (o *Observer) ask(ctx context.Context, agent usherv1.UserAgentServiceClient, uid uint32,
	leave bool) ([]wpj.Evidence, error) {
	response, err := agent.ReadIdentity(ctx, &usherv1.ReadIdentityRequest{LeaveLoginKeychain: leave})
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	var evidence []wpj.Evidence
	for _, one := range response.GetEvidence()[:min(len(response.GetEvidence()), maximumEvidence)] {
		if one != nil {
			one.Certificates = bounded(one.GetCertificates())
		}
		claimed := plausible(contract.EvidenceFromProto(one))
		if claimed.Source != "" && !slices.Contains(agentSources, claimed.Source) {
			o.log.Warn("agent sent evidence for a source that is not its own", "uid", uid, "source", claimed.Source)
			continue
		}
		if leave && ofLoginKeychain(claimed) {
			continue // an agent too old to skip it; remembered evidence remains
		}
		evidence = append(evidence, claimed)
	}
	return evidence, nil
}

// conditions are the conditions that evidence is compared with now.
func (o *Observer) conditions(keys wpj.KeysHistory) wpj.Conditions {
	now := o.config.Settings()
	return wpj.Conditions{Now: time.Now(), Tenant: now.Tenant, CloudHost: now.CloudHost, Keys: keys}
}

// evaluated returns the reading with the identity that follows from its evidence.
func (o *Observer) evaluated(reading Reading) Reading {
	evidence := reading.Evidence
	if reading.aside {
		_, evidence = split(evidence)
	}
	reading.Identity = wpj.Evaluate(evidence, o.conditions(reading.Keys))
	return reading
}

// ReadAndKeep is [Observer.Read] followed by [Observer.Keep]. An error of keeping is only logged. Several calls for one
// user at a time share their looks: a call returns the result of a look that began after it. The caller must not change
// the reading.
func (o *Observer) ReadAndKeep(ctx context.Context, agent usherv1.UserAgentServiceClient, user accounts.User) (Reading,
	error) {
	for underWay := (*flight[Reading])(nil); ; {
		reading, joined, own, err := o.reads.join(ctx, user.UID, underWay, func(ctx context.Context) (Reading, error) {
			return o.readAndKeep(ctx, agent, user)
		})
		if own || ctx.Err() != nil || underWay != nil && !errors.Is(err, errGivenUp) {
			return reading, err
		}
		underWay = joined // it had begun before this call; the next one has not
	}
}

func (o *Observer) readAndKeep(ctx context.Context, agent usherv1.UserAgentServiceClient, user accounts.User) (Reading,
	error) {
	reading, err := o.Read(ctx, agent, user)
	if err != nil {
		return reading, err
	}
	err = o.config.Store.Update(func(tx *store.Tx) error {
		_, err := o.Keep(tx, user, reading)
		return err
	})
	if err != nil {
		o.log.Warn("the state of a user could not be kept", "uid", user.UID, "error", err)
	}
	return reading, nil
}

// WithJamfPro returns the reading with Jamf Pro's present answer. If Jamf Pro cannot be asked, its last answer still
// applies.
func (o *Observer) WithJamfPro(reading Reading, said wpj.Evidence) Reading {
	evidence := slices.Clone(reading.Evidence)
	i := slices.IndexFunc(evidence, func(e wpj.Evidence) bool { return e.Source == wpj.SourceJamfPro })
	switch {
	case i < 0:
		evidence = append(evidence, said)
	case said.Finding != wpj.CouldNotLook || evidence[i].Finding == wpj.CouldNotLook:
		evidence[i] = said
	}
	reading.Evidence = evidence
	return o.evaluated(reading)
}

// Keep records a reading in the caller's transaction, and notices a device that became another one.
func (o *Observer) Keep(tx *store.Tx, user accounts.User, reading Reading) (Observation, error) {
	now := time.Now()
	kept, _, err := observations.Get(tx, key(user.UID))
	if err != nil {
		return kept, err
	}
	if kept.User.Name != user.Name {
		kept = Observation{} // the uid belongs to another person now
	}
	kept = kept.capped(now)
	reading = o.updated(reading, &kept)
	if id := reading.Identity.DeviceID; id != "" && !reading.Identity.State.Unknown() {
		if kept.DeviceID != "" && kept.DeviceID != id {
			kept.Change = &delivery.DeviceIDChange{Old: kept.DeviceID, New: id, At: now}
			tx.OnCommit(func() {
				o.log.Info("the device of a user became another one", "uid", user.UID, "old", kept.Change.Old, "new",
					id)
			})
		}
		kept.DeviceID, kept.DeviceSource, kept.DeviceSeenAt = id, reading.Identity.Source, now
	}
	if last := kept.Identity; !reading.Identity.State.Unknown() {
		kept.LastKnown = nil
	} else if !last.State.Unknown() {
		kept.LastKnown = &last
	}
	kept.User, kept.Identity, kept.Keys, kept.LookedAt = user, reading.Identity, reading.Keys, now
	if kept.FirstLookedAt.IsZero() {
		kept.FirstLookedAt = now
	}
	kept.HeldBy, kept.LoginKeychain, kept.LostKeychain = reading.HeldBy, nil, reading.LostKeychain
	if isElsewhere(reading.HeldBy) {
		kept.LoginKeychain, _ = split(reading.Evidence)
	}
	kept.Evidence = slices.Clone(reading.Evidence)
	for i := range kept.Evidence {
		kept.Evidence[i].Certificates = nil
	}
	return kept, observations.Put(tx, key(user.UID), kept)
}

// Report records, in the caller's transaction, that a report of the identity has gone into the outbox.
func (o *Observer) Report(tx *store.Tx, uid uint32, identity wpj.Identity) error {
	kept, found, err := observations.Get(tx, key(uid))
	if err != nil || !found {
		return err
	}
	kept.Reported = reportOf(identity, time.Now())
	return observations.Put(tx, key(uid), kept)
}

// Delivered records the state of a user that a delivery contained, which is not always the reported one. A change back
// is a change too.
func (o *Observer) Delivered(user accounts.User, identity wpj.Identity) error {
	known, err := o.lastOf(user)
	if err != nil || known == nil || known.Reported.At.IsZero() ||
		known.Reported.same(reportOf(identity, known.Reported.At)) {
		return err
	}
	return o.config.Store.Update(func(tx *store.Tx) error {
		kept, err := o.In(tx, user)
		if err != nil || kept == nil {
			return err
		}
		kept.Reported = reportOf(identity, kept.Reported.At)
		return observations.Put(tx, key(user.UID), *kept)
	})
}

// Forget removes the knowledge about a user, in the caller's transaction. The next look brings it back.
func (o *Observer) Forget(tx *store.Tx, user accounts.User) error {
	kept, found, err := observations.Get(tx, key(user.UID))
	if err == nil && found && kept.User == user {
		err = errors.Join(observations.Delete(tx, key(user.UID)), changesReported.Forget(tx, user.UID))
	}
	if err != nil {
		return fmt.Errorf("forget the state of %s: %w", user.Name, err)
	}
	return nil
}

// Of returns the knowledge about a user, nil if there is none.
func (o *Observer) Of(uid uint32) (known *Observation, err error) {
	err = o.config.Store.View(func(tx *store.Tx) error {
		found, ok, err := observations.Get(tx, key(uid))
		if ok {
			known = &found
		}
		return err
	})
	return known, err
}

// In returns the knowledge about a user in a transaction, nil if there is none. That of the account that had the uid
// before is not theirs.
func (o *Observer) In(tx *store.Tx, user accounts.User) (*Observation, error) {
	found, ok, err := observations.Get(tx, key(user.UID))
	if err != nil || !ok || found.User.Name != user.Name {
		return nil, err
	}
	return &found, nil
}

// All returns the knowledge about every user, in the order of their uids.
func (o *Observer) All() (all []Observation, err error) {
	err = o.config.Store.View(func(tx *store.Tx) error {
		for one, err := range observations.Ascend(tx) {
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	})
	return all, err
}
