package fleetview

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/contract"
	"usher.internal/internal/fleet"
	"usher.internal/internal/notice"
	usherv1 "usher.internal/proto/usher/v1"
)

// Change is one change of a Mac, as the stream has it.
type Change struct {
	// Mac is the name that the server vouches for. Stored is when the server got the change; Time is when it happened
	// by the Mac's clock.
	Mac    string    `json:"mac"`
	Stored time.Time `json:"stored"`
	Time   time.Time `json:"time"`
	// Computer and User are empty if the Mac leaves out personal data.
	Computer string `json:"computer,omitempty"`
	User     string `json:"user,omitempty"`
	UID      uint32 `json:"uid,omitempty"`
	// State is the state of the user whom the change is about, MacState the state of the Mac. See [Standing].
	State    string `json:"state"`
	MacState string `json:"mac_state"`
	// Registration is the end of the reported registration, with the reason; empty if there is none.
	Registration   string `json:"registration,omitempty"`
	PortalExitCode *int32 `json:"portal_exit_code,omitempty"`
	DeviceIDBefore string `json:"device_id_before,omitempty"`
	DeviceIDAfter  string `json:"device_id_after,omitempty"`
	// Note says what is odd about it.
	Note string `json:"note,omitempty"`

	id string
}

// When is the time of the change by the Mac's clock, which is earlier than the servers'. If that clock is ahead or
// gives no time, it is Stored.
func (c *Change) When() time.Time {
	if c.Time.IsZero() || c.Time.After(c.Stored.Add(leastSkew)) {
		return c.Stored
	}
	return c.Time
}

// seen remembers the changes that were read, so a change that a Mac published twice is counted once. For each Mac it
// remembers the last ones: no more are ever under way.
type seen map[string][]string

const seenOfEach = 64

func (s seen) before(change *Change) bool {
	if change.id == "" {
		return false // garbage is shown each time
	}
	ids := s[change.Mac]
	for _, id := range ids {
		if id == change.id {
			return true
		}
	}
	if len(ids) >= seenOfEach {
		ids = ids[1:]
	}
	s[change.Mac] = append(ids, change.id)
	return false
}

// Watch calls show for each change that the stream gets from now on, until ctx ends or show returns an error, which it
// returns. Changes that come while the connection is lost are shown when it is back. say, if not nil, is called for
// both events.
func (c *Client) Watch(ctx context.Context, show func(*Change) error, say func(string)) error {
	w := &watch{client: c, show: show, known: seen{}, news: notice.NewSignal(), pending: make(map[string]uint64),
		late: make(map[string]int), next: make(map[string]uint64)}
	subscription, err := c.conn.Subscribe(fleet.EveryKept, w.announced)
	if err != nil {
		return fmt.Errorf("wait for changes: %w", err)
	}
	defer subscription.Unsubscribe()
	var last uint64
	if w.counts, last, err = c.subjects(ctx, fleet.ChangesStream, fleet.EveryChange); err != nil {
		return fmt.Errorf("read the changes: %w", err)
	}
	w.first = last + 1
	if say == nil {
		say = func(string) {}
	}
	return w.run(ctx, say)
}

// readAgain is the pause after a server did not have a change yet that another server has announced, or could not be
// asked; there is no event for either. lateAttempts limits the attempts of the first kind for a Mac, failedAttempts the
// attempts in a row of the second kind.
const (
	readAgain      = 250 * time.Millisecond
	lateAttempts   = 20
	failedAttempts = 240
)

// watch is a running watch.
type watch struct {
	client *Client
	show   func(*Change) error
	known  seen
	news   notice.Signal
	// first is the number of the first change to show, next that of each Mac whose changes were shown. counts are the
	// numbers of changes that the stream had of each Mac when it was last asked.
	first  uint64
	next   map[string]uint64
	counts map[string]uint64

	mu sync.Mutex
	// pending are Macs with unread changes, with the number of the last announced change. late counts how often in a
	// row that change was not there.
	pending map[string]uint64
	late    map[string]int
}

// announced is called when the servers have stored a change. The subject is the servers'; the number may be the Mac's
// own.
func (w *watch) announced(message *nats.Msg) {
	sequence, _ := lastHeader(message, jetstream.SequenceHeader)
	number, _ := strconv.ParseUint(sequence, 10, 64)
	w.mu.Lock()
	w.pending[fleet.MacOf(message.Subject)] = number
	w.mu.Unlock()
	w.news.Set()
}

func (w *watch) run(ctx context.Context, say func(string)) error {
	again := time.NewTimer(time.Hour)
	again.Stop()
	defer again.Stop()
	missed, failed := false, 0
	for {
		select {
		case <-w.news:
		case <-w.client.lost:
			say("the connection to the fleet is lost; what happens meanwhile is shown when it is back")
			continue
		case <-w.client.reconnected:
			say("connected to the fleet again")
			missed = true
		case <-w.client.closed:
			return fmt.Errorf("%w: %w", ErrUnreachable, w.client.conn.LastError())
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var err error
		if missed {
			err = w.findMissed(ctx)
		}
		more := false
		if err == nil {
			missed = false
			more, err = w.read(ctx)
		}
		switch shown, ok := errors.AsType[*showError](err); {
		case ok:
			return shown.error
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !w.client.conn.IsConnected():
			missed = true // the connection starts again
			continue
		case err != nil:
			if failed++; failed > failedAttempts {
				return fmt.Errorf("read the changes: %w", err)
			}
		case !more:
			failed = 0
			continue
		default:
			failed = 0
		}
		again.Reset(readAgain)
	}
}

// findMissed finds the Macs whose changes in the stream are not the same as before.
func (w *watch) findMissed(ctx context.Context) error {
	counts, last, err := w.client.subjects(ctx, fleet.ChangesStream, fleet.EveryChange)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for subject, count := range counts {
		if mac := fleet.MacOf(subject); count != w.counts[subject] || w.next[mac] != 0 {
			w.pending[mac] = min(max(w.pending[mac], w.next[mac]), last)
		}
	}
	w.counts = counts
	return nil
}

// read shows what is pending. It reports whether a server does not have a change yet that another one has announced.
func (w *watch) read(ctx context.Context) (more bool, err error) {
	from := make(map[string]uint64)
	w.mu.Lock()
	for mac := range w.pending {
		from[mac] = max(w.first, w.next[mac])
	}
	w.mu.Unlock()
	err = w.client.readAll(ctx, from, func(mac string, read message) error {
		w.next[mac] = max(w.next[mac], read.sequence+1)
		return showNew(w.known, read, w.show)
	})
	if err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for mac := range from {
		last := w.pending[mac]
		switch {
		case last < max(w.first, w.next[mac]):
		case w.late[mac] < lateAttempts:
			w.late[mac]++
			continue
		default: // it announces changes that do not exist, or one after which none of its others can be read
			w.next[mac] = last + 1
		}
		delete(w.pending, mac)
		delete(w.late, mac)
	}
	return len(w.pending) > 0, nil
}

// Changes calls show for each change in the stream, one at a time. They are the changes of one Mac or, if mac is empty,
// of each Mac; those of one Mac come from the oldest on. It returns the error of show.
func (c *Client) Changes(ctx context.Context, mac string, show func(*Change) error) error {
	from := map[string]uint64{mac: 1}
	if mac == "" {
		counts, _, err := c.subjects(ctx, fleet.ChangesStream, fleet.EveryChange)
		if err != nil {
			return fmt.Errorf("read the changes: %w", err)
		}
		clear(from)
		for subject := range counts {
			from[fleet.MacOf(subject)] = 1
		}
	}
	known := seen{}
	err := c.readAll(ctx, from, func(_ string, read message) error { return showNew(known, read, show) })
	switch shown, ok := errors.AsType[*showError](err); {
	case ok:
		return shown.error
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("read the changes: %w", err)
	}
	return nil
}

// showError is an error of show, and not one of reading.
type showError struct{ error }

// showNew shows a change that was not seen before.
func showNew(known seen, read message, show func(*Change) error) error {
	change := changeOf(read)
	if known.before(change) {
		return nil
	}
	if err := show(change); err != nil {
		return &showError{err}
	}
	return nil
}

func changeOf(read message) *Change {
	change := &Change{Mac: fleet.MacOf(read.subject), Stored: read.time.UTC(), State: Unknown,
		MacState: Unknown}
	said := new(usherv1.StatusChange)
	if err := proto.Unmarshal(read.data, said); err != nil || said.GetMac() == nil {
		change.Note = fmt.Sprintf("it published %d bytes that are no change", len(read.data))
		return change
	}
	change.id, change.Time, change.UID = said.GetId(), contract.Time(said.GetTime()).UTC(), said.GetUid()
	if name := said.GetMac().GetMac(); name != change.Mac {
		change.Note = "it published as " + plain(name) + ", which the server does not let it be"
		return change
	}
	var standing Standing
	standing.State = Unknown
	standing.describe(said.GetMac())
	change.Computer, change.MacState = standing.Computer, standing.State
	if said.GetState() != usherv1.IdentityState_IDENTITY_STATE_UNSPECIFIED {
		change.State = contract.Name(said.GetState())
	} else if said.GetUid() == 0 {
		change.State = standing.State
	}
	for _, user := range said.GetMac().GetUsers() {
		if user.GetUid() == said.GetUid() {
			change.User = plain(user.GetName())
		}
	}
	if outcome := said.GetOutcome(); outcome != usherv1.RegistrationState_REGISTRATION_STATE_UNSPECIFIED {
		change.Registration = contract.Name(outcome)
		if reason := said.GetFailureReason(); reason != usherv1.FailureReason_FAILURE_REASON_UNSPECIFIED {
			change.Registration += ": " + contract.Name(reason)
		}
	}
	change.PortalExitCode = said.PortalExitCode
	if moved := said.GetDeviceIdChange(); moved != nil {
		change.DeviceIDBefore, change.DeviceIDAfter = plain(moved.GetOldDeviceId()), plain(moved.GetNewDeviceId())
	}
	return change
}

// Trend counts the Macs in each state at the end of each of the last days, by UTC. The last day is today until now. A
// Mac is not counted before its first message.
func (c *Client) Trend(ctx context.Context, days int, now time.Time) ([]Day, error) {
	counted := newTrend(days, now)
	err := c.Changes(ctx, "", func(change *Change) error {
		counted.add(change)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return counted.end(), nil
}

// trend counts day by day. Changes of one Mac are added in the order in which they were stored.
type trend struct {
	first  time.Time
	counts []map[string]int
	macs   map[string]stood
}

// stood is the state of a Mac from a day on.
type stood struct {
	day   int
	state string
}

func newTrend(days int, now time.Time) *trend {
	t := &trend{first: now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-days), macs: make(map[string]stood)}
	for range days {
		t.counts = append(t.counts, make(map[string]int))
	}
	return t
}

func (t *trend) add(change *Change) {
	if change.Note != "" {
		return
	}
	day := int(change.Stored.Sub(t.first) / (24 * time.Hour)) // 0 also for the one before
	day = max(0, min(day, len(t.counts)-1))
	before, known := t.macs[change.Mac]
	if known {
		day = max(day, before.day)
		t.count(before, day)
	}
	t.macs[change.Mac] = stood{day, change.MacState}
}

// count counts a Mac at the end of each day until another one.
func (t *trend) count(mac stood, until int) {
	for day := mac.day; day < until; day++ {
		t.counts[day][mac.state]++
	}
}

// end returns the days, from the first one with any message on.
func (t *trend) end() (days []Day) {
	for _, mac := range t.macs {
		t.count(mac, len(t.counts))
	}
	for i, counts := range t.counts {
		if len(counts) > 0 || len(days) > 0 || i == len(t.counts)-1 {
			days = append(days, Day{Date: t.first.AddDate(0, 0, i).Format(time.DateOnly), States: counts})
		}
	}
	return days
}
