package timelineview

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/homes"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/applog"
	"usher.internal/internal/foreign"
	"usher.internal/internal/timeline"
	usherv1 "usher.internal/proto/usher/v1"
)

// followTimeline shows what happens as the logs grow, until it is interrupted.
func (c commands) followTimeline(ctx context.Context, paths []string, flags timelineFlags,
	options timeline.Options) error {
	ofThisMac := len(paths) == 0
	if ofThisMac {
		var err error
		if paths, err = homes.Logs(flags.user); err != nil {
			return err
		}
		paths = slices.DeleteFunc(paths, homes.IsClosed)
	}
	if options.Zone == nil {
		options.Zone = time.Local // the growing logs are this Mac's
	}
	live := &liveTimeline{commands: c, flags: flags, collector: timeline.NewCollector(options), logs: map[string]int{},
		printed: map[int]int{}}
	group, ctx := errgroup.WithContext(ctx)
	if ofThisMac {
		journal := live.collector.Add(timeline.JournalName, time.Time{})
		group.Go(func() error { return live.followJournal(ctx, journal) })
	}
	seen := map[string]bool{}
	for _, path := range paths {
		following := applog.Following{Directory: path, Quiet: func() error { return live.show(ctx) }}
		info, err := os.Stat(path)
		if err == nil && !info.IsDir() || err != nil && filepath.Ext(path) != "" {
			end, _, err := foreign.Resolve(path) // a log may be known by a link to the newest
			switch {
			case err == nil:
				path = end
			case errors.Is(err, foreign.ErrLink) && ofThisMac:
				live.warn(fmt.Sprintf("%s is not followed: %v", path, err))
				continue
			case errors.Is(err, foreign.ErrLink):
				return &answer.Failure{Code: answer.ExitUsage, Reason: "FILE_NOT_READABLE", Message: err.Error()}
			}
			following.Directory, following.Name = filepath.Split(path)
		}
		following.Directory = filepath.Clean(following.Directory)
		if seen[path] {
			continue
		}
		seen[path] = true
		following.Options = applog.Options{Zone: options.Zone, Inferred: true}
		group.Go(func() error {
			_, err := applog.Follow(ctx, following, func(record *applog.Record) error {
				live.take(filepath.Join(following.Directory, record.File), record)
				return nil
			})
			if ofThisMac && isOfOnePlace(err) {
				live.warn(fmt.Sprintf("%s is not followed any more: %v", path, err))
				return nil
			}
			return err
		})
	}
	return answer.Explained(group.Wait())
}

// isOfOnePlace reports whether an error is about one user's log folder. Such an error does not end the timeline of the
// others.
func isOfOnePlace(err error) bool {
	for _, one := range []error{foreign.ErrLink, foreign.ErrTooLarge, applog.ErrNotALogDirectory, syscall.ELOOP} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// liveTimeline is a timeline that grows. Its methods may be called by several goroutines.
type liveTimeline struct {
	commands commands
	flags    timelineFlags

	mu        sync.Mutex
	collector *timeline.Collector
	// logs are the indexes of the logs by their paths.
	logs map[string]int
	// changed is true if there is something new to show; printed counts the printed events of each attempt.
	changed bool
	printed map[int]int
	verdict string
}

func (l *liveTimeline) take(name string, record *applog.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	index, known := l.logs[name]
	if !known {
		index = l.collector.Add(name, time.Now())
		l.logs[name] = index
	}
	l.collector.Take(index, record)
	l.changed = true
}

// followJournal reads usherd's journal again whenever something in it changes. Without usherd, only the logs are used.
func (l *liveTimeline) followJournal(ctx context.Context, index int) error {
	connection, err := l.commands.Connect(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	err = l.watchJournal(ctx, connection, index)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.warn("without usherd's journal from here: " + answer.Explained(err).Error())
	return nil
}

// warn says what is not shown.
func (l *liveTimeline) warn(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.commands.Err, "usherctl: %s\n", terminal.Plain(text))
}

func (l *liveTimeline) watchJournal(ctx context.Context, connection *grpc.ClientConn, index int) error {
	changes, err := usherv1.NewStatusServiceClient(connection).WatchStatus(ctx, &usherv1.WatchStatusRequest{})
	if err != nil {
		return err
	}
	registrations := usherv1.NewRegistrationServiceClient(connection)
	for {
		if _, err := changes.Recv(); err != nil {
			return err
		}
		list, err := registrations.ListRegistrations(ctx, &usherv1.ListRegistrationsRequest{User: l.flags.user})
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.collector.TakeRegistrations(index, list.GetRegistrations())
		l.changed = true
		l.mu.Unlock()
		if err := l.show(ctx); err != nil {
			return err
		}
	}
}

// clearScreen moves to the beginning of a terminal and clears it.
const clearScreen = "\x1b[H\x1b[2J\x1b[3J"

// show shows what is new: the whole attempt on a terminal, new events in a pipe, the report as JSON.
func (l *liveTimeline) show(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.changed {
		return nil
	}
	l.changed = false
	report := l.collector.Report()
	if l.flags.redact {
		if err := l.flags.redacted(ctx, report); err != nil {
			return err
		}
	}
	if l.commands.JSON {
		return l.commands.Print(report)
	}
	text := newTimelineText(l.commands.Terminal, report)
	if l.commands.Person {
		fmt.Fprint(l.commands.Out, clearScreen)
		chosen, err := l.flags.choose(report)
		if err != nil {
			return err
		}
		text.print(chosen)
		return nil
	}
	for i := range report.Attempts {
		attempt := &report.Attempts[i]
		if from := l.printed[attempt.Number]; from < len(attempt.Events) {
			text.eventLines(attempt, from)
			l.printed[attempt.Number] = len(attempt.Events)
		}
	}
	if count := len(report.Attempts); count > 0 && report.Attempts[count-1].Outcome != timeline.Unfinished {
		if sentence := report.Attempts[count-1].Verdict.Sentence; sentence != l.verdict {
			l.verdict = sentence
			fmt.Fprintf(l.commands.Out, "attempt %d: %s\n", count, terminal.Plain(sentence))
		}
	}
	return l.commands.Out.Err
}
