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
	// requestsInHand is how many requests wait for an answer; more are dropped.
	requestsInHand = 16
	// bufferBytes limits the data that waits to be sent while there is a connection; a status has a tenth of it.
	bufferBytes = 4 << 10
	// keptInHand is the buffer for confirmations while a change is published. Changes are published one at a time; more
	// confirmations come if another Mac has the same name.
	keptInHand = 16
	// aliveWithin is the time that a server has to answer after the network has changed. Then the connection is
	// rebuilt.
	aliveWithin = 10 * time.Second
)

// connection is a connection to the NATS servers, or the attempt to make it.
type connection struct {
	*Reporter
	settings Settings
	// files is the fingerprint of the settings' files.
	files    [sha256.Size]byte
	name     string
	conn     *nats.Conn
	requests chan *nats.Msg
	// kept receives the servers' confirmations for changes of this Mac, see [fleet.KeptOf].
	kept chan *nats.Msg
	// connected gets a value at each connect, and lost at each loss of the connection.
	connected, lost notice.Signal
	closed          chan struct{}
	// announced is set when the fleet knows that this Mac is there.
	announced bool
	id        string
}

// open begins to connect. An error is permanent until the configuration, or a file that it names, changes.
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
			return nil, fmt.Errorf("the credentials in %s are for %s, but this Mac is %s: set fleet.mac, or give "+
				"this Mac its own credentials", settings.CredentialsFile, credentials.Name, name)
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

// isDisconnected is called when the connection is lost, and after each failed attempt to connect. There is no error if
// we closed it.
func (c *connection) isDisconnected(err error) {
	c.lost.Set()
	c.note(func(state *usherv1.FleetStatus) {
		if state.Server != "" {
			state.Server, state.Since = "", contract.Timestamp(time.Now())
		}
		if err == nil {
			return
		}
		if text := "not connected: " + withAdvice(err, c.settings); text != state.LastError {
			state.LastError = text
			c.log.Warn("not connected to the fleet", "error", err)
		}
	})
}

// failed is called for errors on an open connection: mostly what a server refuses.
func (c *connection) failed(err error) {
	if errors.Is(err, nats.ErrSlowConsumer) {
		c.log.Debug("the fleet asks more often than it is answered", "error", err)
		return // by design, see requestsInHand
	}
	c.log.Warn("the fleet does not take something", "error", err)
	c.note(func(state *usherv1.FleetStatus) { state.LastError = withAdvice(err, c.settings) })
}

// withAdvice returns an error of NATS with its fix.
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

// run answers and publishes until the configuration changes, or ctx ends. Answers do not wait for a stream without a
// leader.
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

// outdated reports whether the settings, or their files, differ from the ones that the connection was built from. Most
// of the configuration does not concern the fleet. A change there is no reason for all Macs to reconnect.
func (c *connection) outdated(ctx context.Context) bool {
	now := c.config.Settings()
	name, err := c.Reporter.name(ctx, now)
	return err != nil || name != c.name || !reflect.DeepEqual(now, c.settings) || fingerprint(now.Files()) != c.files
}

// keepAlive makes a change of the network end a dead connection at once, not at its next use.
func (c *connection) keepAlive(ctx context.Context) {
	for {
		select {
		case <-c.network:
		case <-ctx.Done():
			return
		}
		alive, cancel := context.WithTimeout(ctx, aliveWithin)
		if !c.conn.IsConnected() || c.conn.FlushWithContext(alive) != nil && ctx.Err() == nil {
			_ = c.conn.ForceReconnect() // it fails only if the connection is closed
		}
		cancel()
	}
}

// answer answers one request. It reads only the id of the question.
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

// standing returns the current state of this Mac.
func (c *connection) standing() (*usherv1.MacStatus, error) {
	whole, err := c.Reporter.status.Status()
	if err != nil {
		return nil, err
	}
	status := describe(whole)
	status.Mac, status.Instance, status.Time = c.name, c.instance, contract.Timestamp(time.Now())
	status.PersonalDataLeftOut = !c.settings.PersonalData
	c.mu.Lock()
	defer c.mu.Unlock()
	status.UnpublishedChanges, status.DroppedChanges = c.waiting, c.dropped
	return status, nil
}
