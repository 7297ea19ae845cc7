package registration

import (
	"cmp"
	"context"
	"slices"

	"usher.internal/helper/observation"
	"usher.internal/helper/store"
	"usher.internal/internal/platformsso"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// configuredness says whether Microsoft's Platform SSO is configured for a user.
type configuredness int

const (
	notConfigured configuredness = iota
	isConfigured
	// notSeen means that macOS's own state could not be read.
	notSeen
)

// microsoftPlatformSSO returns whether the evidence shows it as configured. If macOS's own state is missing,
// Microsoft's library may still report that it is on.
func microsoftPlatformSSO(evidence []wpj.Evidence) configuredness {
	seen := notSeen
	for _, e := range evidence {
		switch {
		case e.Source == wpj.SourcePlatformSSO && e.Finding == wpj.NotThere:
			seen = min(seen, notConfigured)
		case e.Source == wpj.SourcePlatformSSO && e.Finding == wpj.Found && e.PlatformSSO != nil:
			switch e.PlatformSSO.Provider() {
			case wpj.ProviderMicrosoft:
				return isConfigured
			case wpj.ProviderOther:
				seen = min(seen, notConfigured)
			}
		}
	}
	enabled := func(e wpj.Evidence) bool {
		return e.Source == wpj.SourceSecureEnclave && e.Finding == wpj.Found && e.SecureEnclave != nil &&
			e.SecureEnclave.Status != wpj.SingleSignOnNotEnabled
	}
	if seen == notSeen && slices.ContainsFunc(evidence, enabled) {
		return isConfigured
	}
	return seen
}

// userAction returns the decision for FAILED if Microsoft's Platform SSO is configured for a user who is not
// registered. Only the user can register then, in macOS's own window. Company Portal with -r would make a second
// registration of the old kind. found is the identity of the user, nil if nobody could read it. The result is nil if
// Company Portal may run.
func (d *driver) userAction(r *Registration, found *observation.Reading) decision {
	configured := notSeen
	if found != nil {
		configured = microsoftPlatformSSO(found.Evidence)
	}
	why := "Microsoft's Platform SSO is configured for this user"
	if configured == notSeen && d.config.MicrosoftPlatformSSO != nil {
		named, err := d.config.MicrosoftPlatformSSO(r.User.Name)
		switch {
		case err != nil:
			d.log.Warn("the single sign-on profile cannot be read; Company Portal is not run", "error", err)
			configured, why = isConfigured,
				"macOS's state of Platform SSO cannot be read, and neither can the single sign-on profile"
		case named:
			configured, why = isConfigured,
				"macOS's state of Platform SSO cannot be read, and a profile configures Microsoft's for this user"
		}
	}
	if configured == notSeen && found != nil && slices.ContainsFunc(found.Evidence, ofOldAgent) {
		return d.fail(ReasonAgentOutdated,
			"Platform SSO is configured, and usher-agent is too old to say for which provider, so Company Portal "+
				"was not run. Have %s log out and in to update usher-agent, and register again.", r.User.Name)
	}
	if configured != isConfigured {
		return nil
	}
	return d.userActs(r, found, why)
}

// userActs returns the decision for FAILED, with the action for the user.
func (d *driver) userActs(r *Registration, found *observation.Reading, why string) decision {
	state := wpj.StateUnreadable
	if found != nil {
		state = found.Identity.State
	}
	info, _ := state.Info()
	failed := d.fail(ReasonPlatformSSOUserAction,
		"%s: %s %s Company Portal was not run, since %s. In the user's session, `open '%s'` shows where.",
		state, identityDetail(found), cmp.Or(actions[state], info.Fix), why, platformsso.SettingsLink(r.User.Name))
	return func(tx *store.Tx, r *Registration) error {
		if found != nil {
			if err := d.keep(tx, r, *found); err != nil {
				return err
			}
		}
		return failed(tx, r)
	}
}

// ofOldAgent reports whether the evidence is from an agent that reports only that Platform SSO exists.
func ofOldAgent(e wpj.Evidence) bool {
	return e.Source == wpj.SourcePlatformSSO && e.Finding == wpj.Found && e.PlatformSSO != nil &&
		e.PlatformSSO.Device == wpj.SectionNotSaid
}

// mayLaunch checks a user again whose portal was about to be launched when usherd or the agent ended, and sets
// insteadOfPortal. While no agent was connected, Platform SSO may have been configured, and the user may have
// registered with it. The error means that the agent is away again.
func (d *driver) mayLaunch(ctx context.Context, agent usherv1.UserAgentServiceClient, r *Registration) error {
	read, err := d.readIdentity(ctx, agent, r)
	if err != nil && (gone(err) || isOver(ctx, err)) {
		return err
	}
	found := &read
	if err != nil {
		found = nil
	}
	d.insteadOfPortal = d.userAction(r, found)
	if d.insteadOfPortal != nil && found != nil && found.Identity.State.Registered() {
		d.insteadOfPortal = d.to(StateReadingIdentity, "registered already: "+found.Identity.Sentence())
	}
	return nil
}

// profileNamesMicrosoft reports whether a profile configures Microsoft's Platform SSO for the user.
func (d *driver) profileNamesMicrosoft(r *Registration) bool {
	if d.config.MicrosoftPlatformSSO == nil {
		return false
	}
	named, err := d.config.MicrosoftPlatformSSO(r.User.Name)
	return named && err == nil
}

func identityDetail(found *observation.Reading) string {
	if found == nil {
		return "usher-agent could not read the user's state."
	}
	return found.Identity.Sentence()
}

// actions are what the user has to do in states whose usual advice is to run Company Portal, or is meant for somebody
// else.
var actions = func() map[wpj.State]string {
	const register = "Have the user answer the notification \"Registration Required\", or choose Register or Repair " +
		"in System Settings, Users & Groups, Network Account Server."
	actions := map[wpj.State]string{}
	for _, state := range []wpj.State{
		wpj.StateNotRegistered, wpj.StateNotApplicable, wpj.StatePortalMissing, wpj.StateOrphaned, wpj.StateExpired,
		wpj.StateTenantMismatch,
		wpj.StateUnreadable, wpj.StateCannotTell, wpj.StateNoSession,
	} {
		actions[state] = register
	}
	actions[wpj.StatePending] = "Have the user sign in when macOS asks; this often passes by itself when the " +
		"network is back."
	return actions
}()
