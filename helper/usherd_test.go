package helper

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpcstatus "google.golang.org/grpc/status"

	"usher.internal/helper/delivery"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	"usher.internal/internal/notice"
	usherv1 "usher.internal/proto/usher/v1"
)

// underTest is usherd in folders of its own, with a client of its socket.
type underTest struct {
	*usherd
	t      *testing.T
	folder string
	client *grpc.ClientConn
	log    *records
}

// newUnderTest opens usherd with these further lines of configuration. When the test ends, nothing of it is left.
func newUnderTest(t *testing.T, lines string) *underTest {
	t.Helper()
	before := goleak.IgnoreCurrent()
	folder, err := os.MkdirTemp("", "usherd") // short enough for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	u := &underTest{t: t, folder: folder, log: &records{more: notice.NewSignal()}}
	u.write(lines)
	live, err := config.Open(filepath.Join(folder, "config.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	if u.usherd, err = open(live, slog.New(slog.NewTextHandler(u.log, nil))); err != nil {
		t.Fatal(err)
	}
	if u.client, err = link.Dial(u.started.HelperSocket(), uint32(os.Getuid())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		u.client.Close()
		u.close()
		os.RemoveAll(folder)
		goleak.VerifyNone(t, before)
	})
	return u
}

// served is a usherd that serves until the test ends, and then ends without an error.
func served(t *testing.T, lines string) *underTest {
	t.Helper()
	u := newUnderTest(t, lines)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	return u
}

// write writes the configuration at once, as a program that configures a Mac does.
func (u *underTest) write(lines string) {
	u.t.Helper()
	path := filepath.Join(u.folder, "config.yaml")
	text := fmt.Sprintf("socket_directory: %s\nstate_directory: %s\n%s", filepath.Join(u.folder, "s"),
		filepath.Join(u.folder, "state"), lines)
	must(u.t, os.WriteFile(path+".new", []byte(text), 0o600))
	must(u.t, os.Rename(path+".new", path))
}

// watch returns what waits for a status.
func (u *underTest) watch() (until func(what string, is func(*usherv1.GetStatusResponse) bool)) {
	u.t.Helper()
	stream, err := usherv1.NewStatusServiceClient(u.client).WatchStatus(u.t.Context(), &usherv1.WatchStatusRequest{})
	must(u.t, err)
	return func(what string, is func(*usherv1.GetStatusResponse) bool) {
		u.t.Helper()
		for {
			got, err := stream.Recv()
			if err != nil {
				u.t.Fatalf("%s: %v", what, err)
			}
			if is(got.GetStatus()) {
				return
			}
		}
	}
}

// records is a log that says when it gets another record.
type records struct {
	mu   sync.Mutex
	text bytes.Buffer
	more notice.Signal
}

func (r *records) Write(record []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.more.Set()
	return r.text.Write(record)
}

func (r *records) has(words string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(r.text.String(), words)
}

// until waits for words in the log.
func (r *records) until(t *testing.T, words string) {
	t.Helper()
	patience := time.After(20 * time.Second)
	for !r.has(words) {
		select {
		case <-r.more:
		case <-patience:
			t.Fatalf("the log does not say %q:\n%s", words, &r.text)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestUsherdAnswersOnItsSocket(t *testing.T) {
	u := served(t, "tenant.id: 11111111-2222-4333-8444-555555555555\n")
	tenant, err := usherv1.NewTenantServiceClient(u.client).GetTenant(t.Context(), &usherv1.GetTenantRequest{})
	if err != nil || tenant.GetTenantId() != "11111111-2222-4333-8444-555555555555" {
		t.Errorf("the tenant is %v, %v", tenant, err)
	}
	whole, err := usherv1.NewStatusServiceClient(u.client).GetStatus(t.Context(), &usherv1.GetStatusRequest{})
	if err != nil || whole.GetHelper().GetDeliveryMode() != "recon" || whole.GetOutbox() == nil {
		t.Errorf("the status is %v, %v", whole, err)
	}
	// Another one with the same folders ends before it has touched the journal, and leaves the sockets as they are.
	if second, err := open(u.live, slog.New(slog.DiscardHandler)); err == nil {
		second.close()
		t.Error("a second usherd has the same sockets")
	}
	if _, err := usherv1.NewStatusServiceClient(u.client).GetStatus(t.Context(), &usherv1.GetStatusRequest{}); err !=
		nil {
		t.Errorf("after a second start: %v", err)
	}
}

// A wrong configuration is said, and the last good one remains in force.
func TestWrongConfigurationIsRefused(t *testing.T) {
	u := served(t, "tenant.id: 11111111-2222-4333-8444-555555555555\n")
	until := u.watch()
	until("it starts well", func(now *usherv1.GetStatusResponse) bool {
		return now.GetHelper().GetConfigurationError() == ""
	})
	u.write("tenant.id: none of them\n")
	until("the key is wrong", func(now *usherv1.GetStatusResponse) bool {
		return strings.Contains(now.GetHelper().GetConfigurationError(), "tenant.id")
	})
	if now := u.live.Current(); now.Tenant.ID != "11111111-2222-4333-8444-555555555555" {
		t.Errorf("%q is in force", now.Tenant.ID)
	}
	u.write("primary_user: jane\n")
	until("it is right again", func(now *usherv1.GetStatusResponse) bool {
		return now.GetHelper().GetConfigurationError() == ""
	})
	if now := u.live.Current(); now.Tenant.ID != "" || now.PrimaryUser != "jane" {
		t.Errorf("%q and %q are in force", now.Tenant.ID, now.PrimaryUser)
	}
}

// What depends on the configuration is rebuilt with it.
func TestChangedConfigurationTakesEffect(t *testing.T) {
	u := served(t, "")
	jamf := usherv1.NewJamfProServiceClient(u.client)
	_, err := jamf.SetClientSecret(t.Context(), &usherv1.SetClientSecretRequest{ClientSecret: "planted"})
	if contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT {
		t.Fatalf("without a place for the secret: %v", err)
	}
	secret := filepath.Join(u.folder, "secret")
	u.write("delivery.mode: api\ndelivery.api.url: https://127.0.0.1:9\ndelivery.api.client_id: usher\n" +
		"delivery.api.client_secret_file: " + secret + "\n")
	u.watch()("the mode is another one", func(now *usherv1.GetStatusResponse) bool {
		return now.GetHelper().GetDeliveryMode() == "api"
	})
	// The parts are rebuilt a moment after the status says so: the caller asks again.
	for err != nil && t.Context().Err() == nil {
		_, err = jamf.SetClientSecret(t.Context(), &usherv1.SetClientSecretRequest{ClientSecret: "planted"})
	}
	if _, err := jamf.CheckClientSecret(t.Context(), &usherv1.CheckClientSecretRequest{}); grpcstatus.Code(err) !=
		codes.Unavailable {
		t.Errorf("Jamf Pro at a closed port: %v", err)
	}
}

// A delivery under way ends with the configuration that it began with; the next one has the new one.
func TestWorkInProgressKeepsItsConfiguration(t *testing.T) {
	var u *underTest
	script := func(name, text string) string {
		path := filepath.Join(u.folder, name)
		must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700))
		return path
	}
	u = newUnderTest(t, "")
	begun, proceed, result := filepath.Join(u.folder, "begun"), filepath.Join(u.folder, "proceed"),
		filepath.Join(u.folder, "result")
	must(t, syscall.Mkfifo(begun, 0o600))
	must(t, syscall.Mkfifo(proceed, 0o600))
	configure := func(jamf string) {
		u.write("jamf.executable: " + jamf + "\n")
		if !u.live.Reload() {
			t.Fatal("nothing has changed")
		}
		must(t, u.configure())
	}
	configure(script("old", fmt.Sprintf("echo >%s; cat %s >/dev/null; echo old >>%s", begun, proceed, result)))
	ended := make(chan error, 1)
	go func() { ended <- u.Deliver(t.Context(), delivery.Report{}) }()
	_, err := os.ReadFile(begun)
	must(t, err)
	configure(script("new", "echo new >>"+result))
	must(t, u.Deliver(t.Context(), delivery.Report{}))
	must(t, os.WriteFile(proceed, nil, 0o600))
	must(t, <-ended)
	if got, err := os.ReadFile(result); err != nil || string(got) != "new\nold\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// The listener is opened, and closed, as the configuration says.
func TestRemoteListenerFollowsTheConfiguration(t *testing.T) {
	u := served(t, "")
	certificate := u.certificate()
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	free.Close()
	u.write(fmt.Sprintf("listener.address: "+free.Addr().String()+"\nlistener.certificate_file: %[1]s\n"+
		"listener.key_file: %[2]s\nlistener.client_ca_file: %[1]s\nlistener.allowed_names: [localhost]\n",
		filepath.Join(u.folder, "certificate.pem"), filepath.Join(u.folder, "key.pem")))
	u.log.until(t, "listener answers")
	address := u.remote.Address()
	if address == nil {
		t.Fatal("it has no address")
	}
	authorities := x509.NewCertPool()
	authorities.AddCert(certificate.Leaf)
	client, err := grpc.NewClient(address.String(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate}, RootCAs: authorities, ServerName: "localhost"})))
	must(t, err)
	defer client.Close()
	stream, err := usherv1.NewStatusServiceClient(client).WatchStatus(t.Context(), &usherv1.WatchStatusRequest{})
	must(t, err)
	if got, err := stream.Recv(); err != nil || got.GetStatus().GetHelper().GetDeliveryMode() != "recon" {
		t.Fatalf("got %v, %v", got, err)
	}
	u.write("")
	for err == nil {
		_, err = stream.Recv()
	}
	if contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN {
		t.Errorf("the stream ended with %v", err)
	}
}

// certificate writes a certificate that the listener and its client share, and that signs itself.
func (u *underTest) certificate() tls.Certificate {
	u.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(u.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(u.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(u.t, err)
	for name, block := range map[string]*pem.Block{"certificate.pem": {Type: "CERTIFICATE", Bytes: der},
		"key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		must(u.t, os.WriteFile(filepath.Join(u.folder, name), pem.EncodeToMemory(block), 0o600))
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(u.folder, "certificate.pem"),
		filepath.Join(u.folder, "key.pem"))
	must(u.t, err)
	return certificate
}
