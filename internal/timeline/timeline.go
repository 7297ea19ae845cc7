// Package timeline makes one story of the logs of a Mac: which registration attempts there were, what each spent its
// time on, how it ended, and what the first cause was. [Build] reads logs and returns a [Report], which
// internal/timeline/page makes a page of and usherctl prints.
//
// It rests on internal/applog, which reads the logs, and internal/event, which knows what entries mean. What it adds is
// order: local times get their zone and year from the other logs, clocks that differ are found from what both of two
// logs report, and events become attempts.
//
// Memory is bounded whatever the size of the logs: of each log the newest events are kept, and the lines of a page are
// read in a second pass up to a limit.
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
	// Zone is that of the Mac, for local times; nil finds it in the logs, or takes this computer's.
	Zone *time.Location
	// Since leaves out what is older; zero leaves out nothing.
	Since time.Time
	// User leaves out the attempts of other users; "" is all of them.
	User string
	// Attempts is how many attempts are kept, the newest; 0 means [DefaultAttempts].
	Attempts int
	// Lines is how many lines around the attempts are kept, the newest attempts' first; 0 is none.
	Lines int
	// Registrations are from usherd's own journal.
	Registrations []*usherv1.Registration
	// Now is the present; zero is now.
	Now time.Time
}

// DefaultAttempts is how many attempts a report keeps.
const DefaultAttempts = 50

// Build reads the logs and tells what they show. A log that cannot be read is told in its [Log], not as an error; the
// error is that of ctx.
func Build(ctx context.Context, logs []applog.Log, options Options) (*Report, error) {
	c := NewCollector(options)
	for _, log := range logs {
		c.Add(log.Name, log.Modified)
	}
	if len(options.Registrations) > 0 {
		c.TakeRegistrations(c.Add(JournalName, options.Now), options.Registrations)
	}
	// What says its own zone comes first: it tells the zone and the year of the rest.
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
	// One text of several logs tells both: its local times are read anew with what the rest of it says.
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

// read gives all records of a log to the collector.
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

// writesLocalTime looks at the beginning of a log.
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
