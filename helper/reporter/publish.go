package reporter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"usher.internal/internal/backoff"
	"usher.internal/internal/contract"
	"usher.internal/internal/fleet"
	usherv1 "usher.internal/proto/usher/v1"
)

const (
	// publishWithin is the time that a server has to keep a change. It is longer than the time for which the servers
	// recognize a change as a repetition. So a change that is sent again, because nobody knows whether it was kept, is
	// confirmed again.
	publishWithin = 6 * time.Second
	// publishAttempts is how many attempts are made before a failure is reported.
	publishAttempts = 3
	// batch is how many changes are published before the outbox records it.
	batch = 50
)

// publishPauses are the pauses after a change that could not be published although there is a connection.
var publishPauses = backoff.Pauses{First: 2 * time.Second, Longest: 5 * time.Minute, Jitter: 0.5}

// errLost is returned if the connection is lost before the servers confirm a change.
var errLost = errors.New("the connection was lost")

// keepPublishing publishes whenever there is something to publish, or a new connection.
func (c *connection) keepPublishing(ctx context.Context) {
	again := time.NewTimer(time.Hour)
	again.Stop()
	defer again.Stop()
	for pauses := publishPauses; ; {
		publishable := c.config.Outbox.Publishable()
		if err := c.publish(ctx); err != nil && ctx.Err() == nil {
			c.failed(err)
			// The pause has jitter: every Mac of the fleet has noticed the same fault of the server. More changes do
			// not end the pause.
			again.Reset(pauses.Next())
			publishable = nil
		} else {
			pauses.Reset()
		}
		select {
		case <-c.connected:
			pauses.Reset()
		case <-publishable:
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// publish publishes the unpublished changes, the oldest first, as long as there is a connection.
func (c *connection) publish(ctx context.Context) error {
	for {
		oldest, waiting, dropped, err := c.config.Outbox.Unpublished(batch)
		if err != nil {
			return err
		}
		c.count(waiting, dropped)
		switch {
		case !c.conn.IsConnected():
			return nil // the connection is rebuilt
		case len(oldest) == 0:
			return c.announce(ctx)
		}
		var done []uint64
		for _, one := range oldest {
			c.count(waiting-len(done)-1, dropped) // it says how many come after it
			if err = c.send(ctx, change(one)); err != nil {
				break
			}
			done = append(done, one.ID)
		}
		if len(done) > 0 {
			err = errors.Join(err, c.config.Outbox.Published(done...))
			c.announced = true // each contains the state of the Mac
		}
		switch {
		case errors.Is(err, errLost):
			return nil // the connection is rebuilt
		case err != nil:
			return err
		}
	}
}

// count records how many changes are unpublished.
func (c *connection) count(waiting int, dropped int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting, c.dropped = int32(waiting), dropped
	if c.state != nil {
		c.state.Unpublished = int32(waiting)
	}
}

// announce makes a Mac known to the fleet if it has nothing to publish.
func (c *connection) announce(ctx context.Context) error {
	if c.announced {
		return nil
	}
	if err := c.send(ctx, &usherv1.StatusChange{Id: "present-" + c.id, Time: contract.Timestamp(time.Now())}); err !=
		nil {
		return err
	}
	c.announced = true
	c.note(func(state *usherv1.FleetStatus) { state.LastError = "" })
	return nil
}

// send publishes one change and returns when the stream has it.
func (c *connection) send(ctx context.Context, change *usherv1.StatusChange) error {
	status, err := c.standing()
	if err != nil {
		return err
	}
	change.Mac = status
	if change.GetUid() == 0 {
		change.State = status.GetState()
	}
	content, err := c.settings.encode(change)
	if err != nil {
		return fmt.Errorf("encode a change: %w", err)
	}
	message := &nats.Msg{Subject: fleet.ChangesOf(c.name), Reply: fleet.KeptOf(c.name), Data: content,
		Header: nats.Header{}}
	message.Header.Set(nats.MsgIdHdr, c.name+"/"+change.GetId())
	for range publishAttempts {
		if err = c.sendOnce(ctx, message); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		// A server does not answer a client that publishes where it may not.
		if refused := c.conn.LastError(); errors.Is(refused, nats.ErrPermissionViolation) {
			err = refused
		} else {
			err = fmt.Errorf("the servers have not confirmed within %s that they keep it; they may lack room, or "+
				"`usherctl fleet provision`: %w", publishAttempts*publishWithin, err)
		}
	}
	if err != nil {
		return fmt.Errorf("publish a change: %w", err)
	}
	c.note(func(state *usherv1.FleetStatus) { state.LastError = "" })
	return nil
}

// sendOnce publishes a message and returns when the servers confirm that they have kept it.
func (c *connection) sendOnce(ctx context.Context, message *nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	drain(c.kept)
	drain(c.lost)
	if err := c.conn.PublishMsg(message); err != nil && !c.conn.IsConnected() {
		return errLost
	} else if err != nil {
		return err
	}
	for {
		select {
		case confirmation := <-c.kept:
			switch {
			case confirmation.Header.Get(nats.MsgIdHdr) == message.Header.Get(nats.MsgIdHdr):
				return nil
			case confirmation.Header.Get("Status") == noResponders:
				return fmt.Errorf("%w: run `usherctl fleet provision`", nats.ErrNoResponders)
			}
		case <-c.lost:
			return errLost
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// noResponders is the status with which a server says that there is no stream. Source:
// https://docs.nats.io/reference/reference-protocols/nats-protocol
const noResponders = "503"

// drain empties a channel.
func drain[T any](from chan T) {
	for {
		select {
		case <-from:
		default:
			return
		}
	}
}
