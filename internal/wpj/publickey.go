package wpj

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"math/bits"

	"usher.internal/internal/ber"
)

const (
	oidRSA           = "1.2.840.113549.1.1.1"
	oidEllipticCurve = "1.2.840.10045.2.1"
)

// curves are the curves whose signatures usher verifies (RFC 5480).
var curves = map[string]elliptic.Curve{
	"1.2.840.10045.3.1.7": elliptic.P256(),
	"1.3.132.0.34":        elliptic.P384(),
	"1.3.132.0.35":        elliptic.P521(),
}

// The limits of a key whose signatures usher verifies. A user can put any key into a certificate. The cost of a
// verification grows with the square of the modulus and with the exponent: one signature could take minutes. crypto/rsa
// refuses moduli below smallestRSA.
const (
	smallestRSA = 1024
	largestRSA  = 8192
)

var exponents = []int64{3, 65537}

// publicKey is the subject's public key.
type publicKey struct {
	// key is nil if none of its signatures can be verified; problem then says why.
	key     crypto.PublicKey
	problem error
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
	content, err := element.Bits()
	if err != nil {
		return publicKey{}, err
	}
	read := publicKey{encoded: content.RightAlign()}
	switch oid {
	case oidRSA:
		read.key, read.problem = rsaKey(read.encoded)
	case oidEllipticCurve:
		named, err := algorithm.oid()
		if err != nil {
			named = "(not named)"
		}
		read.key, read.problem = ellipticKey(named, read.encoded)
	default:
		read.problem = fmt.Errorf("its algorithm is %s, neither RSA nor an elliptic curve", oid)
	}
	return read, info.end("after the key")
}

// ellipticKey reads a point of a named curve. The error says why it cannot be used.
func ellipticKey(named string, encoded []byte) (crypto.PublicKey, error) {
	curve := curves[named]
	if curve == nil {
		return nil, fmt.Errorf("its curve is %s, not P-256, P-384 or P-521", named)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, encoded) // looks at the length first
	if err != nil {
		return nil, fmt.Errorf("it is not a point of its curve, %s", curve.Params().Name)
	}
	return key, nil
}

// rsaKey reads a PKCS#1 RSAPublicKey. The error says why it cannot be used. It checks lengths before it makes any
// number.
func rsaKey(encoded []byte) (crypto.PublicKey, error) {
	outer := cursor{encoded}
	inner, err := outer.sequence()
	if err != nil {
		return nil, fmt.Errorf("it is not an RSA key: %w", err)
	}
	modulus, err := positive(&inner)
	if err != nil {
		return nil, fmt.Errorf("the modulus of its RSA key: %w", err)
	}
	exponent, err := positive(&inner)
	if err != nil {
		return nil, fmt.Errorf("the exponent of its RSA key: %w", err)
	}
	if size := bitLength(modulus); size < smallestRSA || size > largestRSA {
		return nil, fmt.Errorf("its RSA key has %d bits, not %d to %d", size, smallestRSA, largestRSA)
	}
	if modulus[len(modulus)-1]&1 == 0 {
		return nil, errors.New("the modulus of its RSA key is even")
	}
	for _, allowed := range exponents {
		if e := big.NewInt(allowed); bitLength(exponent) == e.BitLen() && e.Cmp(new(big.Int).SetBytes(exponent)) == 0 {
			return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(allowed)}, nil
		}
	}
	return nil, fmt.Errorf("the public exponent of its RSA key, of %d bits, is neither 3 nor 65537",
		bitLength(exponent))
}

// positive reads an INTEGER above zero and returns its digits, the first of which is not zero.
func positive(from *cursor) ([]byte, error) {
	integer, err := from.universal(asn1.TagInteger)
	switch {
	case err != nil:
		return nil, err
	case integer.Constructed || len(integer.Content) == 0:
		return nil, ber.ErrTruncated
	case integer.Content[0]&0x80 != 0:
		return nil, errors.New("it is negative")
	}
	digits := integer.Content
	for len(digits) > 0 && digits[0] == 0 {
		digits = digits[1:]
	}
	if len(digits) == 0 {
		return nil, errors.New("it is zero")
	}
	return digits, nil
}

// bitLength is the length of digits without leading zeros.
func bitLength(digits []byte) int { return 8*(len(digits)-1) + bits.Len8(digits[0]) }
