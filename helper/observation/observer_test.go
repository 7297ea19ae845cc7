package observation_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/observation"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

func (w *world) read() observation.Reading {
	w.t.Helper()
	reading, err := w.observer.Read(w.t.Context(), w.agent, janeUser)
	if err != nil {
		w.t.Fatal(err)
	}
	return reading
}

func (w *world) keep(reading observation.Reading) (kept observation.Observation) {
	w.t.Helper()
	err := w.store.Update(func(tx *store.Tx) (err error) {
		kept, err = w.observer.Keep(tx, accounts.User{Name: "jane", UID: jane}, reading)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return kept
}

func TestAgentsClaimsAreBounded(t *testing.T) {
	w := newWorld(t, func(c *observation.Config) {
		c.ThisMac = func(context.Context) []wpj.Evidence {
			return []wpj.Evidence{{Source: wpj.SourcePortal, Finding: wpj.Found}}
		}
	})
	many := wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.Found, Detail: strings.Repeat("x", 10_000),
		Possession: wpj.PossessionProved}
	for range 1000 {
		many.Certificates = append(many.Certificates, wpj.HeldCertificate{DER: []byte("x")})
	}
	evidence := []wpj.Evidence{
		{Source: wpj.SourceJamfPro, Finding: wpj.Found,
			Compliance: &wpj.Compliance{Applicable: true, State: "COMPLIANT"}},
		{Source: wpj.SourceJamfSettings, Finding: wpj.Found,
			JamfSettings: &wpj.JamfSettings{ConditionalAccessEnabled: true}},
		{Source: wpj.SourcePortal, Finding: wpj.NotThere},
		{Source: wpj.SourceLoginKeychain, Finding: wpj.Found, UserPrincipalName: "jane\n@example.com"},
		{Source: wpj.SourceSecureEnclave, Finding: wpj.Found, DeviceID: wpj.DeviceID(strings.Repeat("d", 2000))},
		// reverses the text after it
		{Source: wpj.SourceSecureEnclave, Finding: wpj.Found, UserPrincipalName: "jane\u202e@example.com"},
		{Source: wpj.SourceLoginKeychain, Finding: wpj.Found,
			Compliance: &wpj.Compliance{Applicable: true, DeviceIDs: make([]wpj.DeviceID, 1000)}},
		{Source: wpj.SourceLoginKeychain, Finding: wpj.Found,
			JamfSettings: &wpj.JamfSettings{ClientID: strings.Repeat("c", 10_000)}},
		{Source: wpj.SourceLoginKeychain, Finding: wpj.NotThere, ObservedAt: time.Now().AddDate(1000, 0, 0)},
		many,
	}
	for range 100 {
		evidence = append(evidence, nothing())
	}
	w.agent.answers(evidence...)
	got := w.read().Evidence
	if len(got) != 14 { // 16 that are looked at, less three of the helper's own, and one of its own
		t.Errorf("%d pieces of evidence", len(got))
	}
	for i, one := range got {
		switch {
		case one.Source == wpj.SourceJamfPro, one.Source == wpj.SourceJamfSettings,
			one.Source == wpj.SourcePortal && i != len(got)-1:
			t.Errorf("the agent spoke for %s", one.Source)
		case len(one.Certificates) > 64, len(one.Detail) > 600, one.Possession != "":
			t.Errorf("%d certificates, %d letters, possession %q", len(one.Certificates), len(one.Detail),
				one.Possession)
		case one.Compliance != nil, one.JamfSettings != nil, one.ObservedAt.After(time.Now()):
			t.Errorf("the agent spoke for the helper: %+v", one)
		case i < 3 && (one.Finding != wpj.CouldNotLook || one.UserPrincipalName != "" || one.DeviceID != ""):
			t.Errorf("what no item holds was taken: %+v", one)
		}
	}
}

func TestKeepNoticesAnotherDevice(t *testing.T) {
	w := newWorld(t, nil)
	first, one := registered(t, entra.Device{})
	second, other := registered(t, entra.Device{})
	w.agent.answers(first)
	kept := w.keep(w.read())
	if kept.Change != nil || string(kept.DeviceID) != one.Device.DeviceID || len(kept.Evidence) != 1 ||
		kept.Evidence[0].Certificates != nil {
		t.Errorf("first: %+v", kept)
	}
	w.agent.answers(nothing())
	if kept = w.keep(w.read()); kept.Change != nil || string(kept.DeviceID) != one.Device.DeviceID {
		t.Errorf("gone: %+v", kept)
	}
	w.agent.answers(second)
	kept = w.keep(w.read())
	if kept.Change == nil || string(kept.Change.Old) != one.Device.DeviceID ||
		string(kept.Change.New) != other.Device.DeviceID || kept.Unreported() != kept.Change {
		t.Fatalf("another: %+v", kept.Change)
	}
	if err := w.store.Update(func(tx *store.Tx) error { return w.observer.Report(tx, jane, kept.Identity) }); err !=
		nil {
		t.Fatal(err)
	}
	known, err := w.observer.Of(jane)
	if err != nil || known.Unreported() != nil || known.Change == nil || known.Reported.State != wpj.StateRegistered {
		t.Errorf("reported: %+v, %v", known, err)
	}
	if nobody, err := w.observer.Of(999); nobody != nil || err != nil {
		t.Errorf("of nobody: %+v, %v", nobody, err)
	}
}

func TestProofOfPossession(t *testing.T) {
	for kind, device := range map[string]entra.Device{"RSA": entra.Device{}.NegativeSerial(),
		"P-256": entra.Device{}.P256().NegativeSerial()} {
		evidence, issued := registered(t, device)
		sign := func(digest []byte) ([]byte, error) { return issued.Key.Sign(rand.Reader, digest, crypto.SHA256) }
		for name, test := range map[string]struct {
			prove func([]byte) ([]byte, error)
			want  wpj.Possession
			state wpj.State
		}{
			"signed": {func(nonce []byte) ([]byte, error) { return sign(wpj.Challenge(nonce)) },
				wpj.PossessionProved, wpj.StateRegistered},
			"another nonce": {func([]byte) ([]byte, error) { return sign(wpj.Challenge(make([]byte, 32))) },
				wpj.PossessionRefuted, wpj.StateOrphaned},
			"no signature": {func([]byte) ([]byte, error) { return nil, nil }, wpj.PossessionRefuted,
				wpj.StateOrphaned},
			"an error": {func([]byte) ([]byte, error) { return nil, errors.New("locked") },
				wpj.PossessionNotProved, wpj.StateRegistered},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				w := newWorld(t, func(c *observation.Config) {
					proving(c)
				})
				w.agent.prove = test.prove
				w.agent.answers(evidence)
				reading := w.read()
				if got := reading.Evidence[0].Possession; got != test.want || reading.Identity.State != test.state {
					t.Errorf("%q, %s (%s)", got, reading.Identity.State, reading.Identity.Detail)
				}
			})
		}
	}
}

// With a key whose signatures usher does not know, nothing is proved, and nothing refuted either.
func TestNoProofWithAnUnknownKindOfKey(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	evidence, _ := registered(t, entra.Device{Key: key})
	w := newWorld(t, func(c *observation.Config) {
		proving(c)
	})
	w.agent.prove = func([]byte) ([]byte, error) {
		t.Error("asked for a proof")
		return nil, nil
	}
	w.agent.answers(evidence)
	reading := w.read()
	if got := reading.Evidence[0].Possession; got != wpj.PossessionNotProved ||
		reading.Identity.State != wpj.StateRegistered {
		t.Errorf("%q, %s (%s)", got, reading.Identity.State, reading.Identity.Detail)
	}
}

// Several certificates: a refuted one says nothing about the others, and a source that this version does not know is no
// bypass.
func TestProofOfSeveral(t *testing.T) {
	leftover, _ := registered(t, entra.Device{}.Expired())
	current, issued := registered(t, entra.Device{})
	for name, certificates := range map[string][]wpj.HeldCertificate{
		"current first": {current.Certificates[0], leftover.Certificates[0]},
		"current last":  {leftover.Certificates[0], current.Certificates[0]},
	} {
		for _, source := range []wpj.Source{wpj.SourceLoginKeychain, ""} {
			t.Run(name+" in "+string(source), func(t *testing.T) {
				w := newWorld(t, func(c *observation.Config) {
					proving(c)
				})
				// Only the current key is there, and signs any challenge.
				w.agent.prove = func(nonce []byte) ([]byte, error) {
					return issued.Key.Sign(rand.Reader, wpj.Challenge(nonce), crypto.SHA256)
				}
				w.agent.answers(wpj.Evidence{Source: source, Finding: wpj.Found, UserPrincipalName: "jane@example.com",
					Certificates: certificates})
				reading := w.read()
				if got := reading.Evidence[0].Possession; got != wpj.PossessionProved ||
					reading.Identity.State != wpj.StateRegistered {
					t.Errorf("%q, %s (%s)", got, reading.Identity.State, reading.Identity.Detail)
				}
				for _, held := range reading.Evidence[0].Certificates {
					if held.HasPrivateKey != bytes.Equal(held.DER, issued.DER) {
						t.Errorf("has private key: %t", held.HasPrivateKey)
					}
				}
			})
		}
	}
}

// No proof is asked for sources without a key in the keychain, for certificates without one, and for nothing.
func TestProofIsAskedOnlyOfKeysInTheKeychain(t *testing.T) {
	evidence, _ := registered(t, entra.Device{})
	keyless, elsewhere, broken := evidence, evidence, evidence
	keyless.Certificates = []wpj.HeldCertificate{{DER: evidence.Certificates[0].DER}}
	elsewhere.Source, elsewhere.PlatformSSO = wpj.SourcePlatformSSO, &wpj.PlatformSSO{RegistrationCompleted: true}
	broken.Certificates = []wpj.HeldCertificate{{DER: []byte("no certificate"), HasPrivateKey: true}}
	w := newWorld(t, func(c *observation.Config) {
		proving(c)
	})
	w.agent.prove = func([]byte) ([]byte, error) {
		t.Error("asked for a proof")
		return nil, nil
	}
	for _, one := range []wpj.Evidence{keyless, elsewhere, broken, locked(), nothing()} {
		w.agent.answers(one)
		if got := w.read().Evidence[0].Possession; got != "" {
			t.Errorf("%s: possession %q", one.Source, got)
		}
	}
}

// Jamf Pro's last answer is read again from the journal, by every look.
func TestReadRemembersJamfPro(t *testing.T) {
	w := newWorld(t, nil)
	said := wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.Found,
		Compliance: &wpj.Compliance{Applicable: true, State: "COMPLIANT"}}
	away := wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleUnavailable}
	last := func(reading observation.Reading) (of []wpj.Evidence) {
		for _, one := range reading.Evidence {
			if one.Source == wpj.SourceJamfPro {
				of = append(of, one)
			}
		}
		return of
	}
	before := w.read()
	if got := last(before); len(got) != 0 {
		t.Errorf("before it was asked: %+v", got)
	}
	w.keep(w.observer.WithJamfPro(before, said))
	if got := last(before); len(got) != 0 {
		t.Errorf("the first reading was changed: %+v", got)
	}
	reading := w.read()
	for step, answer := range []wpj.Evidence{said, away} {
		reading = w.observer.WithJamfPro(reading, answer)
		if got := last(reading); len(got) != 1 || got[0].Compliance == nil {
			t.Errorf("step %d: %+v", step, got)
		}
	}
}

func TestReadReturnsTheAgentsError(t *testing.T) {
	w := newWorld(t, nil)
	w.agent.err = errors.New("no")
	if _, err := w.observer.Read(t.Context(), w.agent, janeUser); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	w.agent.hang = true
	if _, err := w.observer.Read(ctx, w.agent, janeUser); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hung: %v", err)
	}
}

// The journal keeps since when the user is asked to sign in again, so that a restart of usherd does not reset it.
func TestKeysHistoryIsKept(t *testing.T) {
	asked := wpj.Evidence{Source: wpj.SourcePlatformSSO, Finding: wpj.Found, PlatformSSO: &wpj.PlatformSSO{
		Device: wpj.SectionRead, UserSection: wpj.SectionRead, RegistrationCompleted: true,
		User: "POUserStateNeedsNewKeys (1)", ExtensionID: wpj.MicrosoftExtension,
	}}
	normal := asked
	normal.PlatformSSO = &wpj.PlatformSSO{
		Device: wpj.SectionRead, UserSection: wpj.SectionRead, RegistrationCompleted: true,
		User: "POUserStateNormal (0)", ExtensionID: wpj.MicrosoftExtension,
	}
	w := newWorld(t, nil)
	var got observation.Reading
	for i, evidence := range []wpj.Evidence{asked, asked, normal, asked, normal, asked} {
		w.agent.answers(evidence)
		w.observer = observation.New(observation.Config{Store: w.store})
		got = w.read()
		w.keep(got)
		if want := i == 5; (got.Identity.State == wpj.StateNeedsKeys) != want {
			t.Errorf("look %d: %s, %+v", i, got.Identity.State, got.Keys)
		}
	}
	if again := w.observer.WithJamfPro(got,
		wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.NotThere}); again.Identity.State != wpj.StateNeedsKeys {
		t.Errorf("with what Jamf Pro says: %s", again.Identity.State)
	}
}

// While a user cannot be looked at, the identity that was seen last is kept beside the evidence of that.
func TestLastKnownIdentityStays(t *testing.T) {
	w := newWorld(t, nil)
	evidence, _ := registered(t, entra.Device{})
	for _, step := range []struct {
		name     string
		answer   wpj.Evidence
		state    wpj.State
		lastKept wpj.State
	}{
		{"nobody could look yet", locked(), wpj.StateUnreadable, ""},
		{"registered", evidence, wpj.StateRegistered, ""},
		{"locked", locked(), wpj.StateUnreadable, wpj.StateRegistered},
		{"still locked", locked(), wpj.StateUnreadable, wpj.StateRegistered},
		{"gone", nothing(), wpj.StateNotRegistered, ""},
		{"locked again", locked(), wpj.StateUnreadable, wpj.StateNotRegistered},
	} {
		w.agent.answers(step.answer)
		kept := w.keep(w.read())
		var last wpj.State
		if kept.LastKnown != nil {
			last = kept.LastKnown.State
		}
		if kept.Identity.State != step.state || last != step.lastKept {
			t.Errorf("%s: %s, last known %s; want %s, %s", step.name, kept.Identity.State, last, step.state,
				step.lastKept)
		}
	}
}

// A deleted account and another one that has got its uid are not one person.
func TestAnotherPersonWithTheSameUIDStartsOver(t *testing.T) {
	w := newWorld(t, nil)
	evidence, _ := registered(t, entra.Device{})
	w.agent.answers(evidence)
	w.keep(w.read())
	w.agent.answers(locked())
	reading := w.read()
	err := w.store.Update(func(tx *store.Tx) error {
		kept, err := w.observer.Keep(tx, accounts.User{Name: "john", UID: jane}, reading)
		if kept.User.Name != "john" || kept.LastKnown != nil || kept.DeviceID != "" {
			t.Errorf("of john it is known: %+v", kept)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestForgottenUserComesBackWithTheNextLook(t *testing.T) {
	w := newWorld(t, nil)
	w.keep(w.read())
	if err := w.store.Update(func(tx *store.Tx) error { return w.observer.Forget(tx, janeUser) }); err != nil {
		t.Fatal(err)
	}
	if known, err := w.observer.Of(jane); known != nil || err != nil {
		t.Errorf("known: %+v, %v", known, err)
	}
	if kept := w.keep(w.read()); kept.FirstLookedAt.IsZero() || kept.Identity.State != wpj.StateNotRegistered {
		t.Errorf("then: %+v", kept)
	}
}
