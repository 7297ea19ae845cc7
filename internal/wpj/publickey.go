package wpj

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"

	"usher.internal/internal/ber"
)

const (
	oidRSA           = "1.2.840.113549.1.1.1"
	oidEllipticCurve = "1.2.840.10045.2.1"
)

// curves are those of which the standard library verifies signatures (RFC 5480).
var curves = map[string]elliptic.Curve{
	"1.3.132.0.33":        elliptic.P224(),
	"1.2.840.10045.3.1.7": elliptic.P256(),
	"1.3.132.0.34":        elliptic.P384(),
	"1.3.132.0.35":        elliptic.P521(),
}

// The sizes of an RSA key, in bits, with which signatures are verified: crypto/rsa refuses smaller ones, and OpenSSL larger ones
// (OPENSSL_RSA_MAX_MODULUS_BITS), with which a user could keep usherd busy.
const (
	smallestRSA = 1024
	largestRSA  = 16384
)

// publicKey is the subject's public key.
type publicKey struct {
	// key is nil where no signature of it can be verified.
	key crypto.PublicKey
	// encoded is the PKCS#1 structure of an RSA key, or the point of an elliptic one.
	encoded []byte
}

// hash is Apple's kSecAttrPublicKeyHash [MSID].
func (k publicKey) hash() string {
	sum := sha1.Sum(k.encoded)
	return hex.EncodeToString(sum[:])
}

// readPublicKey reads the inside of a SubjectPublicKeyInfo.
func readPublicKey(info cursor) (publicKey, error) {
	algorithm, err := info.sequence()
	if err != nil {
		return publicKey{}, fmt.Errorf("algorithm: %w", err)
	}
	oid, err := algorithm.oid()
	if err != nil {
		return publicKey{}, fmt.Errorf("algorithm: %w", err)
	}
	element, err := info.universal(asn1.TagBitString)
	if err != nil {
		return publicKey{}, err
	}
	bits, err := element.Bits()
	if err != nil {
		return publicKey{}, err
	}
	read := publicKey{encoded: bits.RightAlign()}
	switch oid {
	case oidRSA:
		if key := rsaKey(read.encoded); key != nil {
			read.key = key
		}
	case oidEllipticCurve:
		named, err := algorithm.oid()
		if err != nil || curves[named] == nil { // an unknown curve, or one that is spelled out
			break
		}
		if key, err := ecdsa.ParseUncompressedPublicKey(curves[named], read.encoded); err == nil {
			read.key = key
		}
	}
	return read, info.end("after the key")
}

// rsaKey reads a PKCS#1 RSAPublicKey; nil for one that is of no use. A modulus without its leading zero, which is a negative
// number, is taken as it was meant, as OpenSSL does.
func rsaKey(encoded []byte) *rsa.PublicKey {
	outer := cursor{encoded}
	inner, err := outer.sequence()
	if err != nil {
		return nil
	}
	modulus, err := inner.universal(asn1.TagInteger)
	if err != nil {
		return nil
	}
	exponent, err := inner.universal(asn1.TagInteger)
	if err != nil {
		return nil
	}
	n, e := unsigned(modulus), unsigned(exponent)
	if n.BitLen() < smallestRSA || n.BitLen() > largestRSA || n.Bit(0) == 0 || !e.IsInt64() || e.Int64() < 3 || e.Int64() > math.MaxInt32 || e.Bit(0) == 0 {
		return nil
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}
}

func unsigned(integer ber.Element) *big.Int { return new(big.Int).SetBytes(integer.Content) }
