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

// awayWithin is how long a helper may be away, while it is upgraded for example, before following is given up.
const awayWithin = time.Minute

// reconnectPauses are those between one watch and the next.
var reconnectPauses = backoff.Pauses{First: 100 * time.Millisecond, Longest: 2 * time.Second}

// Reconnecting watches over one connection after the other, until watch ends otherwise than by a helper that is away.
// It gives up when no watch has been answered for [awayWithin]. The end of a stream is nil.
func Reconnecting(ctx context.Context, watch func(ctx context.Context, answered func()) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stays := status.Error(codes.DeadlineExceeded, "usherd stays away")
	away := time.AfterFunc(awayWithin, func() { cancel(stays) })
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
