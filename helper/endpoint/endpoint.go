// Package endpoint looks at how a server answers from this computer: by which proxy it is reached, and whether its
// certificate is one of a public authority or of something in between that inspects TLS.
//
// [Prober.Connect] opens a connection, [Prober.Look] makes a whole handshake and judges it. Nothing is sent over a
// connection but the handshake, and no answer is trusted: a chain that is not public is looked at and the connection is
// closed.
//
// The authorities are those of Mozilla's list as golang.org/x/crypto/x509roots/fallback has it, not those of the
// system: an organisation that inspects TLS puts its own authority there. The list is as old as this program.
package endpoint

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"usher.internal/helper/proxy"
)

// How long a connection, with that through a proxy, and the handshake after it may take.
const (
	ConnectTimeout   = 5 * time.Second
	HandshakeTimeout = 5 * time.Second
)

// publicRoots are the authorities that browsers trust.
var publicRoots = sync.OnceValue(func() *x509.CertPool {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil: // a test reads them all
		case root.Constraint == nil:
			pool.AddCert(certificate)
		default:
			pool.AddCertWithConstraint(certificate, root.Constraint)
		}
	}
	return pool
})

// Prober looks at servers. It keeps no state: any number of goroutines may use it.
type Prober struct {
	// Dial connects to a server or a proxy; nil is [net.Dialer.DialContext].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxies is how the helper's own calls find their proxy; nil connects directly.
	Proxies *proxy.Finder
	// Roots are the public authorities; nil are Mozilla's.
	Roots *x509.CertPool
	// ProxyTLS is for the connection to a proxy whose URL is https; nil trusts what the system does.
	ProxyTLS *tls.Config
	// Now is the clock that certificates are judged by; nil is time.Now.
	Now func() time.Time
}

// ProxyError is a proxy that did not connect to a server.
type ProxyError struct {
	// Proxy is its URL without a user and a password.
	Proxy string
	// Status is its answer, 0 where none came, and then Err says why.
	Status int
	Err    error
}

// Error is one line.
func (e *ProxyError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("proxy %s: %d %s", e.Proxy, e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("proxy %s: %v", e.Proxy, e.Err)
}

// Unwrap returns the cause.
func (e *ProxyError) Unwrap() error { return e.Err }

// AsksForUser reports whether an error is a proxy that wants a user and a password.
func AsksForUser(err error) bool {
	refused, ok := errors.AsType[*ProxyError](err)
	return ok && refused.Status == http.StatusProxyAuthRequired
}

// Connect opens a connection to host:port, through the proxy that the helper's own calls to it would take, within
// [ConnectTimeout]. The choice is valid with an error too, which is a [*ProxyError] where the proxy is to blame.
func (p Prober) Connect(ctx context.Context, address string) (net.Conn, proxy.Choice, error) {
	ctx, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	dial := p.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	var choice proxy.Choice
	if p.Proxies != nil {
		var err error
		if choice, err = p.Proxies.For(&url.URL{Scheme: "https", Host: address}); err != nil {
			return nil, choice, err
		}
	}
	if choice.URL == nil {
		connection, err := dial(ctx, "tcp", address)
		return connection, choice, err
	}
	connection, err := p.connectThrough(ctx, dial, choice.URL, address)
	if err != nil {
		if refused, ok := errors.AsType[*ProxyError](err); ok {
			refused.Proxy = choice.String()
			return nil, choice, refused
		}
		if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			err = context.DeadlineExceeded
		}
		return nil, choice, &ProxyError{Proxy: choice.String(), Err: err}
	}
	return connection, choice, nil
}

// portOf is the port of a proxy's URL, which the environment's may leave out.
func portOf(proxy *url.URL) string {
	if proxy.Scheme == "https" {
		return cmp.Or(proxy.Port(), "443")
	}
	return cmp.Or(proxy.Port(), "80")
}

var errScheme = errors.New("usher's checks speak to http and https proxies only")

// longestHeader bounds what is read of a proxy's answer.
const longestHeader = 64 << 10

// connectThrough asks a proxy for a tunnel (CONNECT, RFC 9110 section 9.3.6).
func (p Prober) connectThrough(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error),
	through *url.URL, address string) (_ net.Conn, err error) {
	if through.Scheme != "http" && through.Scheme != "https" {
		return nil, errScheme
	}
	connection, err := dial(ctx, "tcp", net.JoinHostPort(through.Hostname(), portOf(through)))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { connection.Close() })
	raw := connection
	defer func() {
		stop()
		if err != nil {
			raw.Close()
		}
	}()
	if through.Scheme == "https" {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if p.ProxyTLS != nil {
			config = p.ProxyTLS.Clone()
		}
		config.ServerName = through.Hostname()
		secured := tls.Client(connection, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		connection = secured
	}
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address,
		Header: http.Header{"User-Agent": {"usher"}}}
	if through.User != nil { // the environment's only: proxy.url has none
		password, _ := through.User.Password()
		basic := http.Request{Header: http.Header{}}
		basic.SetBasicAuth(through.User.Username(), password)
		request.Header.Set("Proxy-Authorization", basic.Header.Get("Authorization"))
	}
	if err := request.Write(connection); err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: connection, N: longestHeader}
	reader := bufio.NewReader(limited)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, fmt.Errorf("read answer to CONNECT: %w", err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &ProxyError{Status: response.StatusCode}
	}
	if !stop() {
		return nil, context.Cause(ctx)
	}
	limited.N = 1<<63 - 1 // what follows is the tunnel's
	return &tunnel{Conn: connection, reader: reader}, nil
}

// tunnel is a connection of which the beginning may have been read with the proxy's answer.
type tunnel struct {
	net.Conn
	reader io.Reader
}

// Read reads what the proxy's answer was followed by first.
func (t *tunnel) Read(into []byte) (int, error) { return t.reader.Read(into) }
