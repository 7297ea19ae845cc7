// Package fleetview asks a fleet for its state through NATS, and reads earlier states (docs/fleet-setup.md).
//
// Everything that it receives is hostile: anybody may control a Mac. A Mac is believed only about itself, under the
// name under which the server lets it publish.
package fleetview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/semver"

	"usher.internal/ctl/fleetsetup"
	"usher.internal/internal/backoff"
	"usher.internal/internal/fleet"
	"usher.internal/internal/foreign"
	"usher.internal/internal/notice"
)

// ErrNoAccess is wrapped when the files for the access to the fleet cannot be used.
var ErrNoAccess = errors.New("there is no access to a fleet")

// ErrUnreachable is wrapped when no server of the fleet can be reached, or when it refuses the credentials.
var ErrUnreachable = errors.New("the fleet's servers cannot be reached")

// ErrNoRoom is wrapped when the servers do not give the streams as much disk as configured.
var ErrNoRoom = errors.New("the servers do not give that much of their disks")

// ErrNotPermitted is wrapped when the credentials do not permit the request.
var ErrNotPermitted = errors.New("these credentials do not permit that")

// ErrHalf is wrapped when one of a fleet's streams is missing, and the other one is not.
var ErrHalf = errors.New("half of what the servers kept is gone")

// ErrOldServer is wrapped when the servers are too old.
var ErrOldServer = errors.New("the servers are too old")

// oldestServer is the oldest nats-server that parses requests strictly. An older one accepts almost anything, and can
// take a harmless request for another one.
const oldestServer = "v2.12.0"

// The errors when a stream needs more room than there is: from the account, one server, one server of a cluster, and a
// cluster. Source: https://github.com/nats-io/nats-server/blob/main/server/errors.json
var noRoom = []jetstream.ErrorCode{10002, 10047, 10023, 10005}

// maximumAccess is larger than any sensible access file, in bytes.
const maximumAccess = 1 << 20

// ReadAccess reads the access to a fleet from a folder that [fleetsetup.Write] made, or from the folder admin in it.
// The name is the one that the credentials are for.
func ReadAccess(folder string) (access fleet.Access, name string, err error) {
	refuse := func(err error) (fleet.Access, string, error) {
		return fleet.Access{}, "", fmt.Errorf("%w: %w", ErrNoAccess, err)
	}
	file := filepath.Join(folder, fleetsetup.AccessFile)
	content, err := foreign.Read(file, maximumAccess)
	if errors.Is(err, os.ErrNotExist) {
		inner := filepath.Join(folder, "admin", fleetsetup.AccessFile)
		if within, innerError := foreign.Read(inner, maximumAccess); !errors.Is(innerError, os.ErrNotExist) {
			content, err, file = within, innerError, inner
		}
	}
	if err != nil {
		return refuse(err)
	}
	var written struct {
		Servers         []string `yaml:"servers"`
		CAFile          string   `yaml:"ca_file"`
		CredentialsFile string   `yaml:"credentials_file"`
		NKeyFile        string   `yaml:"nkey_file"`
		CertificateFile string   `yaml:"certificate_file"`
		KeyFile         string   `yaml:"key_file"`
		Name            string   `yaml:"name"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&written); err != nil && !errors.Is(err, io.EOF) { // an empty one
		return refuse(fmt.Errorf("%s: %s", file, inYAML(err)))
	}
	if len(written.Servers) == 0 {
		return refuse(fmt.Errorf("%s names no servers", file))
	}
	beside := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(filepath.Dir(file), name)
	}
	access = fleet.Access{
		Servers: written.Servers, CAFile: beside(written.CAFile), CredentialsFile: beside(written.CredentialsFile),
		NKeyFile: beside(written.NKeyFile), CertificateFile: beside(written.CertificateFile),
		KeyFile: beside(written.KeyFile),
	}
	name = written.Name
	if access.CredentialsFile != "" {
		credentials, err := fleet.ReadCredentials(access.CredentialsFile)
		if err != nil {
			return refuse(err)
		}
		name = credentials.Name
	}
	if name == "" {
		name = fleetsetup.AdminName
	}
	return access, name, nil
}

// Client is an admin's connection. Its methods may be called from any goroutine.
type Client struct {
	conn *nats.Conn
	// stream is the API for the provisioner of the streams, reading the API for admins: see [fleet.ReadPrefix].
	stream, reading jetstream.JetStream
	// reconnected and lost get a value when the connection is back, and when it was lost. closed is closed when the
	// client gives up: the servers do not accept the credentials any more.
	reconnected, lost notice.Signal
	closed            chan struct{}
	// servers is the number of servers.
	servers int
	// refused gets what the server does not permit.
	refused chan error
}

// Connect connects. The caller closes the client. The error wraps [ErrUnreachable].
func Connect(ctx context.Context, access fleet.Access, name string) (*Client, error) {
	client := &Client{servers: len(access.Servers), reconnected: notice.NewSignal(), lost: notice.NewSignal(),
		closed: make(chan struct{}), refused: make(chan error, 1)}
	options, err := access.Options("usherctl", name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAccess, err)
	}
	options = append(options,
		nats.ReconnectHandler(func(*nats.Conn) { client.reconnected.Set() }),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { client.lost.Set() }),
		// somebody waits
		nats.CustomReconnectDelay(backoff.Pauses{First: 200 * time.Millisecond, Longest: 5 * time.Second}.After),
		// nobody renews credentials during a command
		func(options *nats.Options) error { options.IgnoreAuthErrorAbort = false; return nil },
		// a lost message is noticed by its absence
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				select {
				case client.refused <- err:
				default:
				}
			}
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(client.closed) }),
	)
	connected := make(chan error, 1)
	go func() {
		var err error
		client.conn, err = nats.Connect(strings.Join(access.Servers, ","), options...)
		connected <- err
	}()
	select {
	case err = <-connected:
	case <-ctx.Done():
		// It has a limit of its own, and no place for a late connection.
		go func() {
			if <-connected == nil {
				client.conn.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnreachable, strings.Join(access.Servers, ", "), err)
	}
	if client.stream, err = jetstream.New(client.conn); err == nil {
		client.reading, err = jetstream.NewWithAPIPrefix(client.conn, fleet.ReadPrefix)
	}
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	return client, nil
}

// Close ends the connection.
func (c *Client) Close() {
	c.conn.Close()
	<-c.closed
}

// Streams says what the streams of a fleet keep. A zero field leaves the present value, or takes that of
// [DefaultStreams].
type Streams struct {
	// Keep is how long changes are kept, Forget how long a silent Mac is known.
	Keep, Forget time.Duration
	// Replicas is the number of servers with a copy: 1 or 3.
	Replicas int
	// StorageBytes is what both streams together may take on each server.
	StorageBytes int64
	// NewBucket rebuilds the bucket from the stream.
	NewBucket bool
}

// DefaultStreams are the values for new streams on one server.
func DefaultStreams() Streams {
	return Streams{Keep: 90 * 24 * time.Hour, Forget: 400 * 24 * time.Hour, Replicas: 1, StorageBytes: 8 << 30}
}

// duplicatesWithin is how long the servers remember a change to detect duplicates; readers of the stream remember it
// longer. A Mac that got no confirmation waits longer than that before it sends a change again: see the Mac's
// publishWithin.
const duplicatesWithin = 5 * time.Second

// Provision makes the stream of changes and the bucket of the last known states, or changes them to what is wanted, and
// returns the result. It loses only what is older or more than is to be kept. The error wraps [ErrNotPermitted] if the
// credentials do not permit it, or [ErrNoRoom].
func (c *Client) Provision(ctx context.Context, wanted Streams) (Streams, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		select {
		case err := <-c.refused:
			cancel(fmt.Errorf("%w: %w", ErrNotPermitted, err))
		case <-ctx.Done():
		}
	})
	made, err := c.provision(ctx, wanted)
	if err != nil && errors.Is(context.Cause(ctx), ErrNotPermitted) {
		err = context.Cause(ctx)
	}
	return made, err
}

func (c *Client) provision(ctx context.Context, wanted Streams) (Streams, error) {
	if version := "v" + c.conn.ConnectedServerVersion(); semver.Compare(version, oldestServer) < 0 {
		return Streams{}, fmt.Errorf("%w: %s is %s, and it must be %s or later", ErrOldServer,
			c.conn.ConnectedUrlRedacted(), version, oldestServer)
	}
	changes, err := c.config(ctx, fleet.ChangesStream)
	if err != nil {
		return Streams{}, err
	}
	macs, err := c.config(ctx, fleet.MacsStream)
	if err != nil {
		return Streams{}, err
	}
	if macs.Name != "" && wanted.NewBucket {
		if err := c.stream.DeleteStream(ctx, fleet.MacsStream); err != nil {
			return Streams{}, fmt.Errorf("remove the bucket %s: %w", fleet.MacsBucket, err)
		}
	} else if changes.Name == "" && macs.Name != "" {
		return Streams{}, fmt.Errorf("%w: there is %s, and %s of which it was filled is gone", ErrHalf,
			fleet.MacsStream, fleet.ChangesStream)
	}
	usual := DefaultStreams()
	if c.servers >= 3 {
		usual.Replicas = 3
	}
	wanted.Keep = cmp.Or(wanted.Keep, changes.MaxAge, usual.Keep)
	wanted.Forget = cmp.Or(wanted.Forget, macs.MaxAge, usual.Forget)
	wanted.Replicas = cmp.Or(wanted.Replicas, changes.Replicas, usual.Replicas)
	wanted.StorageBytes = cmp.Or(wanted.StorageBytes, changes.MaxBytes+macs.MaxBytes, usual.StorageBytes)
	changes = jetstream.StreamConfig{
		Name:        fleet.ChangesStream,
		Description: "changes of the state of Macs, by usher",
		Subjects:    []string{fleet.EveryChange},
		MaxAge:      wanted.Keep,
		MaxBytes:    wanted.StorageBytes - wanted.StorageBytes/4,
		// A Mac that is broken or hostile does not take the room of others.
		MaxMsgsPerSubject: 10_000,
		MaxMsgSize:        fleet.MaximumMessage,
		Duplicates:        duplicatesWithin,
		Replicas:          wanted.Replicas,
		Compression:       jetstream.S2Compression,
		AllowDirect:       true,
		DenyDelete:        true,
		// See [fleet.KeptOf].
		NoAck: true,
		RePublish: &jetstream.RePublish{Source: fleet.EveryChange, Destination: fleet.KeptOf("{{wildcard(1)}}"),
			HeadersOnly: true},
	}
	if _, err := c.stream.CreateOrUpdateStream(ctx, changes); err != nil {
		return Streams{}, fmt.Errorf("make the stream %s: %w", fleet.ChangesStream, provisionError(err))
	}
	// The servers fill the bucket from the stream. So a Mac publishes once, and both agree.
	macs = jetstream.StreamConfig{
		Name:        fleet.MacsStream,
		Description: "the last known state of each Mac, by usher",
		Sources: []*jetstream.StreamSource{{
			Name: fleet.ChangesStream,
			SubjectTransforms: []jetstream.SubjectTransformConfig{{
				Source: fleet.EveryChange, Destination: "$KV." + fleet.MacsBucket + ".{{wildcard(1)}}",
			}},
		}},
		MaxAge:            wanted.Forget,
		MaxBytes:          wanted.StorageBytes / 4,
		MaxMsgsPerSubject: 1,
		Replicas:          wanted.Replicas,
		AllowDirect:       true,
		AllowRollup:       true,
		DenyDelete:        true,
	}
	if _, err := c.stream.CreateOrUpdateStream(ctx, macs); err != nil {
		return Streams{}, fmt.Errorf("make the bucket %s: %w", fleet.MacsBucket, provisionError(err))
	}
	return wanted, nil
}

// config returns the configuration of a stream; it has no name if the stream does not exist.
func (c *Client) config(ctx context.Context, name string) (jetstream.StreamConfig, error) {
	stream, err := c.stream.Stream(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return jetstream.StreamConfig{}, nil
	case err != nil:
		return jetstream.StreamConfig{}, fmt.Errorf("look for the stream %s: %w", name, err)
	}
	return stream.CachedInfo().Config, nil
}

func provisionError(err error) error {
	if refused, ok := errors.AsType[*jetstream.APIError](err); ok && slices.Contains(noRoom, refused.ErrorCode) {
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return err
}

// inYAML returns a YAML error in one line.
func inYAML(err error) string {
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return err.Error()
	}
	// The library's error for a wrong type, with Go's names of the types.
	ofTypes := []struct {
		said *regexp.Regexp
		is   string
	}{
		{regexp.MustCompile(`(?s)field (.*) not found in type .*`), "there is no key $1"},
		{regexp.MustCompile(`(?s)cannot unmarshal .* into \[\]string`), "it must be a list of strings"},
		{regexp.MustCompile(`(?s)cannot unmarshal .* into string`), "it must be a string"},
		{regexp.MustCompile(`(?s)cannot unmarshal .* into .*`), "it must be a mapping"},
	}
	var all []string
	for _, one := range wrong.Errors {
		for _, of := range ofTypes {
			one = of.said.ReplaceAllString(one, of.is)
		}
		all = append(all, one)
	}
	return strings.Join(all, "; ")
}
