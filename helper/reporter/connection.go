package reporter

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/contract"
	"usher.internal/internal/fleet"
	"usher.internal/internal/notice"
	usherv1 "usher.internal/proto/usher/v1"
)

const (
	// requestsInHand are kept until they are answered; more are dropped.
	requestsInHand = 16
	// bufferBytes are held for what is sent, for as long as there is a connection; a status has a tenth of it.
	bufferBytes = 4 << 10
	// keptInHand are read while a change is published, which is one at a time; more come where another Mac has the same
	// name.
	keptInHand = 16
	// aliveWithin is how long a server may take to answer after the network has changed, before the connection is made
	// anew.
	aliveWithin = 10 * time.Second
)

// connection is one to the servers of NATS, or the attempt to make it.
type connection struct {
	*Reporter
	settings Settings
	// files is the fingerprint of the settings' files.
	files    [sha256.Size]byte
	name     string
	conn     *nats.Conn
	requests chan *nats.Msg
	// kept gets what the servers tell about changes of this Mac, see [fleet.KeptOf].
	kept chan *nats.Msg
	// connected gets a value when the connection is there, again too, and lost when it was lost.
	connected, lost notice.Signal
	closed          chan struct{}
	// announced is set when the fleet knows that this Mac has come.
	announced bool
	id        string
}

// open begins to connect. An error is for good, until the configuration or a file of it changes.
func (r *Reporter) open(ctx context.Context, settings Settings) (*connection, error) {
	files := fingerprint(settings.Files())
	name, err := r.name(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("this Mac has no name for the fleet: %w; set fleet.mac", err)
	}
	if !fleet.IsMac(name) {
		return nil, fmt.Errorf("the name %q cannot be used in the fleet; set fleet.mac to one of letters, "+
			"digits, - and _", name)
	}
	if settings.CredentialsFile != "" {
		credentials, err := fleet.ReadCredentials(settings.CredentialsFile)
		if err != nil {
			return nil, err
		}
		if credentials.Name != name {
			return nil, fmt.Errorf("the credentials in %s are those of %s, and this Mac is %s: set fleet.mac, or "+
				"give it its own", settings.CredentialsFile, credentials.Name, name)
		}
	}
	options, err := settings.Options("usherd", name)
	if err != nil {
		return nil, err
	}
	c := &connection{
		Reporter: r, settings: settings, files: files, name: name, requests: make(chan *nats.Msg, requestsInHand),
		kept: make(chan *nats.Msg, keptInHand),
		lost: notice.NewSignal(), connected: notice.NewSignal(), closed: make(chan struct{}),
		id: uuid.NewString(),
	}
	expires, err := settings.Expires()
	if err != nil {
		return nil, err
	}
	r.become(&usherv1.FleetStatus{Mac: name, Since: contract.Timestamp(time.Now()),
		ExpireTime: contract.Timestamp(expires)})
	options = append(options,
		nats.RetryOnFailedConnect(true),
		nats.WriteBufferSize(bufferBytes),
		nats.ConnectHandler(c.isConnected),
		nats.ReconnectHandler(c.isConnected),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.isDisconnected(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { c.isDisconnected(err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.failed(err) }),
		nats.ClosedHandler(func(*nats.Conn) { close(c.closed) }),
	)
	if c.conn, err = nats.Connect(strings.Join(settings.Servers, ","), options...); err != nil {
		return nil, fmt.Errorf("connect to the fleet: %w", err)
	}
	for subject, received := range map[string]chan *nats.Msg{fleet.StatusOfAll: c.requests,
		fleet.StatusOf(name): c.requests, fleet.KeptOf(name): c.kept} {
		if _, err := c.conn.ChanSubscribe(subject, received); err != nil {
			c.close()
			return nil, fmt.Errorf("listen to the fleet: %w", err)
		}
	}
	return c, nil
}

func (c *connection) close() {
	c.conn.Close()
	<-c.closed // the handlers have run
}

func (c *connection) isConnected(conn *nats.Conn) {
	server := conn.ConnectedUrlRedacted()
	c.log.Info("connected to the fleet", "server", server, "mac", c.name)
	c.note(func(state *usherv1.FleetStatus) {
		state.Server, state.Since, state.LastError = server, contract.Timestamp(time.Now()), ""
	})
	c.connected.Set()
}

// isDisconnected is called when the connection is lost, without an error when we closed it, and after attempts to make
// it.
func (c *connection) isDisconnected(err error) {
	c.lost.Set()
	c.note(func(state *usherv1.FleetStatus) {
		if state.Server != "" {
			state.Server, state.Since = "", contract.Timestamp(time.Now())
		}
		if err == nil {
			return
		}
		if told := "not connected: " + withAdvice(err, c.settings); told != state.LastError {
			state.LastError = told
			c.log.Warn("not connected to the fleet", "error", err)
		}
	})
}

// failed is called for what goes wrong while the connection stays: what a server refuses, mostly.
func (c *connection) failed(err error) {
	if errors.Is(err, nats.ErrSlowConsumer) {
		c.log.Debug("the fleet asks more often than it is answered", "error", err)
		return // by design, see requestsInHand
	}
	c.log.Warn("the fleet does not take something", "error", err)
	c.note(func(state *usherv1.FleetStatus) { state.LastError = withAdvice(err, c.settings) })
}

// withAdvice is an error of NATS's with what helps.
func withAdvice(err error, settings Settings) string {
	text := strings.TrimPrefix(err.Error(), "nats: ")
	switch {
	case errors.Is(err, nats.ErrAuthExpired):
		return text + ": the credentials have expired; put new ones into " + settings.CredentialsFile
	case errors.Is(err, nats.ErrAuthRevoked):
		return text + ": the credentials were revoked"
	case errors.Is(err, nats.ErrAuthorization):
		if credentials, readError := fleet.ReadCredentials(settings.CredentialsFile); readError == nil &&
			!credentials.Expires.IsZero() && credentials.Expires.Before(time.Now()) {
			return text + ": the credentials expired at " + credentials.Expires.UTC().Format(time.RFC3339) +
				"; put new ones into " + settings.CredentialsFile
		}
		return text + ": the server does not know these credentials, or they have expired or were revoked"
	case errors.Is(err, nats.ErrPermissionViolation):
		return text + ": the credentials are not those of this Mac"
	case strings.Contains(text, "x509:"), strings.Contains(text, "tls:"):
		return text + ": see fleet.ca_file, and whether this Mac's clock is right"
	}
	return text
}

// run answers and publishes until there is another configuration, or ctx ends. An answer does not wait for a stream
// that has no leader.
func (c *connection) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	working.Go(func() { c.keepPublishing(ctx) })
	working.Go(func() { c.keepAlive(ctx) })
	for {
		select {
		case request := <-c.requests:
			c.answer(request)
		case <-c.changed:
			if c.outdated(ctx) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// outdated tells whether there are other settings, or files, than it was made of. Most of what is configured is no
// matter of the fleet's, and is no reason for all of its Macs to connect anew.
func (c *connection) outdated(ctx context.Context) bool {
	now := c.config.Settings()
	name, err := c.Reporter.name(ctx, now)
	return err != nil || name != c.name || !reflect.DeepEqual(now, c.settings) || fingerprint(now.Files()) != c.files
}

// keepAlive has a connection that the network has taken along noticed at once, and not when it is tried next.
func (c *connection) keepAlive(ctx context.Context) {
	for {
		select {
		case <-c.network:
		case <-ctx.Done():
			return
		}
		alive, cancel := context.WithTimeout(ctx, aliveWithin)
		if !c.conn.IsConnected() || c.conn.FlushWithContext(alive) != nil && ctx.Err() == nil {
			_ = c.conn.ForceReconnect() // it is closed otherwise
		}
		cancel()
	}
}

// answer answers one request. Of what it holds, the id of the question is read.
func (c *connection) answer(request *nats.Msg) {
	asked := new(usherv1.StatusRequest)
	if proto.Unmarshal(request.Data, asked) != nil {
		return
	}
	subject, ok := fleet.AnswerOf(asked.GetQuery(), c.name)
	if !ok || !c.limiter.Allow() {
		return
	}
	status, err := c.standing()
	if err != nil {
		c.log.Error("the fleet's question could not be answered", "error", err)
		return
	}
	content, err := c.settings.encode(status)
	if err == nil {
		err = c.conn.Publish(subject, content)
	}
	if err != nil {
		c.log.Warn("the fleet's question could not be answered", "error", err)
	}
}

// standing is how this Mac stands now.
func (c *connection) standing() (*usherv1.MacStatus, error) {
	whole, err := c.Reporter.status.Status()
	if err != nil {
		return nil, err
	}
	told := describe(whole)
	told.Mac, told.Instance, told.Time = c.name, c.instance, contract.Timestamp(time.Now())
	told.PersonalDataLeftOut = !c.settings.PersonalData
	c.mu.Lock()
	defer c.mu.Unlock()
	told.UnpublishedChanges, told.DroppedChanges = c.waiting, c.dropped
	return told, nil
}
