package endpoint_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"usher.internal/helper/endpoint"
	"usher.internal/helper/proxy"
)

func failing(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return nil, err }
}

func wrapped(err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
}

func TestWithoutAHandshake(t *testing.T) {
	says := func(text string) func(context.Context, string, string) (net.Conn, error) {
		return leadsTo(serve(t, func(connection net.Conn) {
			connection.Read(make([]byte, 16<<10))
			io.WriteString(connection, text)
			io.Copy(io.Discard, connection)
		}))
	}
	for name, test := range map[string]struct {
		dial    func(context.Context, string, string) (net.Conn, error)
		verdict endpoint.Verdict
		detail  string
	}{
		"HTTP": {says("HTTP/1.1 302 Found\r\nLocation: http://portal.example.net/\r\n\r\n"),
			endpoint.NotTLS, "HTTP/"},
		"a greeting":          {says("220 mail.example.net\r\n"), endpoint.NotTLS, "220 m"},
		"what moves a cursor": {says("\x1b[2J\r\n"), endpoint.NotTLS, "[2J"},
		"an alert":            {says("\x15\x03\x03\x00\x02\x02\x28"), endpoint.Failed, "handshake failure"},
		"closed at once":      {leadsTo(serve(t, func(net.Conn) {})), endpoint.Closed, ""},
		"closed after hello": {leadsTo(serve(t, func(c net.Conn) { c.Read(make([]byte, 16<<10)) })), endpoint.Closed,
			"EOF"},
		"half a record": {leadsTo(
			serve(t, func(c net.Conn) { c.Read(make([]byte, 16<<10)); io.WriteString(c, "\x16\x03\x03\x00\x40") })),
			endpoint.Closed, "EOF"},
		"old TLS": {leadsTo(
			serveTLS(t, &tls.Config{Certificates: []tls.Certificate{*selfSigned(t)}, MaxVersion: tls.VersionTLS11,
				MinVersion: tls.VersionTLS10})), endpoint.Failed, "protocol version"},
		"nobody there":         {failing(wrapped(syscall.ECONNREFUSED)), endpoint.Refused, "refused"},
		"no way":               {failing(wrapped(syscall.ENETUNREACH)), endpoint.Unreachable, "network is unreachable"},
		"no route to the host": {failing(wrapped(syscall.EHOSTUNREACH)), endpoint.Unreachable, "no route"},
		"the system gives up":  {failing(wrapped(syscall.ETIMEDOUT)), endpoint.NoAnswer, ""},
		"no such name": {failing(
			&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}),
			endpoint.NoName, "no such host"},
		"no DNS": {failing(
			&net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}}),
			endpoint.NoDNS, "timeout"},
		"DNS fails": {failing(
			&net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}}),
			endpoint.NoDNS, "misbehaving"},
		"something else": {failing(errors.New("operation not permitted\nat all")), endpoint.Unreachable,
			"not permitted at all"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := look(t, endpoint.Prober{Dial: test.dial})
			if answer.Verdict != test.verdict || !strings.Contains(answer.Detail, test.detail) ||
				strings.ContainsAny(answer.Detail, "\n\x1b") {
				t.Errorf("%s: %q, want %s with %q", answer.Verdict, answer.Detail, test.verdict, test.detail)
			}
		})
	}
}

// No server that hangs takes longer than its limit.
func TestWhatHangsEnds(t *testing.T) {
	hangs := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	silent := func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go io.Copy(io.Discard, there) // ends when here is closed
		return here, nil
	}
	for name, test := range map[string]struct {
		prober  endpoint.Prober
		verdict endpoint.Verdict
		took    time.Duration
	}{
		"a connection": {endpoint.Prober{Dial: hangs}, endpoint.NoAnswer, endpoint.ConnectTimeout},
		"a handshake":  {endpoint.Prober{Dial: silent}, endpoint.Silent, endpoint.HandshakeTimeout},
		"a proxy": {endpoint.Prober{Dial: silent, Proxies: through("http://proxy.example.com:8080")},
			endpoint.ProxyUnreachable, endpoint.ConnectTimeout},
		"a proxy by TLS": {endpoint.Prober{Dial: silent, Proxies: through("https://proxy.example.com:8443")},
			endpoint.ProxyUnreachable, endpoint.ConnectTimeout},
		"no route to a proxy": {endpoint.Prober{Dial: hangs, Proxies: through("http://proxy.example.com:8080")},
			endpoint.ProxyUnreachable, endpoint.ConnectTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				answer := look(t, test.prober)
				if took := time.Since(begun); answer.Verdict != test.verdict || took != test.took {
					t.Errorf("%s (%s) after %s", answer.Verdict, answer.Detail, took)
				}
			})
		})
	}
}

func TestThroughAProxy(t *testing.T) {
	trusted := newRoot(t, trustedName)
	server := serveTLS(t, showing(trusted.issue(t, nil)))
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	huge := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 1<<20) + "\r\n\r\n"
	for name, test := range map[string]struct {
		proxy   *connectProxy
		user    string
		verdict endpoint.Verdict
		status  int
		detail  string
	}{
		"a tunnel": {&connectProxy{target: server}, "", endpoint.Public, 0, ""},
		"with a user": {&connectProxy{target: server, user: "jane", password: "hunter2"}, "jane:hunter2@",
			endpoint.Public, 0, ""},
		"that asks for a user": {&connectProxy{target: server, user: "jane", password: "hunter2"}, "",
			endpoint.ProxyUser, 407, "407"},
		"with a wrong password": {&connectProxy{target: server, user: "jane", password: "hunter2"}, "jane:hunter3@",
			endpoint.ProxyUser, 407, "407"},
		"that cannot connect": {&connectProxy{target: gone.Addr().String()}, "", endpoint.ProxyRefused, 502, "502"},
		"that forbids it": {&connectProxy{answer: "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nno..."},
			"", endpoint.ProxyRefused, 403, "403"},
		"that is a portal": {
			&connectProxy{answer: "HTTP/1.1 302 Found\r\nLocation: http://portal.example.net/\r\n\r\n"}, "",
			endpoint.ProxyRefused, 302, "302"},
		"that speaks no HTTP": {&connectProxy{answer: "SSH-2.0-OpenSSH_9.9\r\n"}, "", endpoint.ProxyUnreachable, 0,
			"malformed"},
		"that talks without end": {&connectProxy{answer: huge}, "", endpoint.ProxyUnreachable, 0, ""},
		"that answers half": {&connectProxy{answer: "HTTP/1.1 200 OK\r\nX-"}, "", endpoint.ProxyUnreachable, 0,
			"read answer"},
		"that says more than 200": {&connectProxy{target: server, before: "HTTP/1.1 200 again"}, "", endpoint.NotTLS, 0,
			"HTTP/"},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, test.proxy.handle)
			t.Setenv("HTTPS_PROXY", "http://"+test.user+address)
			answer := look(t, endpoint.Prober{Proxies: &proxy.Finder{}, Roots: pool(trusted)})
			if answer.Verdict != test.verdict || answer.Status != test.status ||
				!strings.Contains(answer.Detail, test.detail) {
				t.Errorf("%s (%d): %q, want %s (%d): %q", answer.Verdict, answer.Status, answer.Detail, test.verdict,
					test.status, test.detail)
			}
			if text := answer.Via.String() + answer.Detail; answer.Via.Origin != proxy.Environment ||
				!strings.Contains(text, address) || strings.Contains(text, "hunter") || strings.Contains(text, "jane") {
				t.Errorf("the proxy is %q: %s", text, answer.Via.Origin)
			}
			if saw := test.proxy.saw(); !slices.Equal(saw, []string{"CONNECT login.example.com:443"}) {
				t.Errorf("the proxy was asked %q", saw)
			}
		})
	}
}

func TestThroughAProxyByTLS(t *testing.T) {
	trusted, private := newRoot(t, trustedName), newRoot(t, inspectorName)
	tunnel := &connectProxy{target: serveTLS(t, showing(trusted.issue(t, nil)))}
	config := showing(private.issue(t, nil,
		func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }))
	address := serve(t, func(connection net.Conn) { tunnel.handle(tls.Server(connection, config)) })
	prober := endpoint.Prober{Proxies: through("https://" + address), Roots: pool(trusted)}
	if answer := look(t, prober); answer.Verdict != endpoint.ProxyUnreachable ||
		!strings.Contains(answer.Detail, "certificate") {
		t.Errorf("a proxy of an authority that is not trusted is %+v", answer)
	}
	prober.ProxyTLS = &tls.Config{RootCAs: pool(private)}
	if answer := look(t, prober); answer.Verdict != endpoint.Public {
		t.Errorf("%+v", answer)
	}
}

func TestProxiesThatCannotBeUsed(t *testing.T) {
	if answer := look(t, endpoint.Prober{Proxies: through("http://127.0.0.1:1")}); answer.Verdict !=
		endpoint.ProxyUnreachable || !strings.Contains(answer.Detail, "refused") {
		t.Errorf("nobody there: %+v", answer)
	}
	t.Setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
	if answer := look(t, endpoint.Prober{Proxies: &proxy.Finder{}}); answer.Verdict != endpoint.ProxyUnreachable ||
		!strings.Contains(answer.Detail, "http and https") {
		t.Errorf("a SOCKS proxy: %+v", answer)
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := serve(t, func(connection net.Conn) { cancel(); io.Copy(io.Discard, connection) })
	if _, _, err := (endpoint.Prober{Proxies: through("http://" + address)}).Connect(ctx,
		"login.example.com:443"); err == nil || endpoint.AsksForUser(err) {
		t.Errorf("got %v", err)
	}
}
