package observation_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"math"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/observation"
	"usher.internal/internal/accounts"
	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

// publicOnly is a key with only its public half.
type publicOnly struct{ *rsa.PublicKey }

func (p publicOnly) Public() crypto.PublicKey { return p.PublicKey }

func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no private key")
}

func proving(c *observation.Config) {
	settings := c.Settings()
	settings.ProofOfPossession = true
	c.Settings = func() observation.Settings { return settings }
}

// Keys with which verifying takes minutes are never used: nothing is asked, nothing is proved, and the evidence says
// why.
func TestNoProofWithAKeyThatTakesLong(t *testing.T) {
	for name, key := range map[string]*rsa.PublicKey{
		"its RSA key has 16384 bits":    {N: new(big.Int).SetBit(big.NewInt(1), 16383, 1), E: 65537},
		"neither 3 nor 65537":           {N: new(big.Int).SetBit(big.NewInt(1), 2047, 1), E: math.MaxInt32},
		"its RSA key has 1048576 bits":  {N: new(big.Int).SetBit(big.NewInt(1), 1<<20-1, 1), E: 3},
		"the modulus of its RSA key is": {N: new(big.Int).SetBit(new(big.Int), 2047, 1), E: 3},
	} {
		t.Run(name, func(t *testing.T) {
			evidence, _ := registered(t, entra.Device{Key: publicOnly{key}})
			w := newWorld(t, proving)
			w.agent.prove = func([]byte) ([]byte, error) {
				t.Error("asked for a proof")
				return make([]byte, key.Size()), nil
			}
			w.agent.answers(evidence)
			reading := w.read()
			got := reading.Evidence[0]
			if got.Possession != wpj.PossessionNotProved || !strings.Contains(got.Detail, "could not be verified: ") ||
				!strings.Contains(got.Detail, name) {
				t.Errorf("possession %q, %q", got.Possession, got.Detail)
			}
		})
	}
}

// However many keys an agent names, only a few proofs are asked for: those of the certificates that are valid longest.
func TestProofsOfOneLookAreBounded(t *testing.T) {
	current, issued := registered(t, entra.Device{})
	key := issued.Key
	var many wpj.Evidence
	for range 40 {
		expired, _ := registered(t, entra.Device{Key: key}.Expired())
		expired.Certificates = append(many.Certificates, expired.Certificates...)
		many = expired
	}
	many.Certificates = append(many.Certificates, current.Certificates...)
	w := newWorld(t, proving)
	asked := 0
	w.agent.prove = func(nonce []byte) ([]byte, error) {
		asked++
		return key.Sign(rand.Reader, wpj.Challenge(nonce), crypto.SHA256)
	}
	w.agent.answers(many, many, many)
	reading := w.read()
	if asked != 8 || reading.Evidence[0].Possession != wpj.PossessionProved ||
		reading.Identity.State != wpj.StateRegistered {
		t.Errorf("asked %d times, possession %q, %s (%s)", asked, reading.Evidence[0].Possession,
			reading.Identity.State, reading.Identity.Detail)
	}
}

// A signature of any length is refuted without being read.
func TestLongSignatureIsRefuted(t *testing.T) {
	evidence, _ := registered(t, entra.Device{}.P256())
	w := newWorld(t, proving)
	w.agent.prove = func([]byte) ([]byte, error) { return make([]byte, 900_000), nil }
	w.agent.answers(evidence)
	if got := w.read().Evidence[0].Possession; got != wpj.PossessionRefuted {
		t.Errorf("possession %q", got)
	}
}

// Proving ends with the context of the look, after the proof that is under way.
func TestProvingEndsWithItsContext(t *testing.T) {
	both, all := twoTenants(t, entra.Device{})
	w := newWorld(t, proving)
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	w.agent.prove = func(nonce []byte) ([]byte, error) {
		asked++
		cancel()
		return all[0].Key.Sign(rand.Reader, wpj.Challenge(nonce), crypto.SHA256)
	}
	w.agent.answers(both)
	if reading, err := w.observer.Read(ctx, w.agent, janeUser); !errors.Is(err, context.Canceled) || asked != 1 {
		t.Errorf("%+v, %v after %d proofs", reading.Identity, err, asked)
	}
}

// A hundred requests to read a user again while one look is under way share one more look, which began after all of
// them.
func TestRequestsToReadAgainAreMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		user := accounts.User{Name: "jane", UID: jane}
		release := w.agent.hold()
		var callers sync.WaitGroup
		read := func(ctx context.Context, want error) {
			callers.Go(func() {
				if _, err := w.observer.ReadAndKeep(ctx, w.agent, user); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			})
		}
		read(t.Context(), nil)
		synctest.Wait()
		leaving, leave := context.WithCancel(t.Context())
		for range 100 {
			read(t.Context(), nil)
			read(leaving, context.Canceled)
		}
		synctest.Wait()
		leave() // they return at once, and do not wait for their result
		synctest.Wait()
		time.Sleep(time.Second)
		release()
		callers.Wait()
		if got := w.agent.count(); got != 2 {
			t.Errorf("looked %d times", got)
		}
	})
}

// A user who asks for a look and goes away, again and again, has one look under way, and none when the last caller has
// gone.
func TestLooksThatNobodyWaitsForEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.hang = true
		session := w.logins.login(jane, w.agent)
		for i := range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			var callers sync.WaitGroup
			for range 10 {
				callers.Go(func() {
					if _, err := w.observer.Look(ctx, session); !errors.Is(err, context.Canceled) {
						t.Errorf("caller that has gone: %v", err)
					}
				})
			}
			synctest.Wait()
			if got := w.agent.count(); got != i+1 {
				t.Fatalf("looked %d times in round %d", got, i)
			}
			cancel()
			callers.Wait()
		}
	})
}
