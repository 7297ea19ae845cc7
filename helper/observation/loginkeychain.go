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

// Reading a login keychain on a schedule has damaged it on real Macs: macOS then renames it, and the identity in it is
// lost [OSQ#8830, FL#43313]. So once Platform SSO or the Secure Enclave holds the identity, only looks that somebody
// asked for read it. What the last of them found is remembered, with its time and its certificates, and is part of the
// evidence until the next one.

// isElsewhere reports whether a source that holds the identity makes reading the login keychain needless.
func isElsewhere(source wpj.Source) bool {
	return source == wpj.SourcePlatformSSO || source == wpj.SourceSecureEnclave
}

// ofLoginKeychain reports whether the evidence is about the login keychain. [wpj.Evaluate] takes an unknown source for
// it too.
func ofLoginKeychain(e wpj.Evidence) bool {
	return e.Source == wpj.SourceLoginKeychain || !slices.Contains(wpj.Sources(), e.Source)
}

// leavesLoginKeychain reports whether a look that nobody asked for leaves the user's login keychain alone. One that was
// never looked at is read once.
func (o *Observation) leavesLoginKeychain() bool {
	return o != nil && isElsewhere(o.HeldBy) && len(o.LoginKeychain) > 0
}

// LeavesLoginKeychain reports whether looks that nobody asked for leave the user's login keychain alone.
func (o *Observer) LeavesLoginKeychain(uid uint32) (bool, error) {
	last, err := o.Of(uid)
	return last.leavesLoginKeychain(), err
}

// ReadAutomatically is [Observer.Read] for a look that nobody asked for. Once Platform SSO or the Secure Enclave holds
// the identity it does not touch the login keychain; what was found there last is part of the evidence, with its own
// time. When neither holds it any more, the registration may be in the login keychain, which is read then.
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

// remembered is what an earlier look found in the login keychain and this one did not read again: because it left it
// alone, or because it could not look and the identity is elsewhere.
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

// weigh decides what the login keychain may say. What is remembered of it is never what a registration rests on: it is
// part of the evidence only while the identity is elsewhere. A reading that has left the login keychain alone, and is
// held by no other source, is not to be used.
func (o *Observer) weigh(evidence, remembered []wpj.Evidence, last *Observation, keys wpj.KeysHistory,
	left bool) Reading {
	given := o.conditions(keys)
	all := withRemembered(evidence, remembered)
	reading := Reading{Keys: keys, Evidence: all, HeldBy: wpj.HeldBy(all, given), remembered: len(remembered) > 0}
	switch {
	case isElsewhere(reading.HeldBy):
	case last != nil && isElsewhere(last.HeldBy) && isUnclear(last.HeldBy, evidence, given) &&
		!hasNewCertificate(evidence, last.LoginKeychain):
		// The holder may still hold it. What is in the login keychain was there beside it, and is not taken for the
		// registration now.
		reading.HeldBy, reading.aside = last.HeldBy, true
	case left: // the login keychain has to be read
	case reading.remembered:
		reading = Reading{Keys: keys, Evidence: evidence, HeldBy: wpj.HeldBy(evidence, given)}
	}
	return o.evaluated(reading)
}

// isUnclear reports whether what a source says leaves open whether it holds an identity. One that this Mac does not
// have holds none.
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

// withRemembered returns evidence with what is remembered of the login keychain behind what was found there now, or in
// front.
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

// updated returns a reading that remembers the login keychain, with what another look has found there meanwhile.
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

// lostKeychain returns the login keychain that macOS has renamed since the user's identity was seen in it last, nil
// where that is not why a user has none.
func (o *Observer) lostKeychain(ctx context.Context, uid uint32, last *Observation,
	now wpj.State) *thismac.RenamedKeychain {
	if o.config.RenamedKeychains == nil || last == nil || last.DeviceID == "" || !slices.Contains(lostIn, now) ||
		last.DeviceSource != "" && last.DeviceSource != wpj.SourceLoginKeychain {
		return nil
	}
	found, err := o.config.RenamedKeychains(ctx, uid)
	if err != nil {
		o.log.Info("whether macOS has renamed the login keychain could not be seen", "uid", uid, "error", err)
		return nil
	}
	if len(found) == 0 || !found[0].At.After(last.DeviceSeenAt) { // the newest comes first
		return nil
	}
	return &found[0]
}
