package observation

import (
	"bytes"
	"context"
	"slices"
	"time"

	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// On real Macs, scheduled reads of a login keychain have damaged it: macOS then renames it, and its identity is lost
// [OSQ#8830, FL#43313]. So once Platform SSO or the Secure Enclave holds the identity, only looks that somebody asked
// for read it. Their last result is remembered, with its time and its certificates, and is part of the evidence until
// the next one.

// isElsewhere reports whether a source that holds the identity makes it unnecessary to read the login keychain.
func isElsewhere(source wpj.Source) bool {
	return source == wpj.SourcePlatformSSO || source == wpj.SourceSecureEnclave
}

// ofLoginKeychain reports whether the evidence is about the login keychain. [wpj.Evaluate] treats an unknown source as
// the login keychain too.
func ofLoginKeychain(e wpj.Evidence) bool {
	return e.Source == wpj.SourceLoginKeychain || !slices.Contains(wpj.Sources(), e.Source)
}

// leavesLoginKeychain reports whether a look that nobody asked for skips the user's login keychain. One that was never
// looked at is read once.
func (o *Observation) leavesLoginKeychain() bool {
	return o != nil && isElsewhere(o.HeldBy) && len(o.LoginKeychain) > 0
}

// LeavesLoginKeychain reports whether looks that nobody asked for skip the user's login keychain.
func (o *Observer) LeavesLoginKeychain(uid uint32) (bool, error) {
	last, err := o.Of(uid)
	return last.leavesLoginKeychain(), err
}

// ReadAutomatically is [Observer.Read] for a look that nobody asked for. Once Platform SSO or the Secure Enclave holds
// the identity, it does not touch the login keychain. The last result from there is part of the evidence, with its own
// time. When neither holds the identity any more, the registration may be in the login keychain, which is read then.
func (o *Observer) ReadAutomatically(ctx context.Context, agent usherv1.UserAgentServiceClient,
	user accounts.User) (Reading,
	error) {
	last, err := o.lastOf(user)
	if err != nil {
		return Reading{}, err
	}
	if last.leavesLoginKeychain() {
		reading, err := o.read(ctx, agent, user.UID, last, true)
		if err != nil || isElsewhere(reading.HeldBy) {
			return reading, err
		}
	}
	return o.read(ctx, agent, user.UID, last, false)
}

// remembered returns evidence from an earlier look into the login keychain that this look did not read again. Either
// this look skipped it, or it could not look and the identity is elsewhere.
func remembered(evidence []wpj.Evidence, last *Observation, left bool) []wpj.Evidence {
	if left {
		return last.LoginKeychain
	}
	blocked := false
	for _, e := range evidence {
		switch {
		case !ofLoginKeychain(e):
		case e.Finding != wpj.CouldNotLook:
			return nil
		default:
			blocked = true
		}
	}
	if !blocked || last == nil || !isElsewhere(last.HeldBy) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(last.LoginKeychain),
		func(e wpj.Evidence) bool { return e.Finding == wpj.CouldNotLook })
}

// weigh decides what the evidence about the login keychain proves. Remembered evidence never decides on a registration:
// it is included only while the identity is elsewhere. A reading that has skipped the login keychain must not be used
// unless another source holds it.
func (o *Observer) weigh(evidence, remembered []wpj.Evidence, last *Observation, keys wpj.KeysHistory,
	left bool) Reading {
	given := o.conditions(keys)
	all := withRemembered(evidence, remembered)
	reading := Reading{Keys: keys, Evidence: all, HeldBy: wpj.HeldBy(all, given), remembered: len(remembered) > 0}
	switch {
	case isElsewhere(reading.HeldBy):
	case last != nil && isElsewhere(last.HeldBy) && isUnclear(last.HeldBy, evidence, given) &&
		!hasNewCertificate(evidence, last.LoginKeychain):
		// The source may still hold it. The login keychain's content was there beside it, and is not treated as the
		// registration now.
		reading.HeldBy, reading.aside = last.HeldBy, true
	case left: // the login keychain has to be read
	case reading.remembered:
		reading = Reading{Keys: keys, Evidence: evidence, HeldBy: wpj.HeldBy(evidence, given)}
	}
	return o.evaluated(reading)
}

// isUnclear reports whether the evidence of a source leaves open if the source holds an identity. A source that this
// Mac does not have holds none.
func isUnclear(source wpj.Source, evidence []wpj.Evidence, given wpj.Conditions) bool {
	var of []wpj.Evidence
	for _, e := range evidence {
		if e.Source != source {
			continue
		}
		if e.Obstacle == wpj.ObstacleUnsupported {
			return false
		}
		of = append(of, e)
	}
	return len(of) > 0 && wpj.Evaluate(of, given).State.Unknown()
}

// hasNewCertificate reports whether the login keychain holds a certificate that it did not hold when it was read
// before.
func hasNewCertificate(evidence, before []wpj.Evidence) bool {
	for _, e := range evidence {
		if !ofLoginKeychain(e) {
			continue
		}
		for _, held := range e.Certificates {
			known := func(e wpj.Evidence) bool {
				return slices.ContainsFunc(e.Certificates,
					func(other wpj.HeldCertificate) bool { return bytes.Equal(other.DER, held.DER) })
			}
			if !slices.ContainsFunc(before, known) {
				return true
			}
		}
	}
	return false
}

// withRemembered returns evidence with the remembered evidence about the login keychain behind the present one. If
// there is none at present, it comes first.
func withRemembered(evidence, remembered []wpj.Evidence) []wpj.Evidence {
	at := 0
	for i, e := range evidence {
		if ofLoginKeychain(e) {
			at = i + 1
		}
	}
	return slices.Insert(slices.Clone(evidence), at, remembered...)
}

// split returns the evidence about the login keychain, and the rest.
func split(evidence []wpj.Evidence) (loginKeychain, others []wpj.Evidence) {
	for _, e := range evidence {
		if ofLoginKeychain(e) {
			loginKeychain = append(loginKeychain, e)
		} else {
			others = append(others, e)
		}
	}
	return loginKeychain, others
}

// updated returns a reading that remembers the login keychain, with the result of another look there meanwhile.
func (o *Observer) updated(reading Reading, kept *Observation) Reading {
	known, others := split(reading.Evidence)
	if !reading.remembered || !newest(kept.LoginKeychain).After(newest(known)) {
		return reading
	}
	reading.Evidence = withRemembered(others, kept.LoginKeychain)
	return o.evaluated(reading)
}

func newest(evidence []wpj.Evidence) (at time.Time) {
	for _, e := range evidence {
		if e.ObservedAt.After(at) {
			at = e.ObservedAt
		}
	}
	return at
}

// lostIn are the states in which an identity that was in the login keychain is lost.
var lostIn = []wpj.State{wpj.StateNotRegistered, wpj.StateNotApplicable, wpj.StatePortalMissing,
	wpj.StatePlatformSSOConfigured, wpj.StateOrphaned}

// lostKeychain returns the login keychain that macOS has renamed since the user's identity was last seen in it. It is
// nil if that is not why the user has no identity.
func (o *Observer) lostKeychain(ctx context.Context, uid uint32, last *Observation,
	now wpj.State) *thismac.RenamedKeychain {
	if o.config.RenamedKeychains == nil || last == nil || last.DeviceID == "" || !slices.Contains(lostIn, now) ||
		last.DeviceSource != "" && last.DeviceSource != wpj.SourceLoginKeychain {
		return nil
	}
	found, err := o.config.RenamedKeychains(ctx, uid)
	if err != nil {
		o.log.Info("renamed login keychains could not be listed", "uid", uid, "error", err)
		return nil
	}
	if len(found) == 0 || !found[0].At.After(last.DeviceSeenAt) { // the newest comes first
		return nil
	}
	return &found[0]
}
