package useragent

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/entra"
	"usher.internal/useragent/keychain"
)

// fakeKeychain holds certificates. It signs by returning the data and the name of the key.
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
	issued, err := ca.Issue(entra.Device{}.NegativeSerial())
	if err != nil {
		t.Fatal(err)
	}
	_, unknown, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	unverified, err := ca.Issue(entra.Device{Key: unknown})
	if err != nil {
		t.Fatal(err)
	}
	held := &fakeKeychain{certificates: []keychain.Certificate{{DER: []byte("somebody else's")}, {DER: issued.DER},
		{DER: unverified.DER}}}
	client := call(t, serverConfig{Keychain: held})
	nonce := make([]byte, 32)
	response, err := client.ProvePossession(t.Context(),
		&usherv1.ProvePossessionRequest{Thumbprint: issued.Thumbprint, Nonce: nonce})
	if want := fmt.Sprintf("%s %x", issued.PublicKeyHash, wpj.Challenge(nonce)); err != nil ||
		string(response.GetSignature()) != want {
		t.Errorf("%q, %v, want %q", response.GetSignature(), err, want)
	}
	for name, request := range map[string]*usherv1.ProvePossessionRequest{
		"no nonce":                   {Thumbprint: issued.Thumbprint},
		"short nonce":                {Thumbprint: issued.Thumbprint, Nonce: make([]byte, 31)},
		"long nonce":                 {Thumbprint: issued.Thumbprint, Nonce: make([]byte, 33)},
		"a key that is not verified": {Thumbprint: unverified.Thumbprint, Nonce: nonce},
		"no such certificate":        {Thumbprint: "00", Nonce: nonce}, "no thumbprint": {Nonce: nonce},
	} {
		_, err := client.ProvePossession(t.Context(), request)
		t.Run(name, func(t *testing.T) {
			wantError(t, err, codes.InvalidArgument, usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT)
		})
	}
	for _, cause := range []error{
		keychain.ErrLocked, keychain.ErrAccessDenied, keychain.ErrUnavailable, keychain.ErrUnsupported,
		keychain.ErrNoKey, errors.New("something else"),
	} {
		for name, broken := range map[string]*fakeKeychain{
			"reading": {err: cause}, "signing": {certificates: held.certificates,
				signErr: fmt.Errorf("sign: %w", cause)},
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
