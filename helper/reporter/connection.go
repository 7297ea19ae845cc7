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

// session is a connection, or the attempt to make one.
type session struct {
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
	connected, lost chan struct{}
	closed          chan struct{}
	// announced is set when the fleet knows that this Mac has come.
	announced bool
	id        string
}

// open begins to connect. An error is for good, until the configuration or a file of it changes.
func (r *Reporter) open(ctx context.Context, settings Settings) (*session, error) {
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
	s := &session{
		Reporter: r, settings: settings, files: files, name: name, requests: make(chan *nats.Msg, requestsInHand),
		kept: make(chan *nats.Msg, keptInHand),
		lost: make(chan struct{}, 1), connected: make(chan struct{}, 1), closed: make(chan struct{}),
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
		nats.ConnectHandler(s.isConnected),
		nats.ReconnectHandler(s.isConnected),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { s.isDisconnected(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { s.isDisconnected(err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.failed(err) }),
		nats.ClosedHandler(func(*nats.Conn) { close(s.closed) }),
	)
	if s.conn, err = nats.Connect(strings.Join(settings.Servers, ","), options...); err != nil {
		return nil, fmt.Errorf("connect to the fleet: %w", err)
	}
	for subject, received := range map[string]chan *nats.Msg{fleet.StatusOfAll: s.requests,
		fleet.StatusOf(name): s.requests, fleet.KeptOf(name): s.kept} {
		if _, err := s.conn.ChanSubscribe(subject, received); err != nil {
			s.close()
			return nil, fmt.Errorf("listen to the fleet: %w", err)
		}
	}
	return s, nil
}

func (s *session) close() {
	s.conn.Close()
	<-s.closed // the handlers have run
}

func (s *session) isConnected(conn *nats.Conn) {
	server := conn.ConnectedUrlRedacted()
	s.log.Info("connected to the fleet", "server", server, "mac", s.name)
	s.note(func(state *usherv1.FleetStatus) {
		state.Server, state.Since, state.LastError = server, contract.Timestamp(time.Now()), ""
	})
	signal(s.connected)
}

// isDisconnected is called when the connection is lost, without an error when we closed it, and after attempts to make
// it.
func (s *session) isDisconnected(err error) {
	signal(s.lost)
	s.note(func(state *usherv1.FleetStatus) {
		if state.Server != "" {
			state.Server, state.Since = "", contract.Timestamp(time.Now())
		}
		if err == nil {
			return
		}
		if told := "not connected: " + withAdvice(err, s.settings); told != state.LastError {
			state.LastError = told
			s.log.Warn("not connected to the fleet", "error", err)
		}
	})
}

// failed is called for what goes wrong while the connection stays: what a server refuses, mostly.
func (s *session) failed(err error) {
	if errors.Is(err, nats.ErrSlowConsumer) {
		s.log.Debug("the fleet asks more often than it is answered", "error", err)
		return // by design, see requestsInHand
	}
	s.log.Warn("the fleet does not take something", "error", err)
	s.note(func(state *usherv1.FleetStatus) { state.LastError = withAdvice(err, s.settings) })
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
func (s *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	working.Go(func() { s.keepPublishing(ctx) })
	working.Go(func() { s.keepAlive(ctx) })
	for {
		select {
		case request := <-s.requests:
			s.answer(request)
		case <-s.changed:
			if s.outdated(ctx) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// outdated tells whether there are other settings, or files, than it was made of. Most of what is configured is no
// matter of the fleet's, and is no reason for all of its Macs to connect anew.
func (s *session) outdated(ctx context.Context) bool {
	now := s.config.Settings()
	name, err := s.Reporter.name(ctx, now)
	return err != nil || name != s.name || !reflect.DeepEqual(now, s.settings) || fingerprint(now.Files()) != s.files
}

// keepAlive has a connection that the network has taken along noticed at once, and not when it is tried next.
func (s *session) keepAlive(ctx context.Context) {
	for {
		select {
		case <-s.network:
		case <-ctx.Done():
			return
		}
		alive, cancel := context.WithTimeout(ctx, aliveWithin)
		if !s.conn.IsConnected() || s.conn.FlushWithContext(alive) != nil && ctx.Err() == nil {
			_ = s.conn.ForceReconnect() // it is closed otherwise
		}
		cancel()
	}
}

// answer answers one request. Of what it holds, the id of the question is read.
func (s *session) answer(request *nats.Msg) {
	asked := new(usherv1.StatusRequest)
	if proto.Unmarshal(request.Data, asked) != nil {
		return
	}
	subject, ok := fleet.AnswerOf(asked.GetQuery(), s.name)
	if !ok || !s.limiter.Allow() {
		return
	}
	status, err := s.standing()
	if err != nil {
		s.log.Error("the fleet's question could not be answered", "error", err)
		return
	}
	content, err := proto.Marshal(status)
	if err == nil {
		err = s.conn.Publish(subject, content)
	}
	if err != nil {
		s.log.Warn("the fleet's question could not be answered", "error", err)
	}
}

// standing is how this Mac stands now.
func (s *session) standing() (*usherv1.MacStatus, error) {
	whole, err := s.Reporter.status.Status()
	if err != nil {
		return nil, err
	}
	told := describe(whole, s.settings.PersonalData)
	told.Mac, told.Instance, told.Time = s.name, s.instance, contract.Timestamp(time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	told.UnpublishedChanges, told.DroppedChanges = s.waiting, s.dropped
	return told, nil
}
