// Package filewatch says when files change, also files that are not there yet, that are replaced, or that are reached
// through links.
//
// [Watch] calls a function after each change of some files. [Watcher], which it uses, is for those who find out
// themselves what has changed: it says that something may have. The kernel (kqueue on macOS, inotify on Linux) only
// gives the hint, and the files are looked at then. Nothing is polled, but for what the kernel cannot watch, for
// example because it may not be read: that is looked at once a minute.
package filewatch

import (
	"context"
	"log/slog"
	"maps"
	"time"
)

// A burst of changes is told once, for a file is written in several steps: after settleWithin of silence, or
// settleAtMost where there is none.
const (
	settleWithin = 200 * time.Millisecond
	settleAtMost = 2 * time.Second
)

// Watch calls changed once at the beginning, for what has changed before it watched has sent no event, and after each
// change of one of the files; an empty name is none. It asks for their names anew each time, and when renew, which may
// be nil, gets a value. It blocks until ctx ends, and then returns nil, also where that is before it has called
// changed; the error is that the files cannot be watched.
func Watch(ctx context.Context, log *slog.Logger, files func() []string, renew <-chan struct{}, changed func()) error {
	watcher, err := New()
	if err != nil {
		return err
	}
	defer watcher.Close()
	unseen := ""
	follow := func() {
		err := watcher.Follow(files()...)
		if now := textOf(err); now != unseen {
			if unseen = now; err != nil {
				log.Warn("some files cannot be watched; they are looked at once a minute", "error", err)
			}
		}
	}
	follow()
	states := watcher.seen()
	first, renewed := true, false
	var began time.Time // of the burst, zero for none
	settled := time.NewTimer(0)
	defer settled.Stop()
	for {
		select {
		case <-watcher.Changes():
			if began.IsZero() {
				began = time.Now()
			}
			settled.Reset(min(settleWithin, settleAtMost-time.Since(began)))
		case <-renew:
			renewed = true
			settled.Reset(0)
		case <-settled.C:
			began = time.Time{}
			before := states
			touched := watcher.takeTouched() // what is touched later is told again
			follow()
			states = watcher.seen()
			if first || renewed || touched || !maps.Equal(states, before) {
				first, renewed = false, false
				changed()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// WatchOrRenew is [Watch] for who can go on where files cannot be watched: it tells unseen why, once, and calls changed
// from then on when renew gets a value alone. Also then changed is called once at the beginning. Only where ctx ends
// meanwhile it may not have been called at all. It blocks until ctx ends.
func WatchOrRenew(ctx context.Context, log *slog.Logger, files func() []string, renew <-chan struct{}, changed func(),
	unseen func(error)) {
	err := Watch(ctx, log, files, renew, changed)
	if err == nil {
		return
	}
	unseen(err)
	for ctx.Err() == nil {
		changed()
		select {
		case <-renew:
		case <-ctx.Done():
		}
	}
}

// textOf returns the text of an error, and "" of none.
func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
