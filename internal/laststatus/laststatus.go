// Package laststatus keeps the last status that usherd has given root, in a file that only root can read. Jamf runs
// extension attributes also while usherd is being restarted: usherctl prints from that file then, so that no smart
// group changes for a moment.
package laststatus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"usher.internal/internal/atomicfile"
	"usher.internal/internal/privatefile"
	usherv1 "usher.internal/proto/usher/v1"
)

// Oldest is how old a status may be that is still given.
const Oldest = 24 * time.Hour

// maximum is how large the file may be, in bytes: status has a few kilobytes for each user.
const maximum = 4 << 20

// ErrTooOld is wrapped by [Read] for a status that is older than [Oldest].
var ErrTooOld = errors.New("the last status of usherd is too old")

// Source gives the status: as it stands, and again after each change. It blocks until ctx ends or send fails.
type Source interface {
	WatchStatus(ctx context.Context, send func(*usherv1.GetStatusResponse) error) error
}

func path(stateDirectory string) string { return filepath.Join(stateDirectory, "status.last.json") }

// standsByEvery is how often usherd stands by a status that does not change.
const standsByEvery = 10 * time.Minute

// Keep writes each status of a source into the state directory, until ctx ends; then it returns nil. The time of the
// file is when usherd stood by it last. A status that cannot be written is logged, once until another can, and the one
// before stays.
func Keep(ctx context.Context, source Source, stateDirectory string, log *slog.Logger) error {
	var failed atomic.Bool
	standBy := func() {
		if failed.Load() {
			return // usherd says something else by now
		}
		now := time.Now()
		_ = os.Chtimes(path(stateDirectory), now, now) // where there is one
	}
	watching, stop := context.WithCancel(ctx)
	stood := make(chan struct{})
	go func() {
		defer close(stood)
		ticker := time.NewTicker(standsByEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				standBy()
			case <-watching.Done():
				return
			}
		}
	}()
	defer func() { stop(); <-stood; standBy() }()
	err := source.WatchStatus(ctx, func(status *usherv1.GetStatusResponse) error {
		content, err := protojson.Marshal(status)
		if err == nil {
			err = atomicfile.Write(path(stateDirectory), content, 0o600)
		}
		if err != nil && !failed.Load() {
			log.Warn("the last status is not kept; extension attributes have no value while usherd restarts", "error",
				err)
		}
		failed.Store(err != nil)
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Read returns the last status and its age at now: how long ago usherd stood by it. The error wraps [ErrTooOld], or
// says why there is none that this user can read.
func Read(stateDirectory string, now time.Time) (status *usherv1.GetStatusResponse, age time.Duration, err error) {
	content, info, err := privatefile.Read(path(stateDirectory), maximum)
	if err != nil {
		return nil, 0, fmt.Errorf("read the last status: %w", err)
	}
	// A clock that was set back makes it no older.
	if age = max(now.Sub(info.ModTime()), 0); age > Oldest {
		return nil, age, fmt.Errorf("%w: %s", ErrTooOld, age.Round(time.Minute))
	}
	status = &usherv1.GetStatusResponse{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(content, status); err != nil {
		return nil, age, fmt.Errorf("read the last status: %w", err)
	}
	if status.GetHelper() == nil {
		return nil, age, errors.New("read the last status: it is none")
	}
	return status, age, nil
}
