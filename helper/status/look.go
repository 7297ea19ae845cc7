package status

import (
	"context"
	"slices"
	"sync"

	"usher.internal/helper/sessions"
	"usher.internal/internal/contract"
)

// LookAgain looks at everyone whom the viewer may see. For a user who cannot be looked at, the last result remains,
// with its time.
func (r *Reporter) LookAgain(ctx context.Context, viewer Viewer) {
	var looks sync.WaitGroup
	present := r.config.Sessions.List()
	for _, session := range present {
		if viewer.MayActFor(session.User.UID) == nil {
			looks.Go(func() { r.config.Observations.Look(ctx, session) })
		}
	}
	looks.Go(func() { r.lookAtAbsent(ctx, viewer, present) })
	looks.Wait()
}

// lookAtAbsent looks at the users in the journal who are not logged in, one after the other.
func (r *Reporter) lookAtAbsent(ctx context.Context, viewer Viewer, present []sessions.Session) {
	journal, err := r.known.now()
	if err != nil {
		return // status says so too
	}
	for _, known := range journal.users {
		user := contract.UserFromProto(known.User)
		isPresent := slices.ContainsFunc(present,
			func(session sessions.Session) bool { return session.User.UID == user.UID })
		if !isPresent && viewer.MayActFor(user.UID) == nil {
			r.config.Observations.LookWithoutSession(ctx, user)
		}
	}
}
