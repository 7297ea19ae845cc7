package fleetsetup

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"time"
)

// authorityValid is how long the authority is valid, at least: it signs the servers' next certificates too, and every
// Mac has it.
const authorityValid = 10 * 365 * 24 * time.Hour

// clockSkew is how far a Mac's clock may be behind and still accept a new certificate.
const clockSkew = 24 * time.Hour

// authority is the certificate authority of the servers' certificates.
type authority struct {
	certificate            *x509.Certificate
	key                    *ecdsa.PrivateKey
	certificatePEM, keyPEM []byte
}

func newAuthority(organization string, valid time.Duration) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: organization + " usher fleet", Organization: []string{organization}},
		NotBefore: now.Add(-clockSkew),
		NotAfter:  now.Add(max(authorityValid, 2*valid)),
		IsCA:      true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	made := &authority{key: key}
	if made.certificate, made.certificatePEM, err = sign(template, template, key, key); err != nil {
		return nil, fmt.Errorf("make the authority: %w", err)
	}
	if made.keyPEM, err = keyPEM(key); err != nil {
		return nil, err
	}
	return made, nil
}

// server makes the certificate of a server. The other servers of a cluster check it too.
func (a *authority) server(host string, valid time.Duration) (certificate, key []byte, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: host},
		NotBefore:   now.Add(-clockSkew),
		NotAfter:    now.Add(valid),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if address := net.ParseIP(host); address != nil {
		template.IPAddresses = []net.IP{address}
	} else {
		template.DNSNames = []string{host}
	}
	if _, certificate, err = sign(template, a.certificate, pair, a.key); err != nil {
		return nil, nil, fmt.Errorf("make the certificate of %s: %w", host, err)
	}
	key, err = keyPEM(pair)
	return certificate, key, err
}

func sign(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, []byte, error) {
	content, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(content)
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}), err
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	content, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: content}), nil
}
