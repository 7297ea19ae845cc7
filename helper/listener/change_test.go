package listener_test

import (
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"usher.internal/helper/listener"
	usherv1 "usher.internal/proto/usher/v1"
)

// free returns an address on which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	socket := occupied(t)
	must(t, socket.Close())
	return socket.Addr().String()
}

// occupied listens on an address.
func occupied(t *testing.T) net.Listener {
	t.Helper()
	socket, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { socket.Close() })
	return socket
}

func dials(t *testing.T, address string) error {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err == nil {
		connection.Close()
	}
	return err
}

func TestAddressIsConfiguredChangedAndTakenAway(t *testing.T) {
	t.Parallel()
	first, second := free(t), free(t)
	w := newWorld(t, func(_ *world, settings *listener.Settings) { *settings = listener.Settings{} })
	configured := listener.Settings{
		Address: first, CertificateFile: w.path("server.pem"), KeyFile: w.path("server-key.pem"),
		ClientCAFile: w.path("clients.pem"),
		AllowedNames: []string{monitor},
	}
	if err := dials(t, first); err == nil || w.listener.Address() != nil || w.listener.Trouble() != nil {
		t.Errorf("not configured: %v, %v, %v", err, w.listener.Address(), w.listener.Trouble())
	}
	w.configure(func(settings *listener.Settings) { *settings = configured })
	if got := w.listens(); got != first {
		t.Errorf("it listens on %s", got)
	}
	open := w.client(monitor)
	watched := open.watch()

	w.configure(func(settings *listener.Settings) { settings.Address = second })
	refusal{
		code: codes.Unavailable, reason: usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
		says: []string{"stops or restarts"}, fix: "call again",
	}.check(t, "the stream of the first address", watched.ended())
	eventually(t, "it listens on the second",
		func() bool { at := w.listener.Address(); return at != nil && at.String() == second })
	if err := dials(t, first); err == nil {
		t.Error("it still listens on the first address")
	}
	w.client(monitor).mustGet()

	w.configure(func(settings *listener.Settings) { settings.Address = "" })
	eventually(t, "it no longer listens", func() bool { return w.listener.Address() == nil })
	if err := dials(t, second); err == nil || w.listener.Trouble() != nil {
		t.Errorf("taken away: %v, %v", err, w.listener.Trouble())
	}
	w.configure(func(settings *listener.Settings) { settings.Address = second })
	w.listens()
	w.client(monitor).mustGet()
}

func TestAddressThatIsInUse(t *testing.T) {
	t.Parallel()
	socket := occupied(t)
	w := newWorld(t, func(_ *world, settings *listener.Settings) { settings.Address = socket.Addr().String() })
	w.troubled("listener.address", socket.Addr().String(), "in use")
	if w.listener.Address() != nil {
		t.Errorf("it listens on %v", w.listener.Address())
	}
	// Change to another address, at once.
	w.configure(func(settings *listener.Settings) { settings.Address = "127.0.0.1:0" })
	w.listens()
	w.untroubled()
	// The first address is used when it becomes free, without any action.
	w.configure(func(settings *listener.Settings) { settings.Address = socket.Addr().String() })
	w.troubled("listener.address")
	must(t, socket.Close())
	if got := w.listens(); got != socket.Addr().String() {
		t.Errorf("it listens on %s", got)
	}
	w.untroubled()
	w.client(monitor).mustGet()
	if got := strings.Count(w.log.String(), "the listener cannot be used as it is configured"); got != 2 {
		t.Errorf("the log says it %d times", got)
	}
}

func TestNameThatIsTakenOffTheList(t *testing.T) {
	t.Parallel()
	w := listening(t, func(_ *world, settings *listener.Settings) {
		settings.AllowedNames = []string{monitor, "desk.example.org"}
	})
	asked, other := w.client(monitor), w.client("desk.example.org")
	watched, others := asked.watch(), other.watch()
	want := notPermitted(codes.PermissionDenied, "listener.allowed_names", monitor)
	// The stream ends although nothing changes on the Mac.
	w.configure(func(settings *listener.Settings) { settings.AllowedNames = []string{"desk.example.org"} })
	want.check(t, "the open stream", watched.ended())
	_, err := asked.get()
	want.check(t, "the next call", err)
	// The name is on the list again; the connection is the same.
	w.configure(func(settings *listener.Settings) {
		settings.AllowedNames = append(settings.AllowedNames, strings.ToUpper(monitor))
	})
	asked.mustGet()
	// A message that comes before the listener has the new settings is not sent.
	watched = asked.watch()
	w.configureQuietly(func(settings *listener.Settings) { settings.AllowedNames = []string{"desk.example.org"} })
	w.status.set(&usherv1.GetStatusResponse{Problems: []string{"secret"}}, nil)
	_, err = watched.Recv()
	want.check(t, "the next message", err)
	if got, err := others.Recv(); err != nil || got.GetStatus().GetProblems()[0] != "secret" {
		t.Errorf("the other's stream: %v, %v", got, err)
	}
}

func TestCertificateThatExpiresWhileItIsUsed(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	until := time.Now().Add(3 * time.Second).Truncate(time.Second)
	asked := w.clientWith(w.clients.issue(t, named(monitor), func(c *x509.Certificate) { c.NotAfter = until }))
	watched := asked.watch()
	want := notPermitted(codes.Unauthenticated, "reconnect", monitor, "expired")
	want.check(t, "the open stream", watched.ended())
	if late := time.Since(until); late < 0 || late > patience/2 {
		t.Errorf("it ended %v late", late)
	}
	_, err := asked.get()
	want.check(t, "the next call", err)
}

func TestAuthoritiesAreReplaced(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	asked := w.client(monitor)
	watched := asked.watch()
	before := w.clients
	w.clients = newAuthority(t, "new clients")
	w.write("clients.pem", append(w.clients.pem(), before.pem()...)) // both, for the transition
	eventually(t, "the new authority is in use", func() bool { _, err := w.client(monitor).get(); return err == nil })
	asked.mustGet()

	w.write("clients.pem", w.clients.pem())
	want := notPermitted(codes.Unauthenticated, "listener.client_ca_file", monitor, "unknown authority")
	want.check(t, "the open stream", watched.ended())
	_, err := asked.get()
	want.check(t, "the next call", err)
	w.client(monitor).mustGet()
}

// serial returns the serial number of the certificate with which it now answers.
func (w *world) serial() *big.Int {
	w.t.Helper()
	dialer := tls.Dialer{Config: w.clientTLS(w.clients.issue(w.t, named(monitor)))}
	connection, err := dialer.DialContext(w.t.Context(), "tcp", w.listens())
	must(w.t, err)
	defer connection.Close()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber
}

func (w *world) answersWith(certificate tls.Certificate) {
	w.t.Helper()
	eventually(w.t, "it answers with the other certificate",
		func() bool { return w.serial().Cmp(certificate.Leaf.SerialNumber) == 0 })
}

func TestServerCertificateIsReplaced(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	open := w.client(monitor)
	watched := open.watch()
	renewed := w.servers.issue(t, named("127.0.0.1"))
	w.writeServer(renewed)
	w.answersWith(renewed)
	w.untroubled()
	// Open streams continue.
	open.mustGet()
	w.status.set(&usherv1.GetStatusResponse{}, nil)
	if _, err := watched.Recv(); err != nil {
		t.Error(err)
	}
}

// cert-manager's files are links through ..data to a directory, and ..data is swapped.
func TestLinkedFilesAreReplaced(t *testing.T) {
	t.Parallel()
	mounted := func(w *world, generation string, certificate tls.Certificate) {
		public, private := encoded(t, certificate)
		directory := w.path("mount/.." + generation)
		link := w.path("mount/..data")
		must(t, os.MkdirAll(directory, 0o755), os.WriteFile(directory+"/tls.crt", public, 0o644),
			os.WriteFile(directory+"/tls.key", private, 0o600),
			os.WriteFile(directory+"/ca.crt", w.clients.pem(), 0o644), os.Symlink(".."+generation, link+".new"),
			os.Rename(link+".new", link))
	}
	w := listening(t, func(w *world, settings *listener.Settings) {
		mounted(w, "first", w.servers.issue(t, named("127.0.0.1")))
		for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
			must(t, os.Symlink(filepath.Join("..data", name), w.path("mount/"+name)))
		}
		settings.CertificateFile, settings.KeyFile, settings.ClientCAFile = w.path("mount/tls.crt"),
			w.path("mount/tls.key"), w.path("mount/ca.crt")
	})
	for _, generation := range []string{"second", "third"} {
		old := w.client(monitor)
		watched := old.watch()
		w.clients = newAuthority(t, generation)
		renewed := w.servers.issue(t, named("127.0.0.1"))
		mounted(w, generation, renewed)
		notPermitted(codes.Unauthenticated, "listener.client_ca_file", "unknown authority").check(t, generation,
			watched.ended())
		w.answersWith(renewed)
		w.untroubled()
		w.client(monitor).mustGet()
	}
}

// Each file is damaged in each way. At the start nothing listens; later the earlier certificates remain in use. A fixed
// file takes effect.
func TestFilesThatAreNoGood(t *testing.T) {
	t.Parallel()
	replaced := func(name, content string) func(*world) {
		return func(w *world) { w.write(name, []byte(content)) }
	}
	removed := func(name string) func(*world) {
		return func(w *world) { must(w.t, os.Remove(w.path(name))) }
	}
	for name, test := range map[string]struct {
		spoil func(*world)
		file  string
		says  []string
	}{
		"no certificate": {removed("server.pem"), "server.pem",
			[]string{"listener.certificate_file", "no such file"}},
		"no PEM": {replaced("server.pem", "garbage"), "server.pem",
			[]string{"listener.certificate_file", "PEM"}},
		"an empty certificate": {replaced("server.pem", ""), "server.pem",
			[]string{"listener.certificate_file", "PEM"}},
		"no key": {removed("server-key.pem"), "server-key.pem",
			[]string{"listener.key_file", "no such file"}},
		"a broken key": {replaced("server-key.pem", "garbage"), "server-key.pem",
			[]string{"listener.key_file", "PEM"}},
		"an empty key": {replaced("server-key.pem", ""), "server-key.pem",
			[]string{"listener.key_file", "empty"}},
		"a key that others can read": {func(w *world) { must(w.t, os.Chmod(w.path("server-key.pem"), 0o644)) },
			"server-key.pem", []string{"listener.key_file", "mode is 0644", "chmod 600"}},
		"another's key": {func(w *world) {
			_, key := encoded(w.t, w.servers.issue(w.t, named("127.0.0.1")))
			w.write("server-key.pem", key)
		}, "server-key.pem", []string{"listener.key_file", "does not match"}},
		"no authorities": {removed("clients.pem"), "clients.pem",
			[]string{"listener.client_ca_file", "no such file"}},
		"authorities in no PEM": {replaced("clients.pem", "garbage"), "clients.pem",
			[]string{"listener.client_ca_file", "holds no certificate in PEM"}},
	} {
		test.says = append(test.says, test.file)
		mend := func(w *world) tls.Certificate {
			renewed := w.servers.issue(w.t, named("127.0.0.1"))
			w.writeServer(renewed)
			w.write("clients.pem", w.clients.pem())
			return renewed
		}
		t.Run(name+", at the beginning", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world, _ *listener.Settings) { test.spoil(w) })
			w.troubled(test.says...)
			if w.listener.Address() != nil {
				t.Errorf("it listens on %v", w.listener.Address())
			}
			mend(w)
			w.listens()
			w.untroubled()
			w.client(monitor).mustGet()
		})
		t.Run(name+", later", func(t *testing.T) {
			t.Parallel()
			w := listening(t, nil)
			open := w.client(monitor)
			watched := open.watch()
			test.spoil(w)
			w.troubled(test.says...)
			open.mustGet()
			w.client(monitor).mustGet()
			w.answersWith(mend(w))
			w.untroubled()
			w.status.set(&usherv1.GetStatusResponse{}, nil)
			if _, err := watched.Recv(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The mode is fixed as the sentence says; the file is the same.
func TestFixedModeOfTheKeyTakesEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world, _ *listener.Settings) { must(t, os.Chmod(w.path("server-key.pem"), 0o640)) })
	w.troubled("listener.key_file", "chmod 600 '"+w.path("server-key.pem")+"'")
	must(t, os.Chmod(w.path("server-key.pem"), 0o600))
	w.listens()
	w.untroubled()
}
