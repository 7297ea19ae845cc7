package ask

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/backoff"
)

// awayWithin is how long following a registration waits for a helper that is away, for example during an upgrade.
const awayWithin = time.Minute

// reconnectPauses are the pauses between two watches.
var reconnectPauses = backoff.Pauses{First: 100 * time.Millisecond, Longest: 2 * time.Second}

// Reconnecting watches over one connection after the other, until watch ends for a reason other than an absent helper.
// It gives up when no watch was answered for [awayWithin]. At the end of a stream it returns nil.
func Reconnecting(ctx context.Context, watch func(ctx context.Context, answered func()) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	absent := status.Error(codes.DeadlineExceeded, "usherd stays away")
	away := time.AfterFunc(awayWithin, func() { cancel(absent) })
	defer away.Stop()
	for pauses := reconnectPauses; ; {
		answered := false
		err := watch(ctx, func() { answered = true; away.Stop() })
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case status.Code(err) != codes.Unavailable:
			return err
		}
		if answered {
			pauses.Reset()
			away.Reset(awayWithin)
		}
		if !pauses.Wait(ctx) {
			return context.Cause(ctx)
		}
	}
}
