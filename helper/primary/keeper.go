package primary

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/quota"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/attribute"
	"usher.internal/internal/backoff"
	"usher.internal/internal/contract"
	"usher.internal/internal/notice"
	usherv1 "usher.internal/proto/usher/v1"
)

const (
	// noticesEvery is how often a [Keeper] looks by itself: nothing wakes it when another user is on the console, or an
	// account was deleted.
	noticesEvery = 10 * time.Minute
	// looksWithin is how long a new session may take to be looked at: the look makes its own report.
	looksWithin = 2 * time.Minute
)

// journalPauses are the pauses after the journal could not be read or written.
var journalPauses = backoff.Pauses{First: time.Second, Longest: time.Minute}

// changes limits how often a change of the users is sent to Jamf Pro, to 12 times within an hour. Two users who share a
// Mac can take turns as often as they like.
var changes = quota.NewAllowance("users-sent", 12, time.Hour)

// described is what Jamf Pro has about the users of this Mac.
type described struct {
	UID    uint32 `json:"uid"`
	Name   string `json:"name"`
	Others string `json:"others"`
}

// unknown means that the data in Jamf Pro is not known: the next report is sent, whatever it says. No user has this
// name.
var unknown = described{Others: "?"}

var (
	describedLast = store.NewBucket[described]("users-described")
	describedKey  = []byte("jamf-pro")
)

// Config wires a [Keeper].
type Config struct {
	Store    *store.Store
	Presence *Presence
	Accounts *Accounts
	Sessions interface {
		Watch() (now []sessions.Session, changed <-chan struct{})
	}
	Outbox interface {
		Enqueue(tx *store.Tx, report delivery.Report) (delivery.Delivery, error)
		// Waiting reports whether any delivery waits for its attempt.
		Waiting(tx *store.Tx) (bool, error)
	}
	Observer *observation.Observer
	// Report returns the report from which the attributes follow now. It has the accounts looked up.
	Report func() (attribute.Report, error)
	// Automatic reports whether changes are sent although nobody asks for it.
	Automatic func() bool
	// Configured returns a channel that is closed when the configuration changes.
	Configured func() <-chan struct{}
	Logger     *slog.Logger
}

// Keeper records who is at the Mac. It sends Jamf Pro the change when another user has become the primary one of this
// Mac, or others have come or gone. One goroutine runs [Keeper.Run]; the other methods may be called from any
// goroutine.
type Keeper struct {
	Config
	// asked holds at most one signal.
	asked notice.Signal
	// refused is the last report that Jamf Pro has refused; nil if it has not.
	refused atomic.Pointer[described]
	// wanted is true after somebody has asked for a report. Until notBefore no change is sent, since too many were.
	// Both belong to the goroutine of Run.
	wanted    bool
	notBefore time.Time
}

// NewKeeper returns a keeper that does nothing by itself before [Keeper.Run].
func NewKeeper(config Config) *Keeper { return &Keeper{Config: config, asked: notice.NewSignal()} }

// Send sends Jamf Pro the users of this Mac because somebody has asked for it, whatever was sent before. It does not
// block.
func (k *Keeper) Send() { k.asked.Set() }

// Run records who is at the Mac, and sends changes, until ctx ends. It returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	timer := time.NewTimer(noticesEvery)
	defer timer.Stop()
	for pauses := journalPauses; ; {
		written, configured := k.Store.Changed(), k.Configured()
		now, changed := k.Sessions.Watch()
		wait, err := k.notice(now)
		if err != nil {
			if pauses.Failures() == 0 {
				k.Logger.Warn("changes of this Mac's users do not reach Jamf Pro until the journal can be used again",
					"error", err)
			}
			// A failed write wakes everyone who waits for a write, too.
			wait, written = pauses.Next(), nil
		} else {
			pauses.Reset()
		}
		timer.Reset(wait)
		select {
		case <-written:
		case <-k.asked:
			k.wanted = true
		case <-configured:
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// notice records who is at the Mac and sends a change. It returns when to look again if nothing wakes the keeper.
func (k *Keeper) notice(now []sessions.Session) (wait time.Duration, err error) {
	came, err := k.Presence.Note(now)
	if err != nil {
		return 0, err
	}
	for _, person := range came {
		k.Logger.Info("another user is at the Mac", "uid", person.UID)
	}
	before := time.Now()
	report, err := k.Report()
	if err != nil {
		return 0, err
	}
	wait = noticesEvery
	if at := k.Accounts.At(); at.Before(before) {
		wait = max(looksEvery-time.Since(at), time.Second) // an account may have gone since
	}
	// Each write to the journal wakes this loop, so it writes nothing if there is nothing to send.
	last, found, err := k.last()
	if err != nil {
		return 0, err
	}
	refused := k.refused.Load()
	switch now := describe(report); {
	case k.wanted:
	case refused != nil && *refused == now:
		return wait, nil // the outbox sends it again
	case found && last == unknown: // also if somebody asked before usherd ended
	case !k.Automatic():
		return wait, nil
	case !found && refused == nil:
		// The first look at a user reports. So after an upgrade, not all Macs of a fleet report at once.
		return wait, nil
	case last == now:
		return wait, nil
	}
	if later := max(unseen(report, time.Now()), time.Until(k.notBefore)); later > 0 && !k.wanted {
		return min(wait, later), nil
	}
	// A waiting delivery sends the state of the whole Mac, and its end wakes this loop.
	waits := false
	if err := k.Store.View(func(tx *store.Tx) (err error) { waits, err = k.Outbox.Waiting(tx); return err }); err !=
		nil || waits {
		return wait, err
	}
	return wait, k.Store.Update(func(tx *store.Tx) error {
		if waits, err := k.Outbox.Waiting(tx); err != nil || waits {
			return err // it has come meanwhile
		}
		if !k.wanted {
			again, allowed, err := changes.Spend(tx, 0, time.Now())
			if err != nil || !allowed {
				k.notBefore = time.Now().Add(min(time.Until(again), time.Hour))
				return err
			}
		}
		tx.OnCommit(func() { k.wanted = false })
		return k.send(tx, report)
	})
}

// send puts a report of the primary user, or of nobody, into the outbox.
func (k *Keeper) send(tx *store.Tx, report attribute.Report) error {
	user := report.User.GetUser()
	sent := delivery.Report{UID: user.GetUid(), UserName: user.GetName(), At: time.Now()}
	known, err := k.Observer.In(tx, accounts.User{Name: sent.UserName, UID: sent.UID})
	if err != nil {
		return err
	}
	if known != nil {
		sent.Identity, sent.DeviceIDChange = &known.Identity, known.Unreported()
		if err := k.Observer.Report(tx, sent.UID, known.Identity); err != nil {
			return err
		}
	}
	tx.OnCommit(func() {
		k.Logger.Info("the users of this Mac have changed; a report goes to Jamf Pro", "primary_uid", sent.UID,
			"others", len(report.Others))
	})
	_, err = k.Outbox.Enqueue(tx, sent)
	return err
}

// Delivered records what Jamf Pro has after a delivery: the report from before it, if nothing has changed until after
// it.
func (k *Keeper) Delivered(before, after attribute.Report) error {
	now := describe(before)
	if now != describe(after) {
		now = unknown
	}
	k.refused.Store(nil)
	last, found, err := k.last()
	if err == nil && (!found || last != now) {
		err = k.Store.Update(func(tx *store.Tx) error { return describedLast.Put(tx, describedKey, now) })
	}
	if identity := before.User.GetIdentity(); err == nil && identity != nil &&
		proto.Equal(identity, after.User.GetIdentity()) {
		user := accounts.User{Name: now.Name, UID: now.UID}
		err = k.Observer.Delivered(user, *contract.IdentityFromProto(identity))
	}
	if err != nil {
		return fmt.Errorf("record the users that Jamf Pro has: %w", err)
	}
	return nil
}

// Refused records that Jamf Pro has refused the report about the users. Sending it again at once is useless.
func (k *Keeper) Refused(report attribute.Report) {
	now := describe(report)
	k.refused.Store(&now)
}

// last returns what Jamf Pro has, false if nothing was ever delivered.
func (k *Keeper) last() (last described, found bool, err error) {
	err = k.Store.View(func(tx *store.Tx) (err error) {
		last, found, err = describedLast.Get(tx, describedKey)
		return err
	})
	return last, found, err
}

// Forget removes the times at which a user was at the Mac, and the names that were delivered, in the caller's
// transaction.
func Forget(tx *store.Tx, user accounts.User) error {
	last, _, err := visits.Get(tx, store.NumberKey(uint64(user.UID)))
	if err == nil && last.Name == user.Name {
		err = visits.Delete(tx, store.NumberKey(uint64(user.UID)))
	}
	if err == nil {
		err = describedLast.Put(tx, describedKey, unknown)
	}
	if err != nil {
		return fmt.Errorf("forget when %s was at the Mac: %w", user.Name, err)
	}
	return nil
}

var otherUsers, _ = attribute.Find("other-users")

// describe returns the part of a report about the users of this Mac. The identity of the primary one is reported after
// each look.
func describe(report attribute.Report) described {
	user := report.User.GetUser()
	return described{UID: user.GetUid(), Name: user.GetName(), Others: otherUsers.Value(report)}
}

func usersOf(report attribute.Report) []*usherv1.UserStatus {
	if report.User == nil {
		return report.Others
	}
	return append([]*usherv1.UserStatus{report.User}, report.Others...)
}

// unseen returns how long to wait for the looks at users who have just logged in.
func unseen(report attribute.Report, now time.Time) (wait time.Duration) {
	for _, user := range usersOf(report) {
		connected := user.GetSession().GetConnectTime()
		if connected == nil || user.GetLookTime() != nil || connected.AsTime().After(now) {
			continue
		}
		wait = max(wait, looksWithin-now.Sub(connected.AsTime()))
	}
	return wait
}
