// Package laststatus keeps the last status that usherd has given root, in a file that only root can read. Jamf also
// runs extension attributes while usherd restarts. usherctl then prints from that file, so that no smart group changes
// for a moment.
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

// Oldest is the age up to which a status is used.
const Oldest = 24 * time.Hour

// maximum is the size limit of the file, in bytes. A status has a few kilobytes for each user.
const maximum = 4 << 20

// ErrTooOld is wrapped by [Read] for a status that is older than [Oldest].
var ErrTooOld = errors.New("the last status of usherd is too old")

// Source sends the present status, and again after each change. It blocks until ctx ends or send fails.
type Source interface {
	WatchStatus(ctx context.Context, send func(*usherv1.GetStatusResponse) error) error
}

func path(stateDirectory string) string { return filepath.Join(stateDirectory, "status.last.json") }

// confirmEvery is how often usherd confirms a status that does not change.
const confirmEvery = 10 * time.Minute

// Keep writes each status of a source into the state directory until ctx ends; then it returns nil. The time of the
// file is when usherd last confirmed it. If a status cannot be written, the previous one remains. The log has the first
// failure, and the next one after a success.
func Keep(ctx context.Context, source Source, stateDirectory string, log *slog.Logger) error {
	var failed atomic.Bool
	standBy := func() {
		if failed.Load() {
			return // usherd reports something else by now
		}
		now := time.Now()
		_ = os.Chtimes(path(stateDirectory), now, now) // if there is one
	}
	watching, stop := context.WithCancel(ctx)
	confirmed := make(chan struct{})
	go func() {
		defer close(confirmed)
		ticker := time.NewTicker(confirmEvery)
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
	defer func() { stop(); <-confirmed; standBy() }()
	err := source.WatchStatus(ctx, func(status *usherv1.GetStatusResponse) error {
		content, err := protojson.Marshal(status)
		if err == nil {
			err = atomicfile.Write(path(stateDirectory), content, 0o600)
		}
		if err != nil && !failed.Load() {
			log.Warn("the last status cannot be saved; extension attributes have no value while usherd restarts",
				"error",
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

// Read returns the last status and its age at now: the time since usherd confirmed it. The error wraps [ErrTooOld], or
// says why this user cannot read one.
func Read(stateDirectory string, now time.Time) (status *usherv1.GetStatusResponse, age time.Duration, err error) {
	content, info, err := privatefile.Read(path(stateDirectory), maximum)
	if err != nil {
		return nil, 0, fmt.Errorf("read the last status: %w", err)
	}
	// A clock that was set back gives no negative age.
	if age = max(now.Sub(info.ModTime()), 0); age > Oldest {
		return nil, age, fmt.Errorf("%w: %s", ErrTooOld, age.Round(time.Minute))
	}
	status = &usherv1.GetStatusResponse{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(content, status); err != nil {
		return nil, age, fmt.Errorf("read the last status: %w", err)
	}
	if status.GetHelper() == nil {
		return nil, age, errors.New("read the last status: the file has another format")
	}
	return status, age, nil
}
