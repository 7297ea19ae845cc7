// Package endpoint examines how a server answers from this computer. It finds the proxy on the way, and whether the
// certificate is from a public authority or from something that inspects TLS.
//
// [Prober.Connect] opens a connection. [Prober.Look] makes a whole handshake and judges it. Only the handshake is sent
// over a connection, and no answer is trusted: if a chain is not public, the connection is closed after the check.
//
// The authorities are those of Mozilla's list in golang.org/x/crypto/x509roots/fallback, not those of the system. An
// organisation that inspects TLS adds its own authority to the system. The list is as old as this program.
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

// Limits for a connection, including one through a proxy, and for the handshake after it.
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

// Prober examines servers. It keeps no state: any number of goroutines may use it.
type Prober struct {
	// Dial connects to a server or a proxy; nil is [net.Dialer.DialContext].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxies finds the proxy of the helper's own calls; nil connects directly.
	Proxies *proxy.Finder
	// Roots are the public authorities; nil means Mozilla's.
	Roots *x509.CertPool
	// ProxyTLS is for the connection to a proxy whose URL is https; nil trusts the same authorities as the system.
	ProxyTLS *tls.Config
	// Now is the clock for the validity of certificates; nil means time.Now.
	Now func() time.Time
}

// ProxyError reports a proxy that did not connect to a server.
type ProxyError struct {
	// Proxy is its URL without user and password.
	Proxy string
	// Status is its answer. It is 0 if there was no answer, and then Err says why.
	Status int
	Err    error
}

// Error returns one line.
func (e *ProxyError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("proxy %s: %d %s", e.Proxy, e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("proxy %s: %v", e.Proxy, e.Err)
}

// Unwrap returns the cause.
func (e *ProxyError) Unwrap() error { return e.Err }

// AsksForUser reports whether an error comes from a proxy that requires a user and a password.
func AsksForUser(err error) bool {
	refused, ok := errors.AsType[*ProxyError](err)
	return ok && refused.Status == http.StatusProxyAuthRequired
}

// Connect opens a connection to host:port within [ConnectTimeout], through the same proxy as the helper's own calls.
// The choice is valid even if there is an error. The error is a [*ProxyError] if the proxy is the cause.
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

// portOf returns the port of a proxy's URL. A URL from the environment may have none.
func portOf(proxy *url.URL) string {
	if proxy.Scheme == "https" {
		return cmp.Or(proxy.Port(), "443")
	}
	return cmp.Or(proxy.Port(), "80")
}

var errScheme = errors.New("usher's checks support only http and https proxies")

// longestHeader limits how much of a proxy's answer is read.
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
	if through.User != nil { // only from the environment: proxy.url has none
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
	limited.N = 1<<63 - 1 // the rest belongs to the tunnel
	return &tunnel{Conn: connection, reader: reader}, nil
}

// tunnel is a connection whose beginning may have been read with the proxy's answer.
type tunnel struct {
	net.Conn
	reader io.Reader
}

// Read first returns the bytes after the proxy's answer.
func (t *tunnel) Read(into []byte) (int, error) { return t.reader.Read(into) }
