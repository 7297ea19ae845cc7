// Package reporter tells the admins of a fleet how this Mac stands, through NATS (docs/fleet.md). The helper dials out;
// nothing listens.
//
// It answers two subjects, its own and that of all devices, with a [usherv1.DeviceStatus], and publishes each change
// out of the outbox that feeds Jamf Pro to a stream of JetStream. That is all: of what comes in the id of a question is
// read, so nothing can be done to a Mac this way.
package reporter

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"usher.internal/helper/delivery"
	"usher.internal/internal/contract"
	"usher.internal/internal/filewatch"
	"usher.internal/internal/fleet"
	"usher.internal/internal/foreign"
	usherv1 "usher.internal/proto/usher/v1"
)

// answersPerSecond are given, answersAtOnce after a while without any; what is asked beyond that is dropped.
const (
	answersPerSecond = 10
	answersAtOnce    = 20
)

// Status is how this Mac stands, as root sees it.
type Status interface {
	Status() (*usherv1.GetStatusResponse, error)
}

// Outbox holds the changes that are still to be published.
type Outbox interface {
	Unpublished(limit int) (oldest []delivery.Delivery, waiting int, dropped int64, err error)
	Published(ids ...uint64) error
	// Publishable returns a channel that gets a value when there is something new.
	Publishable() <-chan struct{}
}

// Settings are what can be configured.
type Settings struct {
	fleet.Access
	// PersonalData has names of people told, and what identifies them.
	PersonalData bool
	// DeviceName is the name that is configured; empty for this Mac's own.
	DeviceName string
}

// Config is what a [Device] needs.
type Config struct {
	Outbox Outbox
	// Settings returns what is configured now; [Device.SettingsChanged] is to be called when that is something else.
	Settings func() Settings
	// Name returns this Mac's own name.
	Name   func(context.Context) (string, error)
	Logger *slog.Logger
}

// Device is this Mac as one of a fleet. One goroutine runs [Device.Run]; the other methods may be called from anywhere.
type Device struct {
	config   Config
	status   Status
	log      *slog.Logger
	instance string
	limiter  *rate.Limiter
	renew    chan struct{}
	changed  chan struct{}
	network  chan struct{}

	mu    sync.Mutex
	state *usherv1.FleetStatus
	// waiting and dropped are how many changes are unpublished, as they were counted last.
	waiting int32
	dropped int64
}

// New returns a device that does nothing before [Device.Run].
func New(config Config) *Device {
	return &Device{
		config: config, log: config.Logger, instance: uuid.NewString(),
		limiter: rate.NewLimiter(answersPerSecond, answersAtOnce),
		renew:   make(chan struct{}, 1), changed: make(chan struct{}, 1), network: make(chan struct{}, 1),
	}
}

// SettingsChanged has [Device.Run] take note of other settings. It does not block.
func (d *Device) SettingsChanged() { signal(d.renew) }

// NetworkChanged has the connection tried, or made, at once. It does not block.
func (d *Device) NetworkChanged() { signal(d.network) }

// State is how the connection stands; nil where no fleet is configured.
func (d *Device) State() *usherv1.FleetStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == nil {
		return nil
	}
	return proto.CloneOf(d.state)
}

// Run is part of the fleet, as far as it is configured, until ctx ends, and then returns nil.
func (d *Device) Run(ctx context.Context, status Status) error {
	d.status = status
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		files := func() []string { return d.config.Settings().Files() }
		filewatch.WatchOrRenew(ctx, d.log, files, d.renew, func() { signal(d.changed) }, func(err error) {
			d.log.Warn("changes of the fleet's credentials are not seen; they count when the connection is made next",
				"error", err)
		})
		return nil
	})
	group.Go(func() error {
		d.wait(ctx) // the watch has begun
		for ctx.Err() == nil {
			d.serve(ctx, d.config.Settings())
		}
		return nil
	})
	return group.Wait()
}

// serve is part of the fleet by one configuration. It returns when that has changed, or ctx ends.
func (d *Device) serve(ctx context.Context, settings Settings) {
	if len(settings.Servers) == 0 {
		d.become(nil)
		d.wait(ctx)
		return
	}
	s, err := d.open(ctx, settings)
	if err != nil {
		d.log.Error("the fleet cannot be told how this Mac stands", "error", err)
		d.become(&usherv1.FleetStatus{LastError: err.Error(), Since: contract.Timestamp(time.Now())})
		d.wait(ctx)
		return
	}
	defer s.close()
	s.run(ctx)
}

// name is under which this Mac is known to the fleet.
func (d *Device) name(ctx context.Context, settings Settings) (string, error) {
	if settings.DeviceName != "" {
		return settings.DeviceName, nil
	}
	return d.config.Name(ctx)
}

// longestFile is how much of a file with credentials or certificates is read, in bytes.
const longestFile = 1 << 20

// fingerprint differs where the content of one of the files does.
func fingerprint(files []string) [sha256.Size]byte {
	whole := sha256.New()
	for _, file := range files {
		content, err := foreign.Read(file, longestFile)
		fmt.Fprintf(whole, "%q %v %d %s", file, err, len(content), content)
	}
	return [sha256.Size]byte(whole.Sum(nil))
}

// wait waits for another configuration.
func (d *Device) wait(ctx context.Context) {
	select {
	case <-d.changed:
	case <-ctx.Done():
	}
}

func (d *Device) become(state *usherv1.FleetStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = state
}

// note changes what is told of the connection.
func (d *Device) note(change func(*usherv1.FleetStatus)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state != nil {
		change(d.state)
	}
}

func signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}
