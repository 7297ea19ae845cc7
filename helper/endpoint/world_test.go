package endpoint_test

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher.internal/helper/endpoint"
	"usher.internal/helper/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const host = "login.example.com"

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey,
	key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func authorityTemplate(name pkix.Name) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: name, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:  x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-365 * 24 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
	}
}

func newRoot(t testing.TB, name pkix.Name) authority {
	t.Helper()
	key, template := newKey(t), authorityTemplate(name)
	return authority{sign(t, template, template, key.Public(), key), key}
}

// below returns an authority that this one has signed.
func (a authority) below(t testing.TB, name pkix.Name, change ...func(*x509.Certificate)) authority {
	t.Helper()
	key, template := newKey(t), authorityTemplate(name)
	for _, one := range change {
		one(template)
	}
	return authority{sign(t, template, a.certificate, key.Public(), a.key), key}
}

// issue returns a server's certificate for the host; the server sends the certificates in with after it.
func (a authority) issue(t testing.TB, with []authority, change ...func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x7f112233), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	for _, one := range change {
		one(template)
	}
	key := newKey(t)
	issued := &tls.Certificate{PrivateKey: key,
		Certificate: [][]byte{sign(t, template, a.certificate, key.Public(), a.key).Raw}}
	for _, one := range with {
		issued.Certificate = append(issued.Certificate, one.certificate.Raw)
	}
	return issued
}

// serve accepts on loopback until the test ends, and waits for the connections that it has accepted.
func serve(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer connection.Close(); handle(connection) })
		}
	})
	t.Cleanup(func() { listener.Close(); all.Wait() })
	return listener.Addr().String()
}

// serveTLS answers handshakes. If it requires a certificate, it refuses a client without one in the way of TLS.
func serveTLS(t testing.TB, config *tls.Config) string {
	t.Helper()
	return serve(t, func(connection net.Conn) {
		server := tls.Server(connection, config)
		if server.HandshakeContext(t.Context()) == nil {
			io.Copy(io.Discard, server)
		}
	})
}

func showing(certificate *tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{*certificate}}
}

// leadsTo connects to one address, whatever address is requested.
func leadsTo(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

func pool(authorities ...authority) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, one := range authorities {
		pool.AddCert(one.certificate)
	}
	return pool
}

// connectProxy is a proxy that tunnels everything to one address. It requires this user; empty means none.
type connectProxy struct {
	target, user, password string
	// answer is sent instead of a tunnel, if it is not empty.
	answer string
	// before is sent into the tunnel first.
	before string

	mu    sync.Mutex
	asked []string
}

func (p *connectProxy) handle(connection net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(connection))
	if err != nil {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, request.Method+" "+request.Host)
	p.mu.Unlock()
	wants := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.password))
	switch {
	case p.answer != "":
		io.WriteString(connection, p.answer)
		return
	case p.user != "" && request.Header.Get("Proxy-Authorization") != wants:
		io.WriteString(connection, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: "+
			"Negotiate\r\nContent-Length: 0\r\n\r\n")
		return
	}
	target, err := net.Dial("tcp", p.target)
	if err != nil {
		io.WriteString(connection, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return
	}
	defer target.Close()
	io.WriteString(connection, "HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n"+p.before)
	var back sync.WaitGroup
	back.Go(func() { io.Copy(connection, target); connection.Close() })
	io.Copy(target, connection)
	target.Close()
	back.Wait()
}

func (p *connectProxy) saw() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// through returns a finder that sends every call through a proxy.
func through(proxyURL string) *proxy.Finder {
	return &proxy.Finder{Configured: func() string { return proxyURL }}
}

func look(t testing.TB, prober endpoint.Prober) endpoint.Answer {
	t.Helper()
	return prober.Look(t.Context(), net.JoinHostPort(host, "443"))
}
