// Package timeline builds one story from the logs of a Mac: the registration attempts, how each spent its time, how it
// ended, and its first cause. [Build] reads logs and returns a [Report]. usherctl prints it, and internal/timeline/page
// writes it as a page.
//
// The package internal/applog reads the logs, and internal/event says what entries mean. This package adds order. Local
// times get their zone and year from the other logs. Different clocks are found from events that two logs report.
// Events are grouped into attempts.
//
// Memory is bounded for logs of any size: only the newest events of each log are kept. The lines of a page are read in
// a second pass, up to a limit.
package timeline

import (
	"context"
	"io"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"usher.internal/internal/applog"
	usherv1 "usher.internal/proto/usher/v1"
)

// Options say how to read the logs.
type Options struct {
	// Zone is the zone of the Mac, for local times. If it is nil, it is found in the logs, or is this computer's.
	Zone *time.Location
	// Since leaves out older attempts; zero leaves out nothing.
	Since time.Time
	// User leaves out the attempts of other users; "" means all users.
	User string
	// Attempts is how many attempts are kept, the newest; 0 means [DefaultAttempts].
	Attempts int
	// Lines is how many lines around the attempts are kept, the newest attempts' first; 0 means none.
	Lines int
	// Registrations are from usherd's own journal.
	Registrations []*usherv1.Registration
	// Now is the present time; zero means the current time.
	Now time.Time
}

// DefaultAttempts is how many attempts a report keeps.
const DefaultAttempts = 50

// Build reads the logs and reports what they show. A log that cannot be read has an error in its [Log]. The returned
// error is that of ctx.
func Build(ctx context.Context, logs []applog.Log, options Options) (*Report, error) {
	c := NewCollector(options)
	for _, log := range logs {
		c.Add(log.Name, log.Modified)
	}
	if len(options.Registrations) > 0 {
		c.TakeRegistrations(c.Add(JournalName, options.Now), options.Registrations)
	}
	// Logs that write their zone come first: they give the zone and the year of the rest.
	local := make([]bool, len(logs))
	for _, pass := range []bool{false, true} {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, log := range logs {
			if pass && !local[i] {
				continue
			}
			group.Go(func() error {
				if !pass {
					if local[i] = writesLocalTime(ctx, log); local[i] {
						return nil
					}
				}
				return c.read(ctx, i, log)
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		c.settleZone()
	}
	// A text of several logs has both kinds of times: its local times are read again with the zone from the rest.
	for i, log := range logs {
		if local[i] && !c.logs[i].dated.IsZero() {
			c.logs[i] = newCollected(i, log.Name, log.Modified)
			if err := c.read(ctx, i, log); err != nil {
				return nil, err
			}
		}
	}
	report := c.Report()
	if options.Lines > 0 {
		if err := c.readLines(ctx, logs, report); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// read passes all records of a log to the collector.
func (c *Collector) read(ctx context.Context, index int, log applog.Log) error {
	into := c.logs[index]
	if log.Err != nil {
		into.info.Error = log.Err.Error()
		return nil
	}
	file, err := log.Open(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		into.info.Error = err.Error()
		return nil
	}
	defer file.Close()
	for record, err := range applog.Read(ctx, file, c.ReadOptions(index)) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			into.info.Error = err.Error()
			break
		}
		into.take(record)
	}
	return nil
}

// localFormats write local times without an offset.
var localFormats = []applog.Format{applog.JamfLog, applog.JamfPolicy, applog.SelfService, applog.UnifiedCompact}

// writesLocalTime examines the beginning of a log.
func writesLocalTime(ctx context.Context, log applog.Log) bool {
	if log.Err != nil {
		return false
	}
	file, err := log.Open(ctx)
	if err != nil {
		return false
	}
	defer file.Close()
	const enough = 64 << 10
	for record, err := range applog.Read(ctx, io.LimitReader(file, enough), applog.Options{}) {
		if err != nil {
			return false
		}
		if record.Kind == applog.Entry {
			return slices.Contains(localFormats, record.Format)
		}
	}
	return false
}
