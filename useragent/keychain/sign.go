//go:build linux || simkeychain

package keychain

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
)

// sign signs a SHA-256 with a private key in PKCS #8: PKCS #1 v1.5 with RSA, ASN.1 with an elliptic curve.
func sign(pkcs8, digest []byte) ([]byte, error) {
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, errors.New("read private key: it is not PKCS #8") // the cause could contain a part of the key
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("sign with a %T: %w", key, errors.ErrUnsupported)
	}
	signature, err := signer.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}
