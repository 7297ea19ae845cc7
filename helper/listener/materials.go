package listener

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"

	"usher.internal/internal/privatefile"
	"usher.internal/internal/trust"
)

// maximumFileBytes is larger than any meaningful file of certificates.
const maximumFileBytes = 1 << 20

// materials are the certificates in use. New ones take effect at the next handshake, and new authorities at the next
// call.
type materials struct{ now atomic.Pointer[material] }

type material struct {
	own     tls.Certificate
	clients *x509.CertPool
}

func (m *materials) current() *material { return m.now.Load() }

// load reads the files. If they cannot be used, the earlier ones remain in use.
func (m *materials) load(settings Settings) error {
	read, err := readMaterial(settings)
	if err != nil {
		return err
	}
	m.now.Store(read)
	return nil
}

func readMaterial(settings Settings) (*material, error) {
	certificate, err := trust.Certificates.Read(settings.CertificateFile, maximumFileBytes)
	if err != nil {
		return nil, fmt.Errorf("listener.certificate_file: %w", err)
	}
	key, _, err := privatefile.Read(settings.KeyFile, maximumFileBytes)
	if err != nil {
		return nil, fmt.Errorf("listener.key_file: %s: %w", settings.KeyFile, err)
	}
	read := &material{clients: x509.NewCertPool()}
	if read.own, err = tls.X509KeyPair(certificate, key); err != nil {
		return nil, fmt.Errorf("listener.certificate_file %s with listener.key_file %s: %w", settings.CertificateFile,
			settings.KeyFile, err)
	}
	authorities, err := trust.Certificates.Read(settings.ClientCAFile, maximumFileBytes)
	if err != nil {
		return nil, fmt.Errorf("listener.client_ca_file: %w", err)
	}
	if !read.clients.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("listener.client_ca_file: %s holds no certificate in PEM", settings.ClientCAFile)
	}
	return read, nil
}

// handshake is gRPC's, with the certificates that are current at each handshake. It requires TLS 1.3 and resumes no
// earlier handshake, so that each connection has shown its certificate.
type handshake struct {
	credentials.TransportCredentials
	mayAsk  func(certificate *x509.Certificate) (name string, allowed bool)
	refused func(from net.Addr, err error)
}

// errNoPlace: the connection has lost its place to another one, or gets none.
var errNoPlace = errors.New("there is no place for the connection")

func newHandshake(materials *materials, mayAsk func(certificate *x509.Certificate) (name string, allowed bool),
	refused func(from net.Addr, err error)) *handshake {
	return &handshake{mayAsk: mayAsk, refused: refused, TransportCredentials: credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if !hello.Conn.(*place).greets() { // before anything is computed for it
				return nil, errNoPlace
			}
			now := materials.current()
			return &tls.Config{
				MinVersion:             tls.VersionTLS13,
				Certificates:           []tls.Certificate{now.own},
				ClientAuth:             tls.RequireAndVerifyClientCert,
				ClientCAs:              now.clients,
				NextProtos:             []string{"h2"},
				SessionTicketsDisabled: true,
			}, nil
		},
	})}
}

// shownCertificates are the certificates of a call's connection.
type shownCertificates struct {
	credentials.TLSInfo
	place *place
}

// ServerHandshake implements [credentials.TransportCredentials] for connections of [places].
func (h *handshake) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	connection, info, err := h.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		h.refused(raw.RemoteAddr(), err)
		return nil, nil, err
	}
	shown := shownCertificates{TLSInfo: info.(credentials.TLSInfo), place: raw.(*place)}
	if name, allowed := h.mayAsk(shown.State.PeerCertificates[0]); allowed && !shown.place.isOf(name) {
		h.refused(raw.RemoteAddr(), errNoPlace)
		return nil, nil, errNoPlace
	}
	return connection, shown, nil
}

// check returns an error unless a client's certificates, the leaf first, are still valid: in time, and of the current
// authorities.
func (m *materials) check(chain []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, one := range chain[1:] {
		between.AddCert(one)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: m.current().clients, Intermediates: between, CurrentTime: time.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err
}
