//go:build linux

package e2e

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/entra"
)

// heavyKey is a public key that makes the verification of one signature slow. Nobody has its private half.
type heavyKey struct{ *rsa.PublicKey }

func (k heavyKey) Public() crypto.PublicKey { return k.PublicKey }

func (heavyKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no private key")
}

// heavyEvidence names as many certificates with such keys as one answer can hold.
var heavyEvidence = sync.OnceValues(func() ([]*usherv1.Evidence, error) {
	ca, err := entra.NewCA()
	if err != nil {
		return nil, err
	}
	var evidence []*usherv1.Evidence
	for range 4 {
		one := &usherv1.Evidence{Source: usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN,
			Finding: usherv1.Finding_FINDING_FOUND}
		for range 64 {
			modulus := new(big.Int).SetBit(big.NewInt(1), 16383, 1)
			modulus.SetBit(modulus, 8000, 1)
			issued, err := ca.Issue(entra.Device{Key: heavyKey{&rsa.PublicKey{N: modulus, E: math.MaxInt32}}})
			if err != nil {
				return nil, err
			}
			one.Certificates = append(one.Certificates,
				&usherv1.DeviceCertificate{Der: issued.DER, HasPrivateKey: true})
		}
		evidence = append(evidence, one)
	}
	return evidence, nil
})

// ProvePossession answers with bytes of the length of a signature.
func (l *liar) ProvePossession(context.Context, *usherv1.ProvePossessionRequest) (*usherv1.ProvePossessionResponse,
	error) {
	return &usherv1.ProvePossessionResponse{Signature: append([]byte{1}, make([]byte, 2047)...)}, nil
}

// cpuTime is how long the processors have run usherd (proc_pid_stat(5)).
func (s *story) cpuTime() time.Duration {
	s.t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Helper.PID()))
	s.must(err)
	_, rest, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	user, err := strconv.Atoi(fields[11])
	s.must(err)
	system, err := strconv.Atoi(fields[12])
	s.must(err)
	return time.Duration(user+system) * time.Second / 100 // USER_HZ
}

// An agent names certificates whose keys take minutes to verify with, and its user asks for looks again and again.
// usherd computes nothing with them, gives the reason, and ends when it gets a signal.
func TestHeavyKeysOfAnAgent(t *testing.T) {
	s := newStory(t, map[string]any{"identity.proof_of_possession": true, "identity.look_automatically": false})
	s.Programs.Agent = s.actAs("heavy-keys")
	s.must(s.WriteConfig())
	s.start()
	jane := s.known("h-jane")
	john := s.user("h-john")
	status := usherv1.NewStatusServiceClient(s.client(callerOf(t, jane)))
	before := s.cpuTime()
	ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
	defer cancel()
	var asking sync.WaitGroup
	for range 50 {
		asking.Go(func() { status.GetStatus(ctx, &usherv1.GetStatusRequest{LookAgain: true}) })
	}
	asking.Wait()
	answer, err := status.GetStatus(s.ctx, &usherv1.GetStatusRequest{LookAgain: true})
	s.must(err)
	seen := 0
	for _, one := range answer.GetUsers()[0].GetEvidence() {
		if one.GetSource() != usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN {
			continue
		}
		seen++
		if one.GetPossession() != usherv1.Possession_POSSESSION_NOT_PROVED ||
			!strings.Contains(one.GetDetail(), "could not be verified: its RSA key has 16384 bits") {
			t.Errorf("possession %s, %q", one.GetPossession(), one.GetDetail())
		}
	}
	if seen != 4 {
		t.Errorf("%d pieces of evidence are of the login keychain", seen)
	}
	if took := s.cpuTime() - before; took > 15*time.Second {
		t.Errorf("usherd computed for %s", took)
	} else {
		t.Logf("usherd computed for %s", took)
	}
	s.controlAs(john, 0, "registrations", "list")
	s.unharmed()
	for range 10 {
		asking.Go(func() { status.GetStatus(s.ctx, &usherv1.GetStatusRequest{LookAgain: true}) })
	}
	s.must(s.StopHelper()) // within the time that mac.Process.Stop allows
	asking.Wait()
}
