package observation

import (
	"context"
	"slices"
	"time"

	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
)

func (o *Observer) directory(ctx context.Context, uid uint32) (_ wpj.Evidence, asked bool) {
	if o.config.Directory == nil {
		return wpj.Evidence{}, false
	}
	return o.config.Directory(ctx, uid)
}

// LookWithoutSession looks at a user who is not logged in, as far as that is possible without a session: it asks the
// directory again. The identity that was last seen is kept. For a user who was never seen, it records that nobody could
// look.
func (o *Observer) LookWithoutSession(ctx context.Context, user accounts.User) error {
	said, asked := o.directory(ctx, user.UID)
	if !asked {
		return nil
	}
	return o.config.Store.Update(func(tx *store.Tx) error {
		kept, found, err := observations.Get(tx, key(user.UID))
		if err != nil {
			return err
		}
		if found && kept.User.Name != user.Name {
			return nil // the uid belongs to another person now
		}
		if exists, err := accounts.Exists(user); !found && (err != nil || !exists) {
			return err // the user was forgotten meanwhile
		}
		if !found {
			evidence := []wpj.Evidence{noSession(), said}
			kept = Observation{User: user, Identity: wpj.Evaluate(evidence, o.conditions(wpj.KeysHistory{})),
				Evidence: evidence}
			return observations.Put(tx, key(user.UID), kept)
		}
		i := slices.IndexFunc(kept.Evidence, func(e wpj.Evidence) bool { return e.Source == wpj.SourceDirectory })
		switch {
		case i < 0:
			kept.Evidence = append(slices.Clone(kept.Evidence), said)
		case said.Finding != wpj.CouldNotLook || kept.Evidence[i].Finding == wpj.CouldNotLook:
			kept.Evidence[i] = said
		}
		// macOS masks the user name of Platform SSO; the rest of the identity needs a session.
		if kept.Identity.UserPrincipalName == "" &&
			(kept.Identity.Source == wpj.SourcePlatformSSO || kept.Identity.Source == wpj.SourceSecureEnclave) {
			kept.Identity.UserPrincipalName = said.UserPrincipalName.Unmasked()
		}
		return observations.Put(tx, key(user.UID), kept)
	})
}

// noSession is the evidence about a user who is not logged in and was never looked at.
func noSession() wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleNoSession,
		ObservedAt: time.Now().UTC()}
}
