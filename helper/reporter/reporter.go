// Package reporter reports the state of this Mac to the admins of a fleet, through NATS (docs/fleet-reference.md). The
// helper dials out; nothing listens.
//
// It answers two subjects, its own and that of all Macs, with a [usherv1.MacStatus]. It also publishes each change from
// the outbox that feeds Jamf Pro to a stream of JetStream. It does nothing else: it reads only the id of a question, so
// nobody can change a Mac this way.
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
	"usher.internal/internal/notice"
	usherv1 "usher.internal/proto/usher/v1"
)

// answersPerSecond is the rate of answers, and answersAtOnce the burst after a pause. Further questions are dropped.
const (
	answersPerSecond = 10
	answersAtOnce    = 20
)

// Status returns the state of this Mac, as root sees it.
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

// Settings are the parts that can be configured.
type Settings struct {
	fleet.Access
	// PersonalData allows the names of people, and what identifies them, to be sent.
	PersonalData bool
	// MacName is the configured name. If it is empty, this Mac's own name is used.
	MacName string
}

type Config struct {
	Outbox Outbox
	// Settings returns the current configuration. Call [Reporter.SettingsChanged] when it changes.
	Settings func() Settings
	// Name returns this Mac's own name.
	Name   func(context.Context) (string, error)
	Logger *slog.Logger
}

// Reporter is this Mac's part of a fleet. One goroutine runs [Reporter.Run]; the other methods may be called from
// anywhere.
type Reporter struct {
	config   Config
	status   Status
	log      *slog.Logger
	instance string
	limiter  *rate.Limiter
	renew    notice.Signal
	changed  notice.Signal
	network  notice.Signal

	mu    sync.Mutex
	state *usherv1.FleetStatus
	// waiting and dropped are the numbers of unpublished changes at the last count.
	waiting int32
	dropped int64
}

// New returns a Reporter that does nothing before [Reporter.Run].
func New(config Config) *Reporter {
	return &Reporter{
		config: config, log: config.Logger, instance: uuid.NewString(),
		limiter: rate.NewLimiter(answersPerSecond, answersAtOnce),
		renew:   notice.NewSignal(), changed: notice.NewSignal(), network: notice.NewSignal(),
	}
}

// SettingsChanged makes [Reporter.Run] read the settings again. It does not block.
func (r *Reporter) SettingsChanged() { r.renew.Set() }

// NetworkChanged makes the Reporter check the connection, or connect, at once. It does not block.
func (r *Reporter) NetworkChanged() { r.network.Set() }

// State is the state of the connection. It is nil if no fleet is configured.
func (r *Reporter) State() *usherv1.FleetStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil {
		return nil
	}
	return proto.CloneOf(r.state)
}

// Troubles returns sentences for admins about problems with the connection.
func (r *Reporter) Troubles() (sentences []string) {
	state := r.State()
	if failure := state.GetLastError(); failure != "" {
		sentences = append(sentences, fmt.Sprintf("The fleet does not get the state of this Mac: %s.", failure))
	}
	if end := contract.Time(state.GetExpireTime()); fleet.ExpiresSoon(end, time.Now()) {
		sentences = append(sentences,
			fmt.Sprintf("What this Mac shows to the fleet is valid until %s. Replace the file of "+
				"fleet.credentials_file, or fleet.certificate_file, before then.", end.UTC().Format(time.DateOnly)))
	}
	return sentences
}

// Run takes part in the fleet, if one is configured, until ctx ends. Then it returns nil.
func (r *Reporter) Run(ctx context.Context, status Status) error {
	r.status = status
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		files := func() []string { return r.config.Settings().Files() }
		filewatch.WatchOrRenew(ctx, r.log, files, r.renew, func() { r.changed.Set() }, func(err error) {
			r.log.Warn("changes of the fleet's credentials are not seen; they take effect at the next connection",
				"error", err)
		})
		return nil
	})
	group.Go(func() error {
		r.wait(ctx) // the watch has begun
		for ctx.Err() == nil {
			r.serve(ctx, r.config.Settings())
		}
		return nil
	})
	return group.Wait()
}

// serve takes part in the fleet with one configuration. It returns when that changes, or when ctx ends.
func (r *Reporter) serve(ctx context.Context, settings Settings) {
	if len(settings.Servers) == 0 {
		r.become(nil)
		r.wait(ctx)
		return
	}
	connection, err := r.open(ctx, settings)
	if err != nil {
		r.log.Error("the fleet does not get the state of this Mac", "error", err)
		r.become(&usherv1.FleetStatus{LastError: err.Error(), Since: contract.Timestamp(time.Now())})
		r.wait(ctx)
		return
	}
	defer connection.close()
	connection.run(ctx)
}

// name returns the name of this Mac in the fleet.
func (r *Reporter) name(ctx context.Context, settings Settings) (string, error) {
	if settings.MacName != "" {
		return settings.MacName, nil
	}
	return r.config.Name(ctx)
}

// longestFile is how much of a file with credentials or certificates is read, in bytes.
const longestFile = 1 << 20

// fingerprint differs if the content of one of the files differs.
func fingerprint(files []string) [sha256.Size]byte {
	whole := sha256.New()
	for _, file := range files {
		content, err := foreign.Read(file, longestFile)
		fmt.Fprintf(whole, "%q %v %d %s", file, err, len(content), content)
	}
	return [sha256.Size]byte(whole.Sum(nil))
}

// wait waits until the configuration changes.
func (r *Reporter) wait(ctx context.Context) {
	select {
	case <-r.changed:
	case <-ctx.Done():
	}
}

func (r *Reporter) become(state *usherv1.FleetStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
}

// note changes what is reported about the connection.
func (r *Reporter) note(change func(*usherv1.FleetStatus)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != nil {
		change(r.state)
	}
}
