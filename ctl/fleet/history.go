package fleet

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/contract"
	"usher.internal/internal/fleet"
	usherv1 "usher.internal/proto/usher/v1"
)

// Change is one change of a device, as the stream has it.
type Change struct {
	// Device is the name that the server vouches for, Stored when it got the change; Time is when that was by the device's clock.
	Device string    `json:"device"`
	Stored time.Time `json:"stored"`
	Time   time.Time `json:"time"`
	// Computer and User are empty where the device leaves out what is personal.
	Computer string `json:"computer,omitempty"`
	User     string `json:"user,omitempty"`
	UID      uint32 `json:"uid,omitempty"`
	// State is that of the user whom the change is about, DeviceState that of the device. See [Standing].
	State       string `json:"state"`
	DeviceState string `json:"device_state"`
	// Registration is how the registration ended that is reported, with the reason; empty where none is.
	Registration   string `json:"registration,omitempty"`
	PortalExitCode *int32 `json:"portal_exit_code,omitempty"`
	DeviceIDBefore string `json:"device_id_before,omitempty"`
	DeviceIDAfter  string `json:"device_id_after,omitempty"`
	// Note says what is odd about it.
	Note string `json:"note,omitempty"`

	id string
}

// When is when it happened: by the device's clock, which had it before the servers did, unless that clock is ahead or tells nothing.
func (c *Change) When() time.Time {
	if c.Time.IsZero() || c.Time.After(c.Stored.Add(skewTold)) {
		return c.Stored
	}
	return c.Time
}

// seen remembers which changes were read, so that one which a device published twice counts once. Of each device it remembers the last
// ones: more are never under way.
type seen map[string][]string

const seenOfEach = 64

func (s seen) before(change *Change) bool {
	if change.id == "" {
		return false // garbage is what it is
	}
	ids := s[change.Device]
	for _, id := range ids {
		if id == change.id {
			return true
		}
	}
	if len(ids) >= seenOfEach {
		ids = ids[1:]
	}
	s[change.Device] = append(ids, change.id)
	return false
}

// Watch calls show for each change that the stream gets from now on, until ctx ends or show returns an error, which it returns.
// Changes that come while the connection is lost are shown when it is back.
func (c *Client) Watch(ctx context.Context, show func(*Change) error) error {
	news := make(chan struct{}, 1)
	var announced atomic.Uint64
	subscription, err := c.conn.Subscribe(fleet.EveryKept, func(told *nats.Msg) {
		if sequence, err := strconv.ParseUint(told.Header.Get(jetstream.SequenceHeader), 10, 64); err == nil {
			announced.Store(sequence)
		}
		select {
		case news <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return fmt.Errorf("wait for changes: %w", err)
	}
	defer subscription.Unsubscribe()
	last, err := c.last(ctx, fleet.ChangesStream, fleet.EveryChange)
	if err != nil {
		return fmt.Errorf("read the changes: %w", err)
	}
	next, known := last+1, seen{}
	var again <-chan time.Time
	for failing := 0; ; {
		select {
		case <-news:
		case <-c.reconnected: // what was told meanwhile is missed
		case <-again:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		again = nil
		var shown error
		next, err = c.read(ctx, fleet.ChangesStream, fleet.EveryChange, next, func(message *jetstream.RawStreamMsg) error {
			shown = showNew(known, message, show)
			return shown
		})
		switch {
		case shown != nil:
			return shown
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && c.conn.IsConnected():
			if failing++; failing > watchAttempts {
				return fmt.Errorf("read the changes: %w", err)
			}
			again = time.After(readAgain)
		case err != nil: // the connection begins anew
		case next <= announced.Load(): // a server answered that has not got it yet
			again = time.After(readAgain)
		default:
			failing = 0
		}
	}
}

// Changes calls show for each change that the stream has, of a device or, where that is empty, of all, the oldest first. It returns the
// error of show.
func (c *Client) Changes(ctx context.Context, device string, show func(*Change) error) error {
	known := seen{}
	var shown error
	_, err := c.read(ctx, fleet.ChangesStream, fleet.ChangesOf(cmp.Or(device, "*")), 1, func(message *jetstream.RawStreamMsg) error {
		shown = showNew(known, message, show)
		return shown
	})
	switch {
	case shown != nil:
		return shown
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("read the changes: %w", err)
	}
	return nil
}

// showNew shows a change that was not seen before.
func showNew(known seen, message *jetstream.RawStreamMsg, show func(*Change) error) error {
	change := changeOf(message)
	if known.before(change) {
		return nil
	}
	return show(change)
}

func changeOf(message *jetstream.RawStreamMsg) *Change {
	change := &Change{Device: fleet.DeviceOf(message.Subject), Stored: message.Time.UTC(), State: Unknown, DeviceState: Unknown}
	said := new(usherv1.StatusChange)
	if err := proto.Unmarshal(message.Data, said); err != nil || said.GetDevice() == nil {
		change.Note = fmt.Sprintf("it published %d bytes that are no change", len(message.Data))
		return change
	}
	change.id, change.Time, change.UID = said.GetId(), contract.Time(said.GetTime()).UTC(), said.GetUid()
	if name := said.GetDevice().GetDevice(); name != change.Device {
		change.Note = "it published as " + plain(name) + ", which the server does not let it be"
		return change
	}
	var standing Standing
	standing.State = Unknown
	standing.describe(said.GetDevice())
	change.Computer, change.DeviceState = standing.Computer, standing.State
	if state := contract.StateFromProto(said.GetState()); state != "" {
		change.State = string(state)
	} else if said.GetUid() == 0 {
		change.State = standing.State
	}
	for _, user := range said.GetDevice().GetUsers() {
		if user.GetUid() == said.GetUid() {
			change.User = plain(user.GetName())
		}
	}
	if outcome := said.GetOutcome(); outcome != usherv1.RegistrationState_REGISTRATION_STATE_UNSPECIFIED {
		change.Registration = strings.TrimPrefix(outcome.String(), "REGISTRATION_STATE_")
		if reason := said.GetFailureReason(); reason != usherv1.FailureReason_FAILURE_REASON_UNSPECIFIED {
			change.Registration += ": " + strings.TrimPrefix(reason.String(), "FAILURE_REASON_")
		}
	}
	change.PortalExitCode = said.PortalExitCode
	if moved := said.GetDeviceIdChange(); moved != nil {
		change.DeviceIDBefore, change.DeviceIDAfter = plain(moved.GetOldDeviceId()), plain(moved.GetNewDeviceId())
	}
	return change
}

// Trend counts, for each of the last days, the devices in each state at the end of it, by UTC; the last one is today as far as it has
// come. Before a device was heard of first it does not count.
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

// trend counts day by day. Changes are added in the order in which they were stored.
type trend struct {
	day, today time.Time
	states     map[string]string // of each device, at the end of day
	days       []Day
}

func newTrend(days int, now time.Time) *trend {
	today := now.UTC().Truncate(24 * time.Hour)
	return &trend{day: today.AddDate(0, 0, 1-days), today: today, states: make(map[string]string)}
}

func (t *trend) add(change *Change) {
	for t.day.Before(t.today) && !change.Stored.Before(t.day.AddDate(0, 0, 1)) {
		t.endDay()
	}
	if change.Note == "" {
		t.states[change.Device] = change.DeviceState
	}
}

func (t *trend) endDay() {
	counts := make(map[string]int)
	for _, state := range t.states {
		counts[state]++
	}
	t.days = append(t.days, Day{Date: t.day.Format(time.DateOnly), States: counts})
	t.day = t.day.AddDate(0, 0, 1)
}

// end returns the days from the first on of which anything was heard.
func (t *trend) end() []Day {
	for !t.day.After(t.today) {
		t.endDay()
	}
	for len(t.days) > 1 && len(t.days[0].States) == 0 {
		t.days = t.days[1:]
	}
	return t.days
}
