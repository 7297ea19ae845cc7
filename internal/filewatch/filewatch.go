// Package filewatch reports when files change. It also watches files that do not exist yet, that are replaced, or that
// are reached through links.
//
// [Watch] calls a function after each change of some files. It uses a [Watcher], which is for callers that find the
// change themselves: it reports that something may have changed. The kernel (kqueue on macOS, inotify on Linux) only
// gives a hint, and then the files are examined. Only files that the kernel cannot watch, for example because they may
// not be read, are polled, once a minute.
package filewatch

import (
	"context"
	"log/slog"
	"maps"
	"time"
)

// A burst of changes is reported once, because a file is written in several steps. The report comes after settleWithin
// of silence, or after settleAtMost if there is no silence.
const (
	settleWithin = 200 * time.Millisecond
	settleAtMost = 2 * time.Second
)

// Watch calls changed once at the beginning, because earlier changes have sent no event, and then after each change of
// one of the files. An empty name is ignored. It calls files again each time, and when renew, which may be nil, gets a
// value. It blocks until ctx ends, and then returns nil, even if it has not called changed yet. It returns an error if
// the files cannot be watched.
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
				log.Warn("some files cannot be watched; they are checked once a minute", "error", err)
			}
		}
	}
	follow()
	states := watcher.seen()
	first, renewed := true, false
	var began time.Time // the beginning of the burst, or zero
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
			touched := watcher.takeTouched() // a later change is reported again
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

// WatchOrRenew is [Watch] for callers that can continue if files cannot be watched. In that case it calls unseen once
// with the reason, and calls changed only when renew gets a value. It still calls changed once at the beginning, unless
// ctx ends before that. It blocks until ctx ends.
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

// textOf returns the text of an error, or "" for nil.
func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
