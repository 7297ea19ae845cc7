package entra

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// keyBits is the size of Microsoft's and of the devices' RSA keys.
const keyBits = 2048

// CA is an authority with a key of its own: certificates of two of them differ only in their signature. Its methods may
// be called from several goroutines.
type CA struct {
	certificate *x509.Certificate
	key         *rsa.PrivateKey
}

// NewCA makes an authority with a new key, valid for 20 years around now.
func NewCA() (*CA, error) {
	name, err := IssuerName()
	if err != nil {
		return nil, err
	}
	return newCA(name)
}

// NewForeignCA makes an authority that issues the same certificates under a name of its own, as AD FS does.
func NewForeignCA() (*CA, error) {
	name, err := asn1.Marshal(pkix.Name{CommonName: "Somebody else's device registration"}.ToRDNSequence())
	if err != nil {
		return nil, fmt.Errorf("encode issuer: %w", err)
	}
	return newCA(name)
}

func newCA(name []byte) (*CA, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make key of authority: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		RawSubject:            name,
		NotBefore:             now.AddDate(-10, 0, 0),
		NotAfter:              now.AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate of authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read certificate of authority: %w", err)
	}
	return &CA{certificate: certificate, key: key}, nil
}

// Certificate returns the authority's own certificate.
func (ca *CA) Certificate() *x509.Certificate { return ca.certificate }

var (
	oidCommonName         = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidOrganizationalUnit = asn1.ObjectIdentifier{2, 5, 4, 11}
	oidDomainComponent    = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}
)

// IssuerName returns the issuer of every device certificate as DER:
// DC=net+DC=windows+CN=MS-Organization-Access+OU=82dbaca4-3e81-46ca-9c73-0950c1eaca97. This is one relative
// distinguished name of four values; other authorities have four of one value each [FL-DOC].
func IssuerName() ([]byte, error) {
	name, err := asn1.Marshal(pkix.RDNSequence{{
		{Type: oidDomainComponent, Value: ia5("net")},
		{Type: oidDomainComponent, Value: ia5("windows")},
		{Type: oidCommonName, Value: "MS-Organization-Access"},
		{Type: oidOrganizationalUnit, Value: "82dbaca4-3e81-46ca-9c73-0950c1eaca97"},
	}})
	if err != nil {
		return nil, fmt.Errorf("encode issuer: %w", err)
	}
	return name, nil
}

// ia5 is a domain component's value: an IA5String, as RFC 4519 says.
func ia5(text string) asn1.RawValue {
	return asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(text)}
}
