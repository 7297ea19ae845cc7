package fleet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"usher.internal/ctl/fleetsetup"
	"usher.internal/ctl/fleetview"
	"usher.internal/internal/fleet"
	"usher.internal/sim/natsserver"
)

// authority makes certificates, like an organisation with its own authority.
type authority struct {
	t           *testing.T
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, folder: t.TempDir()}
	a.certificate, a.key = a.make("ca",
		&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// leaf makes a certificate for a name, and returns its files.
func (a *authority) leaf(name string) (certificate, key string) {
	a.t.Helper()
	template := &x509.Certificate{
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if address := net.ParseIP(name); address != nil {
		template.IPAddresses = []net.IP{address}
	} else {
		template.DNSNames = []string{name}
	}
	a.make(name, template)
	return a.file(name + ".pem"), a.file(name + "-key.pem")
}

func (a *authority) file(name string) string { return filepath.Join(a.folder, name) }

func (a *authority) make(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	must := func(err error) {
		if err != nil {
			a.t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	must(err)
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	content, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	must(err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	must(os.WriteFile(a.file(name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}), 0o644))
	must(os.WriteFile(a.file(name+"-key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
		0o600))
	certificate, err := x509.ParseCertificate(content)
	must(err)
	return certificate, key
}

// A fleet whose servers know Macs by their existing certificates, or by NKeys, as docs/fleet-setup.md says.
func TestServersOfOnesOwn(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"certificates", "NKeys"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			made := newAuthority(t)
			w := &world{T: t, ctx: t.Context()}
			serverCertificate, serverKey := made.leaf("127.0.0.1")
			users, how := make(map[string]string), make(map[string]fleet.Access)
			port := freePort(t)
			for _, name := range []string{"MAC-A", "admin", "provision"} {
				of := fleet.Access{Servers: []string{fmt.Sprintf("tls://127.0.0.1:%d", port)},
					CAFile: made.file("ca.pem")}
				if by == "certificates" {
					users[name] = `user: "` + name + `.example.org"`
					of.CertificateFile, of.KeyFile = made.leaf(name + ".example.org")
				} else {
					pair, err := nkeys.CreateUser()
					w.must(err)
					public, err := pair.PublicKey()
					w.must(err)
					seed, err := pair.Seed()
					w.must(err)
					users[name], of.NKeyFile = "nkey: "+public, made.file(name+".nk")
					w.must(os.WriteFile(of.NKeyFile, seed, 0o600))
				}
				how[name] = of
			}
			mapping := map[string]string{"certificates": "verify_and_map: true"}[by]
			configuration := made.file("nats-server.conf")
			w.must(os.WriteFile(configuration, fmt.Appendf(nil, `
listen: "127.0.0.1:%d"
tls { cert_file: %q, key_file: %q, ca_file: %q, min_version: "1.3"
%s }
jetstream { store_dir: %q }
accounts {
  USHER {
    jetstream: enabled
    users: [
      { %s, permissions: { publish: ["usher.v1.answer.*.MAC-A", "usher.v1.change.MAC-A"], subscribe: ["usher.v1.status.all", "usher.v1.status.MAC-A", "usher.v1.kept.MAC-A"] } }
      { %s, permissions: { publish: ["$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.UPDATE.*"], subscribe: "_INBOX_provision.>" } }
    ]
    exports: [
      { service: "usher.v1.status.*" }
      { service: "$JS.API.DIRECT.GET.USHER_CHANGES", response_type: "stream" }
      { service: "$JS.API.DIRECT.GET.KV_USHER_MACS" }
      { service: "$JS.API.STREAM.INFO.USHER_CHANGES" }
      { service: "$JS.API.STREAM.INFO.KV_USHER_MACS" }
      { stream: "usher.v1.answer.*.*" }
      { stream: "usher.v1.kept.*" }
    ]
  }
  USHER_ADMINS {
    users: [ { %s } ]
    imports: [
      { service: { account: USHER, subject: "usher.v1.status.*" } }
      { service: { account: USHER, subject: "$JS.API.DIRECT.GET.USHER_CHANGES" }, to: "usher.v1.api.DIRECT.GET.USHER_CHANGES" }
      { service: { account: USHER, subject: "$JS.API.DIRECT.GET.KV_USHER_MACS" }, to: "usher.v1.api.DIRECT.GET.KV_USHER_MACS" }
      { service: { account: USHER, subject: "$JS.API.STREAM.INFO.USHER_CHANGES" }, to: "usher.v1.api.STREAM.INFO.USHER_CHANGES" }
      { service: { account: USHER, subject: "$JS.API.STREAM.INFO.KV_USHER_MACS" }, to: "usher.v1.api.STREAM.INFO.KV_USHER_MACS" }
      { stream: { account: USHER, subject: "usher.v1.answer.*.*" } }
      { stream: { account: USHER, subject: "usher.v1.kept.*" } }
    ]
  }
}
`, port, serverCertificate, serverKey, made.file("ca.pem"), mapping, t.TempDir(), users["MAC-A"], users["provision"],
				users["admin"]), 0o600))
			server := natsserver.NewServer("127.0.0.1", port, configuration)
			t.Cleanup(server.Kill)
			w.must(server.Start(w.ctx))
			admin, err := fleetview.Connect(w.ctx, how["admin"], "admin")
			if err != nil {
				t.Fatalf("%v: %s", err, server.Log())
			}
			t.Cleanup(admin.Close)
			provision, err := fleetview.Connect(w.ctx, how["provision"], "provision")
			w.must(err)
			defer provision.Close()
			_, err = provision.Provision(w.ctx, fleetview.Streams{StorageBytes: fleetsetup.LeastStorageBytes})
			w.must(err)

			one := w.start(w.macWith("MAC-A", how["MAC-A"]))
			w.must(one.change(1))
			w.eventually("its change is published", func() bool { return one.connected() && one.unpublished() == 0 })
			report, err := admin.Ask(w.ctx, fleetview.Question{Timeout: 5 * time.Second})
			w.must(err)
			wantAll(t, report, []*mac{one})

			// A Mac that has no part in the fleet learns that.
			stranger := newAuthority(t)
			other := how["MAC-A"]
			if by == "certificates" {
				other.CertificateFile, other.KeyFile = stranger.leaf("MAC-A.example.org")
			} else {
				pair, err := nkeys.CreateUser()
				w.must(err)
				seed, err := pair.Seed()
				w.must(err)
				other.NKeyFile = stranger.file("seed")
				w.must(os.WriteFile(other.NKeyFile, seed, 0o600))
			}
			refused := w.start(w.macWith("MAC-A", other))
			w.eventually("a stranger is refused",
				func() bool { return strings.HasPrefix(refused.State().GetLastError(), "not connected: ") })
			if refused.connected() {
				t.Error("a stranger is connected")
			}
		})
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Expiring certificates and credentials are renewed while everything runs. The servers take new certificates, admins
// take new credentials, and the old ones remain valid until they expire.
func TestRenewedFilesCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	macs := w.macs(1)
	before := w.admin()
	server := w.Servers[0]
	shown := func() *x509.Certificate {
		t.Helper()
		how := w.Access(filepath.Join(w.Directory, "admin", "admin.creds"))
		conn, err := w.tryRaw(how, "admin", make(chan error, 1))
		if err != nil {
			t.Log(err) // a server that re-reads its files turns away a client that connects in that moment
			return nil
		}
		state, err := conn.TLSConnectionState()
		w.must(err)
		return state.PeerCertificates[0]
	}
	old := shown()
	made, err := fleetsetup.Renew(w.Directory, 2*time.Hour, 2*time.Hour)
	w.must(err)
	if len(made) != 4 {
		t.Errorf("made are %+v", made)
	}
	w.must(syscall.Kill(server.PID(), syscall.SIGHUP)) // as nats-server --signal reload
	w.eventually("the server has its new certificate", func() bool {
		now := shown()
		return now != nil && !now.Equal(old)
	})
	// A server that reloads its configuration may close a connection that is being made.
	var after *fleetview.Client
	w.eventually("an admin with new credentials connects", func() bool {
		after, err = w.Admin(w.ctx)
		return err == nil
	})
	defer after.Close()
	for _, admin := range []*fleetview.Client{before, after} {
		report, err := admin.Ask(w.ctx, fleetview.Question{Timeout: 5 * time.Second})
		w.must(err)
		wantAll(t, report, macs)
	}
	if _, err := fleetsetup.Renew(w.Directory, time.Hour, 100*365*24*time.Hour); err == nil ||
		!strings.Contains(err.Error(), "the authority of this fleet is valid until") {
		t.Errorf("certificates that outlive their authority: %v", err)
	}
	if _, err := fleetsetup.Renew(t.TempDir(), time.Hour, time.Hour); err == nil ||
		!strings.Contains(err.Error(), "admin-signing.nk") {
		t.Errorf("a folder that is not a fleet's: %v", err)
	}
}

// Revoked credentials are refused, also on open connections; nobody else is affected, and the Mac can get new ones.
func TestRevokedCredentialsCountNoLonger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	honest := w.macs(2)
	how, err := w.Mac("MAC-STOLEN", time.Hour)
	w.must(err)
	made, first := how.CredentialsFile, w.copied(how.CredentialsFile)
	// The Mac has new ones since then.
	renewed := t.TempDir()
	_, err = fleetsetup.CredentialsFor(w.Directory, []string{"MAC-STOLEN"}, renewed, time.Hour)
	w.must(err)
	how.CredentialsFile = filepath.Join(renewed, "MAC-STOLEN.creds")
	stolen := w.start(w.macWith("MAC-STOLEN", how))
	w.eventually("it is connected", stolen.connected)
	admins := w.copied(filepath.Join(w.Directory, "admin", "admin.creds"))

	if _, err := fleetsetup.Revoke(w.Directory, []string{"MAC-NONE"}, nil); err == nil ||
		!strings.Contains(err.Error(), "no credentials of MAC-NONE were made here") {
		t.Errorf("without its credentials: %v", err)
	}
	other := newWorld(t, 1)
	if _, err := fleetsetup.Revoke(other.Directory, nil, []string{admins}); err == nil ||
		!strings.Contains(err.Error(), "is of another fleet") {
		t.Errorf("another fleet's credentials: %v", err)
	}
	files, err := fleetsetup.Revoke(w.Directory, []string{"MAC-STOLEN"}, []string{admins})
	w.must(err)
	if len(files) != 3 { // both accounts, and the server's configuration
		t.Errorf("made are %+v", files)
	}
	if _, err := os.Stat(made); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the credentials are still there: %v", err)
	}
	// new credentials for admins, from the account in its present state
	_, err = fleetsetup.Renew(w.Directory, time.Hour, time.Hour)
	w.must(err)
	w.must(syscall.Kill(w.Servers[0].PID(), syscall.SIGHUP)) // as nats-server --signal reload

	w.eventually("it learns that it is turned away", func() bool {
		return !stolen.connected() &&
			strings.Contains(stolen.State().GetLastError(), "the server does not know these credentials")
	})
	for name, file := range map[string]string{"admin": admins, "MAC-STOLEN": first} {
		if options, err := w.Access(file).Options("stranger", name); err != nil {
			t.Error(err)
		} else if conn, err := nats.Connect(strings.Join(w.URLs(), ","), options...); err == nil {
			conn.Close()
			t.Errorf("revoked credentials of %s are still valid", name)
		}
	}
	report, err := w.admin().Ask(w.ctx, fleetview.Question{Timeout: 5 * time.Second})
	w.must(err)
	for _, one := range honest {
		if !one.connected() {
			t.Errorf("%s is turned away too: %s", one.name, one.State().GetLastError())
		}
	}
	answers := 0
	for _, one := range report.Macs {
		if one.Answer != fleetview.Silent {
			answers++
		}
	}
	if answers != len(honest) {
		t.Errorf("%d Macs answer: %+v", answers, report.Macs)
	}

	again, err := w.Mac("MAC-STOLEN", time.Hour)
	w.must(err)
	w.must(os.Rename(again.CredentialsFile, how.CredentialsFile))
	w.eventually("it is connected with new credentials", stolen.connected)
}

// copied is a copy of a file, as on another computer.
func (w *world) copied(path string) string {
	w.Helper()
	content, err := os.ReadFile(path)
	w.must(err)
	copied := filepath.Join(w.TempDir(), filepath.Base(path))
	w.must(os.WriteFile(copied, content, 0o600))
	return copied
}
