package fleet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

const (
	// readAtOnce is how many messages are asked for at once, readWithin how long a server may take for them, readAttempts how often one that
	// is silent is asked.
	readAtOnce   = 1000
	readWithin   = 3 * time.Second
	readAttempts = 3
	// readAgain is the pause after a server had not got yet what another one had told, or could not be asked; there is no event for either.
	// watchAttempts is how often a watch does that.
	readAgain     = 250 * time.Millisecond
	watchAttempts = 240
)

var errSilent = errors.New("the servers did not answer in time")

// read calls take for each message of a stream with a subject, from a sequence number on, the oldest first, and returns the number that
// comes next. An error of take ends it and is returned. Messages are read as they are, without a consumer: one who may make consumers may
// have a server send their messages anywhere.
func (c *Client) read(ctx context.Context, stream, subject string, from uint64, take func(*jetstream.RawStreamMsg) error) (next uint64, err error) {
	for silent := 0; silent < readAttempts; {
		got, more, err := c.readOnce(ctx, stream, subject, &from, take)
		switch {
		case ctx.Err() != nil:
			return from, context.Cause(ctx)
		case err != nil:
			return from, readError(err)
		case !more:
			return from, nil
		case got > 0:
			silent = 0
		default:
			silent++
		}
	}
	return from, errSilent
}

// readOnce reads as many messages as are asked for at once, and moves from on. It tells how many they were, and whether there may be more.
func (c *Client) readOnce(ctx context.Context, stream, subject string, from *uint64, take func(*jetstream.RawStreamMsg) error) (got int, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	messages, err := jetstreamext.GetBatch(ctx, c.stream, stream, readAtOnce, jetstreamext.GetBatchSeq(*from), jetstreamext.GetBatchSubject(subject))
	if err != nil {
		return 0, false, err
	}
	more = true // where a server falls silent, the messages end as if they were all
	for message, err := range messages {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return got, false, nil
		}
		if err != nil {
			return got, more, err
		}
		if err := take(message); err != nil {
			return got, more, err
		}
		got++
		*from = message.Sequence + 1
		more = message.Header.Get(pendingHeader) != "0"
	}
	return got, more, nil
}

// pendingHeader tells how many messages come after one. Source: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md
const pendingHeader = "Nats-Num-Pending"

// last is the sequence number of the last message of a stream with a subject, 0 where there is none.
func (c *Client) last(ctx context.Context, stream, subject string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, readAttempts*readWithin)
	defer cancel()
	message, err := c.conn.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream, fmt.Appendf(nil, `{"last_by_subj":%q}`, subject))
	switch {
	case err != nil:
		return 0, readError(err)
	case message.Header.Get("Status") == "404":
		return 0, nil
	}
	sequence, err := strconv.ParseUint(message.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("a server answered %q: %w", message.Header.Get("Status"), err)
	}
	return sequence, nil
}

// readError is an error of reading, with what helps.
func readError(err error) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("the stream is not there; run `usherctl fleet provision`: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return errSilent
	}
	return err
}
