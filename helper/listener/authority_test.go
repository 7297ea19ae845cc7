package listener_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	// chain is between it and the authority that clients or servers know.
	chain [][]byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	made := &authority{}
	made.key, made.certificate = certificate(t, made, authorityTemplate(name))
	return made
}

// intermediate returns an authority below this one.
func (a *authority) intermediate(t *testing.T, name string) *authority {
	t.Helper()
	key, issued := certificate(t, a, authorityTemplate(name))
	return &authority{certificate: issued, key: key, chain: append([][]byte{issued.Raw}, a.chain...)}
}

func authorityTemplate(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	}
}

// issue returns a certificate for a client and a server. It is valid for an hour, unless changes says otherwise.
func (a *authority) issue(t *testing.T, changes ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, issued := certificate(t, a, changes...)
	return tls.Certificate{Certificate: append([][]byte{issued.Raw}, a.chain...), PrivateKey: key, Leaf: issued}
}

func certificate(t *testing.T, by *authority, changes ...func(*x509.Certificate)) (*ecdsa.PrivateKey,
	*x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, change := range changes {
		change(template)
	}
	parent, signer := by.certificate, by.key
	if parent == nil {
		parent, signer = template, key
	}
	content, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	must(t, err)
	issued, err := x509.ParseCertificate(content)
	must(t, err)
	return key, issued
}

// named gives a certificate subject alternative names; their form decides their kind.
func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, name := range names {
			switch address := net.ParseIP(name); {
			case address != nil:
				c.IPAddresses = append(c.IPAddresses, address)
			case strings.Contains(name, ":"):
				parsed, err := url.Parse(name)
				if err != nil {
					panic(err)
				}
				c.URIs = append(c.URIs, parsed)
			case strings.Contains(name, "@"):
				c.EmailAddresses = append(c.EmailAddresses, name)
			default:
				c.DNSNames = append(c.DNSNames, name)
			}
		}
	}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// encoded returns a certificate with its chain, and its key, in the form of their files.
func encoded(t *testing.T, certificate tls.Certificate) (public, private []byte) {
	t.Helper()
	for _, one := range certificate.Certificate {
		public = append(public, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	must(t, err)
	return public, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
}
