package observation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/status"

	"usher.internal/helper/delivery"
	"usher.internal/helper/quota"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/contract"
)

// lookWithin limits one look, including the calls to Jamf Pro.
const lookWithin = time.Minute

// changesReported is how often changes of one user are reported: once a minute. The owner of a session can change its
// state as often as they like, and each report is a write to Jamf Pro.
var changesReported = quota.NewAllowance("changes-reported", 60, time.Hour)

// try looks, and logs the error if it could not. A look that began earlier is not enough: it may have missed the change
// that this one is for, or have asked the agent of a session that has ended.
func (o *Observer) try(ctx context.Context, session sessions.Session) {
	_, own, err := o.join(ctx, session, false)
	if !own && ctx.Err() == nil {
		_, _, err = o.join(ctx, session, false)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, errGivesWay) {
		o.log.Info("user could not be looked at", "uid", session.User.UID, "code", status.Code(err), "reason",
			contract.Reason(err))
	}
}

// errGivesWay is wrapped by the error of a look that has ended in favour of one that somebody asked for.
var errGivesWay = errors.New("somebody asked for a look")

// Look looks at a user now because somebody asked for it, so that the login keychain is read too. It keeps the result,
// and has it delivered if Jamf Pro does not know it yet. A look under way that nobody asked for ends in favour of it.
// Several calls for one user at a time share one look, which ends when the last caller has gone.
func (o *Observer) Look(ctx context.Context, session sessions.Session) (Observation, error) {
	for {
		o.giveWay(session.User.UID)
		found, own, err := o.join(ctx, session, true)
		if own || ctx.Err() != nil || found.asked && !errors.Is(err, errGivenUp) {
			return found.Observation, err
		}
	}
}

// giveWay ends the look at a user that nobody asked for.
func (o *Observer) giveWay(uid uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if end := o.unasked[uid]; end != nil {
		end(errGivesWay)
	}
}

// givingWay returns the context of a look that nobody asked for, which ends when somebody asks for one. It also returns
// a function to call when the look is over. Each user has one look under way at a time.
func (o *Observer) givingWay(ctx context.Context, uid uint32) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unasked[uid] = end
	return ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.unasked, uid)
		end(nil)
	}
}

// found is the result of a look. asked reports whether somebody asked for it.
type found struct {
	Observation
	asked bool
}

// join looks at a user, or waits for a look that is under way, and reports which.
func (o *Observer) join(ctx context.Context, session sessions.Session, asked bool) (_ found, own bool, err error) {
	uid := session.User.UID
	looked, _, own, err := o.looks.join(ctx, uid, nil, func(ctx context.Context) (found, error) {
		kept, err := o.look(ctx, session, asked)
		return found{kept, asked}, err
	})
	if err != nil {
		err = fmt.Errorf("look at uid %d: %w", uid, err)
	}
	return looked, own, err
}

func (o *Observer) look(ctx context.Context, session sessions.Session, asked bool) (kept Observation, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	user := session.User
	read := o.Read
	if !asked {
		read = o.ReadAutomatically
		var over func()
		ctx, over = o.givingWay(ctx, user.UID)
		defer over()
	}
	reading, err := read(ctx, session.Agent, user)
	if err != nil {
		return kept, cmp.Or(gaveWay(ctx), err)
	}
	if o.config.JamfPro != nil {
		if said, asked := o.config.JamfPro(ctx); asked {
			reading = o.WithJamfPro(reading, said)
		}
	}
	if err := gaveWay(ctx); err != nil {
		return kept, err
	}
	err = o.config.Store.Update(func(tx *store.Tx) error {
		if kept, err = o.Keep(tx, user, reading); err != nil {
			return err
		}
		return o.report(tx, kept)
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

// report has an observation delivered if it says something new, or if the heartbeat is due, and not too often. A
// registration that is under way makes its own report. While such a report is undelivered, one that says less must not
// supersede it.
func (o *Observer) report(tx *store.Tx, seen Observation) error {
	now := time.Now()
	last := seen.Reported.At
	if last.IsZero() {
		last = seen.FirstLookedAt
	}
	heartbeat := now.Sub(last) >= o.config.Settings().Heartbeat
	says := reportOf(seen.Identity, now)
	unknown := seen.Identity.State.Unknown()
	if !heartbeat && (seen.Reported.same(says) || unknown) {
		return nil
	}
	if active, err := o.config.Active(tx, seen.User.UID); err != nil || active {
		return err
	}
	undelivered, err := o.config.Outbox.Undelivered(tx, seen.User.UID)
	if err != nil {
		return err
	}
	for _, one := range undelivered {
		if one.Report.RegistrationID != "" {
			return nil // looked at again when it has arrived
		}
	}
	if again, allowed, err := changesReported.Spend(tx, seen.User.UID, now); err != nil {
		return err
	} else if !allowed {
		o.log.Debug("the state of a user changes too often; a later look reports it", "uid", seen.User.UID,
			"not_before", again)
		return nil
	}
	report := delivery.Report{UID: seen.User.UID, UserName: seen.User.Name, Identity: &seen.Identity,
		DeviceIDChange: seen.Unreported(), At: now}
	if _, err := o.config.Outbox.Enqueue(tx, report); err != nil {
		return err
	}
	return o.Report(tx, seen.User.UID, seen.Identity)
}

// DeliveryChanged looks again at the user of a registration whose report is final. It is for
// [delivery.Outbox.OnChange].
func (o *Observer) DeliveryChanged(tx *store.Tx, d delivery.Delivery) {
	if d.Report.RegistrationID != "" && d.State != delivery.StatePending {
		tx.OnCommit(func() { o.LookSoon(d.Report.UID) })
	}
}
