package reporter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/contract"
	"usher.internal/internal/fleet"
	usherv1 "usher.internal/proto/usher/v1"
)

const (
	// publishWithin is how long a server may take to keep a change. It is longer than the servers know a change that
	// they had: one that is sent again, because it is not known whether it was kept, is told to have been kept then.
	publishWithin = 6 * time.Second
	// publishAttempts are made before that is told as a failure.
	publishAttempts = 3
	// batch is how many changes are published before that is noted.
	batch = 50
	// firstPause and longestPause bound the pause after a change could not be published while there is a connection.
	firstPause   = 2 * time.Second
	longestPause = 5 * time.Minute
)

// errLost is returned when the connection is lost before it is known whether a change was kept.
var errLost = errors.New("the connection was lost")

// keepPublishing publishes whenever there is something to publish, or a connection again.
func (s *session) keepPublishing(ctx context.Context) {
	again := time.NewTimer(time.Hour)
	again.Stop()
	defer again.Stop()
	for pause := firstPause; ; {
		publishable := s.config.Outbox.Publishable()
		if err := s.publish(ctx); err != nil && ctx.Err() == nil {
			s.failed(err)
			// A pause with jitter: whatever the server lacks, every Mac of the fleet has noticed. More changes do
			// not end it.
			again.Reset(pause/2 + rand.N(pause/2))
			pause = min(2*pause, longestPause)
			publishable = nil
		} else {
			pause = firstPause
		}
		select {
		case <-s.connected:
			pause = firstPause
		case <-publishable:
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// publish publishes what has not been published yet, the oldest first, as long as there is a connection.
func (s *session) publish(ctx context.Context) error {
	for {
		oldest, waiting, dropped, err := s.config.Outbox.Unpublished(batch)
		if err != nil {
			return err
		}
		s.count(waiting, dropped)
		switch {
		case !s.conn.IsConnected():
			return nil // the connection begins anew
		case len(oldest) == 0:
			return s.announce(ctx)
		}
		var done []uint64
		for _, one := range oldest {
			s.count(waiting-len(done)-1, dropped) // it tells how many come after it
			if err = s.send(ctx, change(one, s.settings.PersonalData)); err != nil {
				break
			}
			done = append(done, one.ID)
		}
		if len(done) > 0 {
			err = errors.Join(err, s.config.Outbox.Published(done...))
			s.announced = true // each tells how the Mac stands
		}
		switch {
		case errors.Is(err, errLost):
			return nil // the connection begins anew
		case err != nil:
			return err
		}
	}
}

// count keeps how many changes are unpublished.
func (s *session) count(waiting int, dropped int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting, s.dropped = int32(waiting), dropped
	if s.state != nil {
		s.state.Unpublished = int32(waiting)
	}
}

// announce has the fleet know a Mac of which there is nothing to publish.
func (s *session) announce(ctx context.Context) error {
	if s.announced {
		return nil
	}
	if err := s.send(ctx, &usherv1.StatusChange{Id: "present-" + s.id, Time: contract.Timestamp(time.Now())}); err !=
		nil {
		return err
	}
	s.announced = true
	s.note(func(state *usherv1.FleetStatus) { state.LastError = "" })
	return nil
}

// send publishes one change and returns when the stream has it.
func (s *session) send(ctx context.Context, change *usherv1.StatusChange) error {
	status, err := s.standing()
	if err != nil {
		return err
	}
	change.Mac = status
	if change.GetUid() == 0 {
		change.State = status.GetState()
	}
	content, err := proto.Marshal(change)
	if err != nil {
		return fmt.Errorf("encode a change: %w", err)
	}
	message := &nats.Msg{Subject: fleet.ChangesOf(s.name), Reply: fleet.KeptOf(s.name), Data: content,
		Header: nats.Header{}}
	message.Header.Set(nats.MsgIdHdr, s.name+"/"+change.GetId())
	for range publishAttempts {
		if err = s.sendOnce(ctx, message); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		// A server says nothing to a client that publishes where it may not.
		if refused := s.conn.LastError(); errors.Is(refused, nats.ErrPermissionViolation) {
			err = refused
		} else {
			err = fmt.Errorf("the servers have not told within %s that they keep it; they may lack room, or "+
				"`usherctl fleet provision`: %w", publishAttempts*publishWithin, err)
		}
	}
	if err != nil {
		return fmt.Errorf("publish a change: %w", err)
	}
	s.note(func(state *usherv1.FleetStatus) { state.LastError = "" })
	return nil
}

// sendOnce publishes a message and returns when the servers tell that they have kept it.
func (s *session) sendOnce(ctx context.Context, message *nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	drain(s.kept)
	drain(s.lost)
	if err := s.conn.PublishMsg(message); err != nil && !s.conn.IsConnected() {
		return errLost
	} else if err != nil {
		return err
	}
	for {
		select {
		case told := <-s.kept:
			switch {
			case told.Header.Get(nats.MsgIdHdr) == message.Header.Get(nats.MsgIdHdr):
				return nil
			case told.Header.Get("Status") == noResponders:
				return fmt.Errorf("%w: run `usherctl fleet provision`", nats.ErrNoResponders)
			}
		case <-s.lost:
			return errLost
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// noResponders is the status with which a server tells whoever publishes that there is no stream. Source:
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
