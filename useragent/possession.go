package useragent

import (
	"context"
	"fmt"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/keychain"
)

// nonceLength is how many bytes the helper's challenge has.
const nonceLength = 32

// loginKeychain is what is asked of [keychain.Keychain] beyond what the identity source reads.
type loginKeychain interface {
	Certificates(ctx context.Context) ([]keychain.Certificate, error)
	Sign(ctx context.Context, publicKeyHash string, digest []byte) ([]byte, error)
	Compare(ctx context.Context) ([]string, error)
}

// ProvePossession implements usherv1.UserAgentServiceServer. It signs with the key of a device certificate alone, and
// nothing but the challenge.
func (s *server) ProvePossession(ctx context.Context,
	request *usherv1.ProvePossessionRequest) (*usherv1.ProvePossessionResponse, error) {
	if len(request.GetNonce()) != nonceLength {
		return nil, fmt.Errorf("%w: nonce must be %d bytes, and has %d", errInvalid, nonceLength,
			len(request.GetNonce()))
	}
	certificates, err := s.Keychain.Certificates(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: look for device certificate: %w", errKeychain, err)
	}
	for _, found := range certificates {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		certificate, err := wpj.ParseCertificate(found.DER)
		if err != nil || string(certificate.Thumbprint) != request.GetThumbprint() {
			continue
		}
		if certificate.PublicKey == nil { // with such a key signing takes long too, and the helper does not ask for it
			return nil, fmt.Errorf("%w: the key of this certificate cannot be verified: %w", errInvalid,
				certificate.KeyProblem)
		}
		signature, err := s.Keychain.Sign(ctx, certificate.PublicKeyHash, wpj.Challenge(request.GetNonce()))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errKeychain, err)
		}
		return &usherv1.ProvePossessionResponse{Signature: signature}, nil
	}
	return nil, fmt.Errorf("%w: thumbprint is of no device certificate in the login keychain", errInvalid)
}
