package observation

import (
	"context"
	"slices"
	"sync"
	"time"

	"usher.internal/helper/sessions"
	"usher.internal/internal/backoff"
)

// Run looks until ctx ends, and waits for the looks that are under way. It returns nil.
func (o *Observer) Run(ctx context.Context) error {
	var looking sync.WaitGroup
	defer looking.Wait()
	seen := make(map[uint32]time.Time) // by uid: when the session last looked at connected
	settings := o.config.Settings()
	timer := time.NewTimer(pause(settings.Interval))
	defer timer.Stop()
	for all := false; ; {
		if !settings.Automatic {
			select {
			case <-o.changed:
				settings = o.config.Settings()
				timer.Reset(pause(settings.Interval))
				continue
			case <-ctx.Done():
				return nil
			}
		}
		now, changed := o.config.Sessions.Watch()
		wanted := o.take()
		for _, session := range now {
			uid := session.User.UID
			if all || wanted[uid] || !seen[uid].Equal(session.ConnectedAt) {
				seen[uid] = session.ConnectedAt
				looking.Go(func() { o.try(ctx, session) })
			}
		}
		if all {
			looking.Go(func() { o.lookAtAbsent(ctx, now) })
		}
		all = false
		select {
		case <-changed:
		case <-o.asked:
		case <-timer.C:
			all = true
			timer.Reset(pause(settings.Interval))
		case <-o.changed:
			before := settings
			settings = o.config.Settings()
			if settings.Interval != before.Interval {
				timer.Reset(pause(settings.Interval))
			}
			all = settings.Tenant != before.Tenant || settings.CloudHost != before.CloudHost
		case <-ctx.Done():
			return nil
		}
	}
}

// lookAtAbsent looks at known users without a session, as far as that is possible without one.
func (o *Observer) lookAtAbsent(ctx context.Context, present []sessions.Session) {
	known, err := o.All()
	if err != nil {
		o.log.Warn("users without a session could not be looked at", "error", err)
		return
	}
	for _, one := range known {
		if slices.ContainsFunc(present,
			func(session sessions.Session) bool { return session.User.UID == one.User.UID }) {
			continue
		}
		if err := o.LookWithoutSession(ctx, one.User); err != nil && ctx.Err() == nil {
			o.log.Info("user without a session could not be looked at", "uid", one.User.UID, "error", err)
		}
	}
}

// SettingsChanged makes [Observer.Run] apply new settings. It does not block.
func (o *Observer) SettingsChanged() { o.changed.Set() }

// pause is the interval with a fifth of jitter either way, so that a fleet does not look at once.
func pause(interval time.Duration) time.Duration {
	return backoff.Between(interval*4/5, interval*6/5)
}

func (o *Observer) take() map[uint32]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	wanted := o.wanted
	o.wanted = make(map[uint32]bool)
	return wanted
}

// LookSoon has a user looked at, if they are logged in. It does not block.
func (o *Observer) LookSoon(uids ...uint32) {
	o.mu.Lock()
	for _, uid := range uids {
		o.wanted[uid] = true
	}
	o.mu.Unlock()
	o.asked.Set()
}

// Woke looks at every user after this Mac has slept for that long. It does not block.
func (o *Observer) Woke(slept time.Duration) {
	o.log.Info("looking again after sleep", "slept", slept.Round(time.Second))
	list, _ := o.config.Sessions.Watch()
	for _, session := range list {
		o.LookSoon(session.User.UID)
	}
}
