//go:build linux

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"usher.internal/sim/natsserver"
)

func sum(content []byte) [sha256.Size]byte { return sha256.Sum256(content) }

// openServer is a stock nats-server that lets everybody do everything; its monitoring is on.
type openServer struct {
	URL     string
	monitor string
	// seed is the file of an NKey that the server knows. Everybody else is the user anybody, with the password
	// anything.
	seed string
}

func (s *story) openServer() *openServer {
	s.t.Helper()
	seed, public := s.nkey()
	configuration := filepath.Join(s.t.TempDir(), "open.conf")
	ports := make([]int, 2)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		s.must(err)
		ports[i] = listener.Addr().(*net.TCPAddr).Port
		s.must(listener.Close())
	}
	s.must(os.WriteFile(configuration, fmt.Appendf(nil,
		"listen: 127.0.0.1:%d\nhttp: 127.0.0.1:%d\nauthorization { users: [ { nkey: %s }, { user: anybody, password: "+
			"anything } ] }\n", ports[0], ports[1], public), 0o600))
	server := natsserver.NewServer("127.0.0.1", ports[0], configuration)
	s.t.Cleanup(server.Kill)
	s.must(server.Start(s.ctx))
	return &openServer{URL: fmt.Sprintf("nats://127.0.0.1:%d", ports[0]), seed: seed,
		monitor: fmt.Sprintf("http://127.0.0.1:%d", ports[1])}
}

// subscriptions are the subjects that the server lists for the connection of that name.
func (o *openServer) subscriptions(t *testing.T, ctx context.Context, name string) (all []string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.monitor+"/connz?subs=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var found struct {
		Connections []struct {
			Name          string
			Subscriptions []string `json:"subscriptions_list"`
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&found); err != nil {
		t.Fatal(err)
	}
	for _, connection := range found.Connections {
		if connection.Name == name {
			all = append(all, connection.Subscriptions...)
		}
	}
	return all
}

// nkey makes an NKey, and returns the file of its seed and its public half.
func (s *story) nkey() (file, public string) {
	s.t.Helper()
	pair, err := nkeys.CreateUser()
	s.must(err)
	seed, err := pair.Seed()
	s.must(err)
	public, err = pair.PublicKey()
	s.must(err)
	file = filepath.Join(s.t.TempDir(), "device.nk")
	s.must(os.WriteFile(file, seed, 0o600))
	return file, public
}

// withListener configures the listener. It returns a function that connects to it with a certificate for that name.
func (s *story) withListener(name string, settings ...string) func() *grpc.ClientConn {
	s.t.Helper()
	folder := s.t.TempDir()
	authority, authorityKey := s.certificate(folder, "ca", nil, nil)
	s.certificate(folder, "server", authority, authorityKey, "127.0.0.1")
	s.certificate(folder, "client", authority, authorityKey, name)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	address := listener.Addr().String()
	s.must(listener.Close())
	file := func(name string) string { return filepath.Join(folder, name) }
	s.must(s.Set(map[string]any{
		"listener.address": address, "listener.certificate_file": file("server.pem"),
		"listener.key_file":       file("server-key.pem"),
		"listener.client_ca_file": file("ca.pem"), "listener.allowed_names": []string{name},
	}))
	pair, err := tls.LoadX509KeyPair(file("client.pem"), file("client-key.pem"))
	s.must(err)
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	connection, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
			Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: "127.0.0.1",
		})))
	s.must(err)
	s.t.Cleanup(func() { connection.Close() })
	return func() *grpc.ClientConn { return connection }
}

// certificate writes a certificate for a name and its key; without a parent it is an authority.
func (s *story) certificate(folder, file string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey,
	names ...string) (*x509.Certificate, *ecdsa.PrivateKey) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	s.must(err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: file}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter:    time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage, template.ExtKeyUsage = true, true,
			x509.KeyUsageCertSign, nil
		parent, parentKey = template, key
	}
	content, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	s.must(err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	s.must(err)
	s.must(os.WriteFile(filepath.Join(folder, file+".pem"),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}), 0o644))
	s.must(os.WriteFile(filepath.Join(folder, file+"-key.pem"),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	certificate, err := x509.ParseCertificate(content)
	s.must(err)
	return certificate, key
}

// callAfar calls any method with a message, and returns its error; nil when an answer came. It repeats a call that
// exceeded the limit of the moment.
func (s *story) callAfar(connection *grpc.ClientConn, path string, request proto.Message) error {
	for {
		ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
		stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path)
		if err == nil {
			err = errors.Join(stream.SendMsg(request), stream.CloseSend())
		}
		if err == nil {
			err = stream.RecvMsg(&emptypb.Empty{}) // unknown fields are kept, not refused
		}
		cancel()
		if err == nil || !strings.Contains(err.Error(), "more often than") {
			return err
		}
		select {
		case <-time.After(250 * time.Millisecond): // the limit is a number of calls per second
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}
