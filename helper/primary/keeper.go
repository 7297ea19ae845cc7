package primary

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/quota"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/attribute"
	usherv1 "usher.internal/proto/usher/v1"
)

const (
	// noticesEvery is how often a [Keeper] looks by itself: that somebody else is on the console, or that an account was deleted, wakes nobody.
	noticesEvery = 10 * time.Minute
	// looksWithin is how long a new session may take to be looked at: until then nothing is told of it, for the look reports by itself.
	looksWithin = 2 * time.Minute
)

// changesTold is how often Jamf Pro is told of other users: once in five minutes. Two who share a Mac can take turns at it as often as they like.
var changesTold = quota.NewAllowance("users-told", 12, time.Hour)

// described is what Jamf Pro was told of the users of this Mac.
type described struct {
	UID    uint32 `json:"uid"`
	Name   string `json:"name"`
	Others string `json:"others"`
}

var (
	describedLast = store.NewBucket[described]("users-described")
	describedKey  = []byte("jamf-pro")
)

// Config wires a [Keeper].
type Config struct {
	Store    *store.Store
	Presence *Presence
	Sessions interface {
		Watch() (now []sessions.Session, changed <-chan struct{})
	}
	Outbox interface {
		Enqueue(tx *store.Tx, report delivery.Report) (delivery.Delivery, error)
		List(includeEnded bool, limit int) ([]delivery.Delivery, error)
	}
	Observer *observation.Observer
	// Report returns what the extension attributes follow from now.
	Report func() (attribute.Report, error)
	// Automatic tells whether changes are to be told without that somebody asks.
	Automatic func() bool
	// Configured returns a channel that is closed when the configuration is another one.
	Configured func() <-chan struct{}
	Logger     *slog.Logger
}

// Keeper has Jamf Pro told when another user has become the primary one of this Mac, or others have come or gone. One goroutine runs [Keeper.Run];
// [Keeper.Delivered] may be called from anywhere.
type Keeper struct {
	Config
	// asked holds at most one signal.
	asked chan struct{}
	// wanted holds while somebody has asked, and notBefore is until when no change is told, since too many were. Both belong to the goroutine
	// of Run.
	wanted    bool
	notBefore time.Time
}

// NewKeeper returns a keeper that does nothing by itself before [Keeper.Run].
func NewKeeper(config Config) *Keeper { return &Keeper{Config: config, asked: make(chan struct{}, 1)} }

// Tell has Jamf Pro told of a change that somebody has asked for, also where changes are not told automatically. It does not block.
func (k *Keeper) Tell() {
	select {
	case k.asked <- struct{}{}:
	default: // it is going to be told
	}
}

// Run keeps who is at the Mac, and has changes told, until ctx ends. It returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	timer := time.NewTimer(noticesEvery)
	defer timer.Stop()
	for failed := false; ; {
		written, configured := k.Store.Changed(), k.Configured()
		now, changed := k.Sessions.Watch()
		wait, err := k.notice(now)
		if err != nil && !failed {
			k.Logger.Warn("changes of this Mac's users are not told to Jamf Pro until the journal can be used again", "error", err)
		}
		failed = err != nil
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

// notice keeps who is at the Mac and has a change told, and returns when to look again where nothing wakes us.
func (k *Keeper) notice(now []sessions.Session) (wait time.Duration, err error) {
	if err := k.Presence.Note(now); err != nil {
		return noticesEvery, err
	}
	if !k.Automatic() && !k.wanted {
		return noticesEvery, nil
	}
	report, err := k.Report()
	if err != nil {
		return noticesEvery, err
	}
	// Each write to the journal wakes us, so that nothing is written where nothing is to be told.
	if told, err := k.isTold(describe(report)); err != nil || told {
		k.wanted = k.wanted && !told
		return noticesEvery, err
	}
	if wait := max(unseen(report, time.Now()), time.Until(k.notBefore)); wait > 0 {
		return wait, nil
	}
	// Whatever is on its way tells of all, and its end wakes us. What Jamf Pro has refused waits for an admin.
	if undelivered, err := k.Outbox.List(false, 1); err != nil || len(undelivered) > 0 {
		return noticesEvery, err
	}
	return noticesEvery, k.Store.Update(func(tx *store.Tx) error {
		again, allowed, err := changesTold.Spend(tx, 0, time.Now())
		if err != nil || !allowed {
			k.notBefore = again
			return err
		}
		return k.tell(tx, report)
	})
}

// isTold reports whether that is what Jamf Pro was told last.
func (k *Keeper) isTold(of described) (told bool, err error) {
	err = k.Store.View(func(tx *store.Tx) error {
		last, found, err := describedLast.Get(tx, describedKey)
		told = found && last == of || !found && of == described{}
		return err
	})
	return told, err
}

// tell has Jamf Pro told how this Mac stands.
func (k *Keeper) tell(tx *store.Tx, report attribute.Report) error {
	user := report.User.GetUser()
	told := delivery.Report{UID: user.GetUid(), UserName: user.GetName(), At: time.Now()}
	known, err := k.Observer.In(tx, told.UID)
	if err != nil {
		return err
	}
	if known != nil {
		told.Identity = &known.Identity
		if err := k.Observer.Report(tx, told.UID, known.Identity); err != nil {
			return err
		}
	}
	tx.OnCommit(func() {
		k.Logger.Info("the users of this Mac have changed, and Jamf Pro is told", "primary_uid", told.UID, "others", len(report.Others))
	})
	_, err = k.Outbox.Enqueue(tx, told)
	return err
}

// Delivered keeps that Jamf Pro was told of this report, or of a later one.
func (k *Keeper) Delivered(report attribute.Report) error {
	told, err := k.isTold(describe(report))
	if err == nil && !told {
		err = k.Store.Update(func(tx *store.Tx) error { return describedLast.Put(tx, describedKey, describe(report)) })
	}
	if err != nil {
		return fmt.Errorf("keep what Jamf Pro was told of the users: %w", err)
	}
	return nil
}

var otherUsers, _ = attribute.Find("other-users")

// describe is what a report tells of the users of this Mac. How the primary one stands is told by whoever looks.
func describe(report attribute.Report) described {
	user := report.User.GetUser()
	return described{UID: user.GetUid(), Name: user.GetName(), Others: otherUsers.Value(report)}
}

// unseen returns how long to wait for the looks at those who have just logged in.
func unseen(report attribute.Report, now time.Time) (wait time.Duration) {
	for _, user := range append([]*usherv1.UserStatus{report.User}, report.Others...) {
		if connected := user.GetSession().GetConnectTime(); connected != nil && user.GetLookTime() == nil {
			wait = max(wait, looksWithin-now.Sub(connected.AsTime()))
		}
	}
	return min(wait, looksWithin)
}
