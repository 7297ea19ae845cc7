package observation_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/store"
	"usher.internal/helper/thismac"
	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

// withPlatformSSO is evidence of a registration with Microsoft's Platform SSO.
func withPlatformSSO(t *testing.T, device entra.Device) wpj.Evidence {
	t.Helper()
	evidence, _ := registered(t, device)
	evidence.Source, evidence.PlatformSSO = wpj.SourcePlatformSSO, &wpj.PlatformSSO{
		Device: wpj.SectionRead, UserSection: wpj.SectionRead, RegistrationCompleted: true,
		User: "POUserStateNormal (0)", ExtensionID: wpj.MicrosoftExtension,
	}
	return evidence
}

func couldNotLook(source wpj.Source, obstacle wpj.Obstacle) wpj.Evidence {
	return wpj.Evidence{Source: source, Finding: wpj.CouldNotLook, Obstacle: obstacle, ObservedAt: time.Now()}
}

func notThere(source wpj.Source) wpj.Evidence {
	return wpj.Evidence{Source: source, Finding: wpj.NotThere, ObservedAt: time.Now()}
}

func inEnclave(device wpj.DeviceID) wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceSecureEnclave, Finding: wpj.Found, DeviceID: device, ObservedAt: time.Now(),
		SecureEnclave: &wpj.SecureEnclave{Status: wpj.SingleSignOnRegistered}}
}

// automatically reads as a look that nobody asked for, and keeps the result.
func (w *world) automatically() observation.Observation {
	w.t.Helper()
	reading, err := w.observer.ReadAutomatically(w.t.Context(), w.agent, janeUser)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.keep(reading)
}

// left returns, for each look since its last call, whether the login keychain was skipped.
func (a *agent) wasLeft() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	said := fmt.Sprint(a.left)
	a.left = nil
	return said
}

func (w *world) wantLeft(what, want string) {
	w.t.Helper()
	if got := w.agent.wasLeft(); got != want {
		w.t.Errorf("%s: skipped %s, want %s", what, got, want)
	}
}

// ofKeychain returns an observation's evidence about the login keychain, without certificates.
func ofKeychain(o observation.Observation) (found []wpj.Evidence) {
	for _, e := range o.Evidence {
		if e.Source == wpj.SourceLoginKeychain {
			found = append(found, e)
		}
	}
	return found
}

func contradictions(o observation.Observation) string {
	var names []string
	for _, one := range o.Identity.Contradictions {
		names = append(names, one.Name)
	}
	return strings.Join(names, " ")
}

const oldKey = "old-key-beside-platform-sso device-ids-differ"

// Whatever makes usher look by itself, a login keychain beside Platform SSO is read once, and then only when somebody
// asks. The result is kept with its time, so the contradiction does not come and go.
func TestLooksThatNobodyAskedForSkipTheLoginKeychain(t *testing.T) {
	sso, old := withPlatformSSO(t, ofTheBubble), func() wpj.Evidence { e, _ := registered(t, ofTheBubble); return e }()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.run()()
		old.ObservedAt, sso.ObservedAt = time.Now(), time.Now()
		w.agent.answers(old, sso)
		session := w.logins.login(jane, w.agent)
		synctest.Wait()
		w.wantLeft("the first look", "[false]")
		read := time.Now()
		check := func(what string) {
			t.Helper()
			synctest.Wait()
			w.wantLeft(what, "[true]")
			o, err := w.observer.Of(jane)
			if err != nil {
				t.Fatal(err)
			}
			of := ofKeychain(*o)
			if o.Identity.State != wpj.StateRegistered || o.Identity.Source != wpj.SourcePlatformSSO ||
				contradictions(*o) != oldKey || len(of) != 1 ||
				of[0].Finding != wpj.Found || !of[0].ObservedAt.Equal(read) {
				t.Errorf("%s: %s, %s, %+v", what, o.Identity.State, contradictions(*o), of)
			}
			if len(of[0].Certificates) != 0 || len(o.LoginKeychain) != 1 || len(o.LoginKeychain[0].Certificates) != 1 {
				t.Errorf("%s: certificates: %+v, %+v", what, of, o.LoginKeychain)
			}
		}
		w.agent.answers(locked(), sso) // it would be seen if it were read
		time.Sleep(time.Minute)
		w.observer.LookSoon(jane)
		check("a look after something has changed")
		w.logins.login(jane, w.agent)
		check("another login")
		if err := w.store.Update(func(tx *store.Tx) error {
			w.observer.DeliveryChanged(tx,
				delivery.Delivery{Report: delivery.Report{RegistrationID: "r", UID: jane},
					State: delivery.StateDelivered})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		check("a registration's delivery")
		time.Sleep(7*time.Hour + 30*time.Minute)
		check("the interval")

		// Somebody asks: it is read, and the read fails. The earlier result remains, each with its time.
		asked := time.Now()
		w.agent.answers(locked(), sso)
		o, err := w.observer.Look(t.Context(), session)
		w.wantLeft("a look that was asked for", "[false]")
		if of := ofKeychain(o); err != nil || contradictions(o) != oldKey || len(of) != 2 ||
			of[0].Obstacle != wpj.ObstacleLocked || !of[0].ObservedAt.Equal(asked) ||
			of[1].Finding != wpj.Found || !of[1].ObservedAt.Equal(read) {
			t.Errorf("locked: %v, %s, %+v", err, contradictions(o), of)
		}
		w.observer.LookSoon(jane)
		synctest.Wait()
		w.wantLeft("the look after that", "[true]")
		again, err := w.observer.Of(jane)
		if err != nil || contradictions(*again) != oldKey || len(ofKeychain(*again)) != 2 {
			t.Errorf("after that: %v, %+v", err, again)
		}
		// The old key has gone.
		w.agent.answers(nothing(), sso)
		if o, err = w.observer.Look(t.Context(), session); err != nil || contradictions(o) != "" ||
			len(ofKeychain(o)) != 1 || ofKeychain(o)[0].Finding != wpj.NotThere {
			t.Errorf("gone: %v, %+v", err, o)
		}
		if got := fmt.Sprint(w.outbox.states()); got != "[REGISTERED]" {
			t.Errorf("reported %s", got)
		}
	})
}

// The kept evidence outlives a restart of usherd. With a journal from before it was kept, the login keychain is read
// once.
func TestSkippingOutlivesARestart(t *testing.T) {
	w := newWorld(t, nil)
	old, _ := registered(t, entra.Device{})
	w.agent.answers(old, withPlatformSSO(t, entra.Device{}))
	w.keep(w.read())
	w.observer = observation.New(observation.Config{Store: w.store})
	w.agent.wasLeft()
	before, err := w.observer.Of(jane)
	if err != nil {
		t.Fatal(err)
	}
	o := w.automatically()
	w.wantLeft("after a restart", "[true]")
	if contradictions(o) != oldKey {
		t.Errorf("after a restart: %s", contradictions(o))
	}
	if leaves, err := w.observer.LeavesLoginKeychain(jane); !leaves || err != nil {
		t.Errorf("skips it: %t, %v", leaves, err)
	}
	if leaves, err := w.observer.LeavesLoginKeychain(999); leaves || err != nil {
		t.Errorf("of nobody: %t, %v", leaves, err)
	}
	before.HeldBy, before.LoginKeychain = "", nil
	bucket := store.NewBucket[observation.Observation]("observations")
	if err := w.store.Update(func(tx *store.Tx) error { return bucket.Put(tx, store.NumberKey(jane), *before) }); err !=
		nil {
		t.Fatal(err)
	}
	w.automatically()
	w.automatically()
	w.wantLeft("an older journal", "[false true]")
}

// When neither Platform SSO nor the Secure Enclave holds an identity any more, the registration may be in the login
// keychain. It is read in the same look, and earlier evidence from there never decides.
func TestLoginKeychainIsReadWhereTheIdentityHasGone(t *testing.T) {
	old, _ := registered(t, entra.Device{})
	sso := withPlatformSSO(t, entra.Device{})
	none := []wpj.Evidence{notThere(wpj.SourcePlatformSSO), notThere(wpj.SourceSecureEnclave)}
	configured := notThere(wpj.SourcePlatformSSO)
	configured.Finding, configured.PlatformSSO = wpj.Found,
		&wpj.PlatformSSO{Device: wpj.SectionRead, UserSection: wpj.SectionNull, ExtensionID: wpj.MicrosoftExtension}
	okta := withPlatformSSO(t, entra.Device{})
	okta.PlatformSSO.ExtensionID = "com.okta.mobile.auth-service-extension"
	for name, test := range map[string]struct {
		now  []wpj.Evidence
		want wpj.State
	}{
		"gone, and the key too":   {append([]wpj.Evidence{nothing()}, none...), wpj.StateNotRegistered},
		"gone, the key is there":  {append([]wpj.Evidence{old}, none...), wpj.StateRegistered},
		"gone, and locked":        {append([]wpj.Evidence{locked()}, none...), wpj.StateUnreadable},
		"configured only":         {[]wpj.Evidence{nothing(), configured}, wpj.StatePlatformSSOConfigured},
		"of another provider now": {[]wpj.Evidence{old, okta}, wpj.StateRegistered},
		"not on this macOS": {[]wpj.Evidence{old, couldNotLook(wpj.SourcePlatformSSO, wpj.ObstacleUnsupported)},
			wpj.StateRegistered},
		"not looked at any more": {[]wpj.Evidence{nothing()}, wpj.StateNotRegistered},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.agent.answers(old, sso)
			w.keep(w.read())
			w.agent.wasLeft()
			w.agent.answers(test.now...)
			o := w.automatically()
			w.wantLeft("the look", "[true false]")
			if o.Identity.State != test.want || o.HeldBy == wpj.SourcePlatformSSO || len(o.LoginKeychain) != 0 {
				t.Errorf("%s by %s, held by %q, %+v", o.Identity.State, o.Identity.Source, o.HeldBy, o.LoginKeychain)
			}
			w.automatically()
			w.wantLeft("the next look", "[false]")
		})
	}
}

// The Secure Enclave may report the same device as the login keychain held. Then the registration may be the login
// keychain's own.
func TestLoginKeychainIsReadWhereItsOwnDeviceIsNamed(t *testing.T) {
	old, issued := registered(t, entra.Device{})
	w := newWorld(t, nil)
	w.agent.answers(old, inEnclave("11111111-c5d8-4994-8d4c-2c2785b993c1"))
	if o := w.keep(w.read()); o.HeldBy != wpj.SourceSecureEnclave {
		t.Fatalf("held by %q", o.HeldBy)
	}
	w.agent.wasLeft()
	w.agent.answers(nothing(), inEnclave(wpj.DeviceID(issued.Device.DeviceID)))
	o := w.automatically()
	w.wantLeft("the look", "[true false]")
	if o.Identity.Source != wpj.SourceSecureEnclave || o.HeldBy != wpj.SourceSecureEnclave ||
		ofKeychain(o)[0].Finding != wpj.NotThere {
		t.Errorf("%+v", o)
	}
}

// While the source that holds the identity cannot be looked at, an old key in the login keychain is not treated as the
// registration. It is not read, and Jamf Pro gets no other device.
func TestOldKeyIsNotTakenForTheRegistration(t *testing.T) {
	old, issued := registered(t, entra.Device{})
	sso := withPlatformSSO(t, entra.Device{})
	unclear := sso
	unclear.PlatformSSO = &wpj.PlatformSSO{Device: wpj.SectionUnreadable, ExtensionID: wpj.MicrosoftExtension}
	unclear.Certificates = nil
	for name, answer := range map[string]wpj.Evidence{
		"it hangs": couldNotLook(wpj.SourcePlatformSSO, wpj.ObstacleUnavailable),
		"it fails": couldNotLook(wpj.SourcePlatformSSO, wpj.ObstacleFailed), "it says too little": unclear,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.agent.answers(old, sso)
			before := w.keep(w.read())
			w.agent.wasLeft()
			w.agent.answers(old, answer)
			for _, look := range []func() observation.Observation{
				w.automatically, func() observation.Observation { return w.keep(w.read()) },
				func() observation.Observation {
					return w.keep(w.observer.WithJamfPro(w.read(),
						wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.NotThere}))
				},
			} {
				o := look()
				if !o.Identity.State.Unknown() || o.Identity.DeviceID != "" || o.DeviceID != before.DeviceID ||
					o.Change != nil || o.HeldBy != wpj.SourcePlatformSSO ||
					len(ofKeychain(o)) != 1 {
					t.Errorf("%s as %q, last %q, %+v", o.Identity.State, o.Identity.DeviceID, o.DeviceID, ofKeychain(o))
				}
			}
			w.wantLeft("the looks", "[true false false]")
			w.agent.answers(old, sso)
			if o := w.automatically(); o.Identity.State != wpj.StateRegistered || contradictions(o) != oldKey {
				t.Errorf("afterwards %s, %s", o.Identity.State, contradictions(o))
			}
			// A certificate that was not there before is a new registration.
			fresh, made := registered(t, entra.Device{})
			fresh.Certificates = append(fresh.Certificates, old.Certificates[0])
			fresh.Certificates[1].HasPrivateKey = false
			w.agent.answers(fresh, couldNotLook(wpj.SourcePlatformSSO, wpj.ObstacleFailed))
			if o := w.keep(w.read()); o.Identity.State != wpj.StateRegistered ||
				string(o.Identity.DeviceID) != made.Device.DeviceID || o.HeldBy != wpj.SourceLoginKeychain {
				t.Errorf("a new registration: %s as %q (old: %s)", o.Identity.State, o.Identity.DeviceID,
					issued.Device.DeviceID)
			}
		})
	}
}

// The evidence of an agent too old to skip the login keychain is not trusted more than that of a newer agent.
func TestOldAgentThatReadsAllTheSame(t *testing.T) {
	old, _ := registered(t, entra.Device{})
	sso := withPlatformSSO(t, entra.Device{})
	w := newWorld(t, func(c *observation.Config) {
		proving(c)
	})
	w.agent.prove = func([]byte) ([]byte, error) { return nil, errors.New("locked") }
	w.agent.answers(old, sso)
	w.keep(w.read())
	w.agent.isOld = true
	w.agent.prove = func([]byte) ([]byte, error) { t.Error("asked for a proof"); return nil, nil }
	w.agent.answers(locked(), sso)
	if o := w.automatically(); contradictions(o) != oldKey || len(ofKeychain(o)) != 1 ||
		ofKeychain(o)[0].Finding != wpj.Found {
		t.Errorf("%s, %+v", contradictions(o), ofKeychain(o))
	}
}

// The result of the proof is remembered with the rest, and a look that nobody asked for does not ask for another one.
func TestProofIsNotAskedForAutomatically(t *testing.T) {
	old, issued := registered(t, entra.Device{})
	sso := withPlatformSSO(t, entra.Device{})
	proofs := 0
	w := newWorld(t, func(c *observation.Config) {
		proving(c)
	})
	w.agent.prove = func(nonce []byte) ([]byte, error) {
		proofs++
		return issued.Key.Sign(rand.Reader, wpj.Challenge(nonce), crypto.SHA256)
	}
	w.agent.answers(old, sso)
	w.keep(w.read())
	if o := w.automatically(); proofs != 1 || ofKeychain(o)[0].Possession != wpj.PossessionProved {
		t.Errorf("%d proofs, %+v", proofs, ofKeychain(o))
	}
	w.read()
	if proofs != 2 {
		t.Errorf("%d proofs after a look that was asked for", proofs)
	}
}

// A slow look that nobody asked for does not undo the result of one that somebody asked for.
func TestSlowLookUndoesNothing(t *testing.T) {
	old, _ := registered(t, entra.Device{})
	sso := withPlatformSSO(t, entra.Device{})
	w := newWorld(t, nil)
	w.agent.answers(old, sso)
	w.keep(w.read())
	slow, err := w.observer.ReadAutomatically(t.Context(), w.agent, janeUser)
	if err != nil {
		t.Fatal(err)
	}
	w.agent.answers(nothing(), sso)
	w.keep(w.read())
	if o := w.keep(slow); contradictions(o) != "" || len(ofKeychain(o)) != 1 ||
		ofKeychain(o)[0].Finding != wpj.NotThere {
		t.Errorf("%s, %+v", contradictions(o), ofKeychain(o))
	}
}

// A caller who asks neither gets the result of a look that nobody asked for, nor waits for it.
func TestLookThatWasAskedForGoesFirst(t *testing.T) {
	old, sso := func() wpj.Evidence { e, _ := registered(t, ofTheBubble); return e }(), withPlatformSSO(t, ofTheBubble)
	synctest.Test(t, func(t *testing.T) {
		var hang bool
		w := newWorld(t, func(c *observation.Config) {
			c.JamfPro = func(ctx context.Context) (wpj.Evidence, bool) {
				if hang {
					<-ctx.Done()
				}
				return wpj.Evidence{}, false
			}
		})
		w.agent.answers(old, sso)
		session := w.logins.login(jane, w.agent)
		if _, err := w.observer.Look(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		w.agent.wasLeft()
		hang = true
		defer w.run()()
		synctest.Wait()
		w.wantLeft("the look under way", "[true]")
		hang = false
		w.agent.answers(nothing(), sso)
		began := time.Now()
		o, err := w.observer.Look(t.Context(), session)
		w.wantLeft("the look that was asked for", "[false]")
		if err != nil || contradictions(o) != "" || time.Since(began) != 0 {
			t.Errorf("%v, %s, after %s", err, contradictions(o), time.Since(began))
		}
		synctest.Wait()
		if o, err := w.observer.Of(jane); err != nil || contradictions(*o) != "" {
			t.Errorf("kept: %v, %+v", err, o)
		}
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	w := newWorld(t, nil)
	sso := withPlatformSSO(t, entra.Device{})
	large := wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.Found, ObservedAt: time.Now()}
	for range 64 {
		large.Certificates = append(large.Certificates, wpj.HeldCertificate{DER: make([]byte, 10_000)})
	}
	w.agent.answers(sso, large)
	o := w.keep(w.read())
	size := 0
	for _, e := range o.LoginKeychain {
		for _, held := range e.Certificates {
			size += len(held.DER)
		}
	}
	if len(o.LoginKeychain) != 1 || size == 0 || size > 256<<10 {
		t.Errorf("%d pieces with %d bytes", len(o.LoginKeychain), size)
	}
}

// If macOS has renamed a login keychain since the identity was seen in it, that is why the identity is gone.
func TestLostKeychain(t *testing.T) {
	const before, after = -time.Hour, time.Hour
	file := func(age time.Duration) thismac.RenamedKeychain {
		return thismac.RenamedKeychain{Name: "login_renamed_1.keychain-db", At: time.Now().Add(age)}
	}
	old, _ := registered(t, entra.Device{})
	half := old
	half.Certificates = []wpj.HeldCertificate{{DER: old.Certificates[0].DER}}
	sso := withPlatformSSO(t, entra.Device{})
	for name, test := range map[string]struct {
		first, then []wpj.Evidence
		found       []thismac.RenamedKeychain
		err         error
		lost        bool
	}{
		"lost": {[]wpj.Evidence{old}, []wpj.Evidence{nothing()},
			[]thismac.RenamedKeychain{file(after), file(before)}, nil, true},
		"half of it is left": {[]wpj.Evidence{old}, []wpj.Evidence{half},
			[]thismac.RenamedKeychain{file(after)}, nil, true},
		"renamed before": {[]wpj.Evidence{old}, []wpj.Evidence{nothing()},
			[]thismac.RenamedKeychain{file(before)}, nil, false},
		"not renamed": {[]wpj.Evidence{old}, []wpj.Evidence{nothing()}, nil, nil, false},
		"could not look": {[]wpj.Evidence{old}, []wpj.Evidence{nothing()},
			[]thismac.RenamedKeychain{file(after)}, errors.New("no"), false},
		"still registered": {[]wpj.Evidence{old}, []wpj.Evidence{old},
			[]thismac.RenamedKeychain{file(after)}, nil, false},
		"not known": {[]wpj.Evidence{old}, []wpj.Evidence{locked()},
			[]thismac.RenamedKeychain{file(after)}, nil, false},
		"never had one": {[]wpj.Evidence{nothing()}, []wpj.Evidence{nothing()},
			[]thismac.RenamedKeychain{file(after)}, nil, false},
		"it was in Platform SSO": {[]wpj.Evidence{sso}, []wpj.Evidence{nothing()},
			[]thismac.RenamedKeychain{file(after)}, nil, false},
		"it is in Platform SSO since": {[]wpj.Evidence{old}, []wpj.Evidence{sso},
			[]thismac.RenamedKeychain{file(after)}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *observation.Config) {
				c.RenamedKeychains = func(_ context.Context, uid uint32) ([]thismac.RenamedKeychain, error) {
					if uid != jane {
						t.Errorf("looked at %d", uid)
					}
					return slices.Clone(test.found), test.err
				}
			})
			w.agent.answers(test.first...)
			w.keep(w.read())
			w.agent.answers(test.then...)
			for range 2 { // it is named as long as that is so
				o := w.automatically()
				if (o.LostKeychain != nil) != test.lost || test.lost && *o.LostKeychain != test.found[0] {
					t.Errorf("%s: %+v", o.Identity.State, o.LostKeychain)
				}
			}
			fresh, _ := registered(t, entra.Device{})
			w.agent.answers(fresh)
			if o := w.automatically(); o.LostKeychain != nil {
				t.Errorf("registered again: %+v", o.LostKeychain)
			}
		})
	}
}
