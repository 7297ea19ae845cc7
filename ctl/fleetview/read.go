package fleetview

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/natsext"
	"golang.org/x/sync/errgroup"

	"usher.internal/internal/fleet"
)

// A Mac controls all that it publishes, headers too. The servers add their own data to these headers, and a header that
// ends early hides it. So the subject of a message is never read, and each Mac's messages are requested by its subject:
// it can lie only about itself. The servers list the subjects outside the messages. No consumer is used for reading:
// anyone who makes one can choose where its messages go.

const (
	// readAtOnce is how many messages are asked for at once, and how many Macs' last messages. readWithin is how long a
	// server may take for the first of them, nextWithin for each next one. readAttempts is how often a silent server is
	// asked.
	readAtOnce   = 1000
	readWithin   = 3 * time.Second
	nextWithin   = 300 * time.Millisecond
	readAttempts = 3
	// readSideBySide is for how many Macs the changes are read at the same time.
	readSideBySide = 32
)

var errSilent = errors.New("the servers did not answer in time")

// message is a message in a stream, as far as it can be believed.
type message struct {
	subject string
	data    []byte
	// sequence and time are the servers'. If the Mac has hidden those, they are what it says, or zero.
	sequence uint64
	time     time.Time
}

// received parses a server's answer with a message of a subject; it returns false if the answer is not one.
func received(subject string, answer *nats.Msg) (message, bool) {
	sequence, found := lastHeader(answer, jetstream.SequenceHeader)
	if !found && lastStatus(answer) != "" {
		return message{}, false
	}
	read := message{subject: subject, data: answer.Data}
	read.sequence, _ = strconv.ParseUint(sequence, 10, 64)
	stored, _ := lastHeader(answer, jetstream.TimeStampHeaer)
	read.time, _ = time.Parse(time.RFC3339Nano, stored)
	return read, true
}

// lastHeader returns the last value of a header: a server adds its own after those of the message.
func lastHeader(answer *nats.Msg, name string) (value string, found bool) {
	values := answer.Header.Values(name)
	if len(values) == 0 {
		return "", false
	}
	return values[len(values)-1], true
}

func lastStatus(answer *nats.Msg) string {
	status, _ := lastHeader(answer, "Status")
	return status
}

// subjects returns the subjects with messages in a stream, with their counts, and its last sequence number.
func (c *Client) subjects(ctx context.Context, stream, filter string) (counts map[string]uint64, last uint64,
	err error) {
	for range readAttempts {
		counts, last, err = c.subjectsOnce(ctx, stream, filter)
		if err == nil || !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
	}
	return counts, last, readError(ctx, err)
}

func (c *Client) subjectsOnce(ctx context.Context, stream, filter string) (counts map[string]uint64, last uint64,
	err error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	handle, err := c.reading.Stream(ctx, stream)
	if err != nil {
		return nil, 0, err
	}
	info, err := handle.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, 0, err
	}
	return info.State.Subjects, info.State.LastSeq, nil
}

// lastOf calls take with the last message of each subject of a stream, in no order, one at a time. A message that
// cannot be read, because of what the Mac put into its headers, has no data.
func (c *Client) lastOf(ctx context.Context, stream string, subjects []string, take func(message)) error {
	for len(subjects) > 0 {
		some := subjects[:min(len(subjects), readAtOnce)]
		subjects = subjects[len(some):]
		asked := len(some)
		for attempt := 0; len(some) > 0 && attempt < readAttempts; attempt++ {
			var err error
			// The client drops a message whose headers cannot be parsed. Without headers it arrives.
			if some, err = c.lastOnce(ctx, stream, some, attempt > 0, take); err != nil {
				return readError(ctx, err)
			}
		}
		if len(some) == asked {
			return errSilent
		}
		for _, subject := range some {
			take(message{subject: subject})
		}
	}
	return nil
}

// lastOnce asks for all of them together, and returns those that were not answered.
func (c *Client) lastOnce(ctx context.Context, stream string, subjects []string, withoutHeaders bool,
	take func(message)) (silent []string, err error) {
	inbox := c.conn.NewRespInbox()
	answers := make(chan *nats.Msg, len(subjects))
	subscription, err := c.conn.ChanSubscribe(inbox+".*", answers)
	if err != nil {
		return nil, err
	}
	defer subscription.Unsubscribe()
	waiting := make(map[string]string, len(subjects))
	for i, subject := range subjects {
		reply := inbox + "." + strconv.Itoa(i)
		waiting[reply] = subject
		request := fmt.Appendf(nil, `{"last_by_subj":%q,"no_hdr":%t}`, subject, withoutHeaders)
		if err := c.conn.PublishRequest(readOf(stream), reply, request); err != nil {
			return nil, err
		}
	}
	over := time.NewTimer(readWithin)
	defer over.Stop()
	for len(waiting) > 0 {
		select {
		case answer := <-answers:
			over.Reset(nextWithin)
			subject, asked := waiting[answer.Subject]
			read, ok := received(subject, answer)
			switch {
			case !asked:
			case ok:
				take(read)
				delete(waiting, answer.Subject)
			case lastStatus(answer) != noResponders: // there is none
				delete(waiting, answer.Subject)
			case len(subjects) == 1: // a Mac could publish a message that looks like that, see changesOf
				return nil, nats.ErrNoResponders
			}
		case <-over.C:
			return slices.Collect(maps.Values(waiting)), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, nil
}

// changesOf returns the changes of one Mac from a sequence number on, the oldest first.
func (c *Client) changesOf(ctx context.Context, mac string, from uint64, take func(message) error) error {
	for silent := 0; ; {
		next, more, err := c.changesOnce(ctx, fleet.ChangesOf(mac), from, take)
		switch {
		case err == nil && !more:
			return nil
		case err != nil && !errors.Is(err, nats.ErrNoResponders):
			return readError(ctx, err)
		case next > from:
			silent, from = 0, next
			continue
		}
		if silent++; silent < readAttempts {
			continue
		}
		// Either the servers do not answer, or there is no stream, or the Mac has published a message that looks like
		// that. In the last case nobody else may miss anything.
		_, _, err = c.subjects(ctx, fleet.ChangesStream, fleet.ChangesOf(mac))
		return err
	}
}

// changesOnce reads as many as are asked for at once. It returns the sequence number that comes next, and whether there
// may be more.
func (c *Client) changesOnce(ctx context.Context, subject string, from uint64, take func(message) error) (next uint64,
	more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	request := fmt.Appendf(nil, `{"seq":%d,"batch":%d,"next_by_subj":%q}`, max(1, from), readAtOnce, subject)
	answers, err := natsext.RequestMany(ctx, c.conn, readOf(fleet.ChangesStream), request)
	if err != nil {
		return from, false, err
	}
	next = from
	for answer, err := range answers {
		if err != nil {
			return next, true, err
		}
		read, ok := received(subject, answer)
		switch {
		case ok:
			if err := take(read); err != nil {
				return next, true, err
			}
			next = max(next, read.sequence+1)
		case lastStatus(answer) == noResponders:
			return next, false, nats.ErrNoResponders
		default: // the end of the request, or there is nothing
			pending, _ := lastHeader(answer, pendingHeader)
			return next, pending != "" && pending != "0", nil
		}
	}
	return next, true, nil // the server fell silent
}

// noResponders is the status of an answer if there is no stream. Source:
// https://docs.nats.io/reference/reference-protocols/nats-protocol
const noResponders = "503"

// pendingHeader has, at the end of an answer, the number of messages that come after it. Source:
// https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md
const pendingHeader = "Nats-Num-Pending"

// readAll reads the changes of several Macs, each from its sequence number on. It calls take with them one at a time:
// those of one Mac in their order.
func (c *Client) readAll(ctx context.Context, from map[string]uint64,
	take func(mac string, read message) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readSideBySide)
	var mu sync.Mutex
	for mac, first := range from {
		group.Go(func() error {
			return c.changesOf(ctx, mac, first, func(read message) error {
				mu.Lock()
				defer mu.Unlock()
				return take(mac, read)
			})
		})
	}
	return group.Wait()
}

// readOf is the subject for requesting the messages of a stream.
func readOf(stream string) string { return fleet.ReadPrefix + ".DIRECT.GET." + stream }

// readError returns an error of reading, with the fix.
func readError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("the stream is not there; run `usherctl fleet provision`: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return errSilent
	}
	return err
}
