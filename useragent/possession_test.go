package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/entra"
	"usher.internal/useragent/keychain"
)

// fakeKeychain holds certificates, and signs by returning what it was to sign and with which key.
type fakeKeychain struct {
	certificates []keychain.Certificate
	err          error
	signErr      error
	differences  []string
	compareErr   error
}

func (f *fakeKeychain) Certificates(context.Context) ([]keychain.Certificate, error) {
	return f.certificates, f.err
}

func (f *fakeKeychain) Sign(_ context.Context, hash string, digest []byte) ([]byte, error) {
	if f.signErr != nil {
		return nil, f.signErr
	}
	return fmt.Appendf(nil, "%s %x", hash, digest), nil
}

func (f *fakeKeychain) Compare(context.Context) ([]string, error) { return f.differences, f.compareErr }

func TestProvePossession(t *testing.T) {
	ca, err := entra.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(entra.Device{})
	if err != nil {
		t.Fatal(err)
	}
	held := &fakeKeychain{certificates: []keychain.Certificate{{DER: []byte("somebody else's")}, {DER: issued.DER}}}
	client := call(t, serverConfig{Keychain: held})
	nonce := make([]byte, 32)
	response, err := client.ProvePossession(t.Context(), &usherv1.ProvePossessionRequest{Thumbprint: issued.Thumbprint, Nonce: nonce})
	if want := fmt.Sprintf("%s %x", issued.PublicKeyHash, wpj.Challenge(nonce)); err != nil || string(response.GetSignature()) != want {
		t.Errorf("%q, %v, want %q", response.GetSignature(), err, want)
	}
	for name, request := range map[string]*usherv1.ProvePossessionRequest{
		"no nonce": {Thumbprint: issued.Thumbprint}, "short nonce": {Thumbprint: issued.Thumbprint, Nonce: make([]byte, 31)},
		"long nonce":          {Thumbprint: issued.Thumbprint, Nonce: make([]byte, 33)},
		"no such certificate": {Thumbprint: "00", Nonce: nonce}, "no thumbprint": {Nonce: nonce},
	} {
		_, err := client.ProvePossession(t.Context(), request)
		t.Run(name, func(t *testing.T) {
			wantError(t, err, codes.InvalidArgument, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT)
		})
	}
	for _, cause := range []error{
		keychain.ErrLocked, keychain.ErrAccessDenied, keychain.ErrUnavailable, keychain.ErrUnsupported, keychain.ErrNoKey, errors.New("something else"),
	} {
		for name, broken := range map[string]*fakeKeychain{
			"reading": {err: cause}, "signing": {certificates: held.certificates, signErr: fmt.Errorf("sign: %w", cause)},
		} {
			t.Run(fmt.Sprintf("%s: %v", name, cause), func(t *testing.T) {
				response, err := call(t, serverConfig{Keychain: broken}).ProvePossession(t.Context(),
					&usherv1.ProvePossessionRequest{Thumbprint: issued.Thumbprint, Nonce: nonce})
				wantError(t, err, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE)
				if response.GetSignature() != nil {
					t.Errorf("signed all the same: %q", response.GetSignature())
				}
			})
		}
	}
}

// seen is a source that says what it is told to.
type seen wpj.Evidence

func (s seen) Look(context.Context) wpj.Evidence { return wpj.Evidence(s) }

func TestExamineSession(t *testing.T) {
	const ok, warning, failed, notApplicable = usherv1.CheckResult_CHECK_RESULT_OK, usherv1.CheckResult_CHECK_RESULT_WARNING,
		usherv1.CheckResult_CHECK_RESULT_FAILED, usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE
	sources := []identitySource{
		seen{Source: wpj.SourceLoginKeychain, Finding: wpj.Found, Detail: "One."},
		seen{Source: wpj.SourcePlatformSSO, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleFailed, Detail: "broken"},
		seen{Source: wpj.SourceSecureEnclave, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleUnsupported, Detail: "too old"},
	}
	for name, test := range map[string]struct {
		keychain *fakeKeychain
		agree    usherv1.CheckResult
	}{
		"one way":        {&fakeKeychain{compareErr: fmt.Errorf("%w: here", keychain.ErrUnsupported)}, notApplicable},
		"they agree":     {&fakeKeychain{}, ok},
		"they differ":    {&fakeKeychain{differences: []string{"One.", "Two."}}, warning},
		"not comparable": {&fakeKeychain{compareErr: errors.New("no")}, warning},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := call(t, serverConfig{Sources: sources, Keychain: test.keychain}).ExamineSession(t.Context(), &usherv1.ExamineSessionRequest{})
			if err != nil || len(response.GetChecks()) != 4 {
				t.Fatalf("%v, %v", response, err)
			}
			for i, want := range []usherv1.CheckResult{ok, failed, warning, test.agree} {
				check := response.GetChecks()[i]
				if check.GetResult() != want || check.GetName() == "source-" || check.GetEvidence() == "" || (want == failed) && check.GetFix() == "" {
					t.Errorf("%v, want %s", check, want)
				}
			}
			check := response.GetChecks()[3]
			if check.GetName() != "keychain-readings-agree" || !strings.Contains(check.GetEvidence(), strings.Join(test.keychain.differences, " ")) {
				t.Errorf("%v", check)
			}
		})
	}
}

// Each source has a check of its own, and each obstacle its fix.
func TestExamineSessionNamesEverySourceAndObstacle(t *testing.T) {
	names := map[string]bool{}
	for source := range checkNames {
		for _, obstacle := range []wpj.Obstacle{
			wpj.ObstacleLocked, wpj.ObstacleAccessDenied, wpj.ObstacleUnavailable, wpj.ObstacleUnsupported, wpj.ObstacleFailed,
		} {
			s := newServer(serverConfig{
				Sources:  []identitySource{seen{Source: source, Finding: wpj.CouldNotLook, Obstacle: obstacle, Detail: "because"}},
				Keychain: &fakeKeychain{},
			})
			response, err := s.ExamineSession(t.Context(), &usherv1.ExamineSessionRequest{})
			if err != nil || len(response.GetChecks()) != 2 {
				t.Fatalf("%v, %v", response, err)
			}
			check := response.GetChecks()[0]
			names[check.GetName()] = true
			want := usherv1.CheckResult_CHECK_RESULT_FAILED
			if obstacle == wpj.ObstacleUnsupported {
				want = usherv1.CheckResult_CHECK_RESULT_WARNING
			}
			if check.GetResult() != want || check.GetFix() == "" || check.GetEvidence() != string(obstacle)+": because" || !strings.Contains(check.GetTitle(), string(source)) {
				t.Errorf("%s, %s: %v", source, obstacle, check)
			}
		}
	}
	if len(names) != len(checkNames) {
		t.Errorf("%d names for %d sources: %v", len(names), len(checkNames), names)
	}
}
