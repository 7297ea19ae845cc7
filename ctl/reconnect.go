package ctl

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// awayWithin is how long a helper may be away, while it is upgraded for example, before following is given up.
const awayWithin = time.Minute

// reconnectPauses are how long is waited between one watch and the next, from the shortest to the longest.
const (
	reconnectPauseFirst   = 100 * time.Millisecond
	reconnectPauseLongest = 2 * time.Second
)

// reconnecting watches over one connection after the other, until watch ends otherwise than by a helper that is away.
// It gives up when no watch has been answered for [awayWithin]. The end of a stream is nil.
func reconnecting(ctx context.Context, watch func(ctx context.Context, answered func()) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stays := status.Error(codes.DeadlineExceeded, "usherd stays away")
	away := time.AfterFunc(awayWithin, func() { cancel(stays) })
	defer away.Stop()
	for pause := reconnectPauseFirst; ; pause = min(2*pause, reconnectPauseLongest) {
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
			pause = reconnectPauseFirst
			away.Reset(awayWithin)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
