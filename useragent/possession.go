package useragent

import (
	"context"
	"fmt"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/keychain"
)

// nonceLength is the length of the helper's challenge in bytes.
const nonceLength = 32

// loginKeychain is the keychain's methods that only the server needs, beside those of the identity source.
type loginKeychain interface {
	Certificates(ctx context.Context) ([]keychain.Certificate, error)
	Sign(ctx context.Context, publicKeyHash string, digest []byte) ([]byte, error)
	Compare(ctx context.Context) ([]string, error)
}

// ProvePossession implements usherv1.UserAgentServiceServer. It signs only the challenge, and only with the key of a
// device certificate.
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
		if certificate.PublicKey == nil { // signing with such a key takes long too, and the helper does not ask for it
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
