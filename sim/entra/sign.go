package entra

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"
)

// toBeSigned is a TBSCertificate (RFC 5280). It is built here because crypto/x509 makes no certificate with a negative
// serial number.
type toBeSigned struct {
	Version      int `asn1:"explicit,tag:0"`
	SerialNumber asn1.RawValue
	Algorithm    pkix.AlgorithmIdentifier
	Issuer       asn1.RawValue
	Validity     struct{ NotBefore, NotAfter time.Time }
	Subject      asn1.RawValue
	PublicKey    asn1.RawValue
	Extensions   []pkix.Extension `asn1:"explicit,tag:3"`
}

type signed struct {
	TBS       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

// sha256WithRSA is Entra's signature algorithm.
var sha256WithRSA = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11},
	Parameters: asn1.NullRawValue}

// sign makes the certificate of a device whose fields are all set.
func (ca *CA) sign(device *Device) ([]byte, error) {
	tbs := toBeSigned{
		Version:      2, // this means X.509 v3
		SerialNumber: asn1.RawValue{Tag: asn1.TagInteger, Bytes: device.SerialNumber},
		Algorithm:    sha256WithRSA,
		Issuer:       asn1.RawValue{FullBytes: ca.certificate.RawSubject},
	}
	tbs.Validity.NotBefore, tbs.Validity.NotAfter = device.NotBefore.UTC(), device.NotAfter.UTC()
	subject, err := asn1.Marshal(pkix.Name{CommonName: device.CommonName}.ToRDNSequence())
	if err != nil {
		return nil, fmt.Errorf("encode subject: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(device.Key.Public())
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	tbs.Subject, tbs.PublicKey = asn1.RawValue{FullBytes: subject}, asn1.RawValue{FullBytes: public}
	if tbs.Extensions, err = device.extensions(); err != nil {
		return nil, err
	}
	encoded, err := asn1.Marshal(tbs)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(encoded)
	signature, err := rsa.SignPKCS1v15(rand.Reader, ca.key, crypto.SHA256, digest[:])
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(signed{asn1.RawValue{FullBytes: encoded}, sha256WithRSA,
		asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
}
