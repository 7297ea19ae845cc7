package jamfpro

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"
)

// The errors of this package. Callers use errors.Is.
var (
	// ErrComputerNotFound: Jamf Pro has no record of this computer. Only an enrolment changes that.
	ErrComputerNotFound = errors.New("computer not found in Jamf Pro")
	// ErrVersion: usher cannot use the server's version.
	ErrVersion = errors.New("version of Jamf Pro cannot be used")
	// ErrNotAnID: the ID of a computer that Jamf Pro sent is not a number.
	ErrNotAnID = errors.New("the ID of a computer in Jamf Pro is not a number")
	// ErrAttributeNotWritable: an extension attribute of our name exists, but the API cannot write its kind.
	ErrAttributeNotWritable = errors.New("extension attribute cannot be written")
	// ErrAttributeMissing: an extension attribute does not exist and could not be created.
	ErrAttributeMissing = errors.New("extension attribute is missing")
	// ErrUnknownDefinition: Jamf Pro does not know a definition that it has just reported. A Jamf Cloud cluster
	// refreshes within a minute, so waiting that long can help.
	ErrUnknownDefinition = errors.New("extension attribute is not known to every server of Jamf Pro yet")
	// ErrSecretFile: the client secret cannot be read, or others can read it too.
	ErrSecretFile = errors.New("client secret file is not usable")
	// ErrSecretNotAllowed: the text cannot be a client secret; nothing was changed.
	ErrSecretNotAllowed = errors.New("client secret is not allowed")
	// ErrNoCompliance: Jamf Pro knows nothing of this computer's device compliance.
	ErrNoCompliance = errors.New("no device compliance is known of this computer in Jamf Pro")
	// ErrNotConfigured: keys that a call to Jamf Pro's API needs are not set.
	ErrNotConfigured = errors.New("the API of Jamf Pro is not configured")
	// ErrBusy: other calls to Jamf Pro took longer than the caller could wait.
	ErrBusy = errors.New("another call to Jamf Pro is under way")
	// ErrRefused and ErrUnreachable: every [*APIError] is one of the two, see [APIError.Permanent].
	ErrRefused     = errors.New("call refused by Jamf Pro")
	ErrUnreachable = errors.New("no proper answer from Jamf Pro")
)

// DefaultCallTimeout is the limit for one call, including its answer.
const DefaultCallTimeout = 60 * time.Second

// Config names the server and the API client.
type Config struct {
	// URL is the server's URL, for example https://example.jamfcloud.com. http is allowed for loopback addresses only.
	URL string
	// EnvironmentID and TenantID identify the Jamf Pro at the gateway of Jamf's Platform API. The gateway needs one of
	// them.
	EnvironmentID, TenantID string
	// ComputerID is the ID of this computer in Jamf Pro. If it is empty, usher searches for the computer.
	ComputerID string
	// ClientID is the id of an API client ("API roles and clients" in Jamf Pro).
	ClientID string
	// ClientSecretFile is the path of the file that holds the secret; see [ReadClientSecret].
	ClientSecretFile string
	// Proxy returns the proxy of a call, at the time of the call. nil reads the environment once, as
	// [http.ProxyFromEnvironment] does.
	Proxy func(*http.Request) (*url.URL, error)
	// Upgraded is called when the server reports a new version. It may be nil. It must not use the client.
	Upgraded func()
	// CallTimeout is for one call; zero means [DefaultCallTimeout].
	CallTimeout time.Duration
	// Logger may be nil.
	Logger *slog.Logger
	// Now is the clock for the expiry of tokens; nil means time.Now.
	Now func() time.Time
}

// Client talks to one Jamf Pro server. It is safe for concurrent use; its calls go one after another.
type Client struct {
	server      server
	credentials credentials
	computerID  string
	upgraded    func()
	callTimeout time.Duration
	log         *slog.Logger
	now         func() time.Time
	started     time.Time
	proxy       func(*http.Request) (*url.URL, error)

	turn        chan struct{} // holds one element; the goroutine that takes it owns all fields below
	http        *http.Client  // nil between deliveries
	token       token
	inventory   inventory
	definitions map[string]defined
}

// New validates the configuration. It neither reads the secret nor connects.
func New(config Config) (*Client, error) {
	where, err := newServer(config)
	if err != nil {
		return nil, err
	}
	if config.ClientID == "" {
		return nil, errors.New("client id of Jamf Pro's API is empty")
	}
	if config.ClientSecretFile == "" {
		return nil, errors.New("client secret file of Jamf Pro's API is not set")
	}
	client := &Client{
		server:      where,
		credentials: credentials{id: config.ClientID, secretFile: config.ClientSecretFile},
		computerID:  config.ComputerID,
		upgraded:    config.Upgraded,
		callTimeout: config.CallTimeout,
		log:         config.Logger,
		now:         config.Now,
		proxy:       config.Proxy,
		turn:        make(chan struct{}, 1),
	}
	if client.callTimeout <= 0 {
		client.callTimeout = DefaultCallTimeout
	}
	if client.upgraded == nil {
		client.upgraded = func() {}
	}
	if client.log == nil {
		client.log = slog.New(slog.DiscardHandler)
	}
	if client.now == nil {
		client.now = time.Now
	}
	client.started = client.now()
	if client.proxy == nil {
		client.proxy = http.ProxyFromEnvironment
	}
	if client.computerID != "" {
		if err := checkID(client.computerID); err != nil {
			return nil, fmt.Errorf("delivery.api.computer_id: %w", err)
		}
	}
	client.turn <- struct{}{}
	return client, nil
}

// Host returns the server's host, with its port if it has one.
func (c *Client) Host() string { return c.server.base.Host }

// begin waits for this caller's turn and creates the HTTP client; end gives both back.
func (c *Client) begin(ctx context.Context) (end func(), err error) {
	select {
	case <-c.turn:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	transport := newTransport(c.proxy)
	// Jamf Cloud is a cluster. Its cookies keep us on one server, where our writes can be read at once [DEV]. They are
	// forgotten at the end, so that the next delivery may go to another server.
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.turn <- struct{}{}
		return nil, fmt.Errorf("keep cookies: %w", err)
	}
	c.http = &http.Client{
		Transport: transport,
		Jar:       jar,
		// A redirect is never Jamf Pro's answer, and following it would give the token to another server.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func() {
		c.http = nil
		transport.CloseIdleConnections()
		c.turn <- struct{}{}
	}, nil
}

func newTransport(proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	dialer := net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    15 * time.Second,
		MaxConnsPerHost:        1,
		MaxIdleConnsPerHost:    1,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
