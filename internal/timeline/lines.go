package timeline

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
)

// around is how much time before and after an attempt its lines include.
const around = 2 * time.Minute

// maximumLineText is how much text of a line a report has.
const maximumLineText = 4 << 10

// readLines reads the logs again, for the lines around the attempts.
func (c *Collector) readLines(ctx context.Context, logs []applog.Log, report *Report) error {
	gathered := newLineKeeper(report.Attempts, c.options.Lines)
	for i, log := range logs {
		if log.Err != nil {
			continue
		}
		file, err := log.Open(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			continue // reported in the first pass
		}
		var last applog.Time
		for record, err := range applog.Read(ctx, file, c.ReadOptions(i)) {
			if err != nil {
				break // reported in the first pass, or ctx has ended
			}
			if !record.Time.At.IsZero() {
				last = record.Time
			}
			at := last
			at.At = at.At.Add(-c.logs[i].skew)
			gathered.take(i, record, at)
		}
		file.Close()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	report.Lines, report.OmittedLines = gathered.result()
	return nil
}

// lineKeeper keeps the lines of the newest attempts, up to a limit.
type lineKeeper struct {
	attempts []Attempt
	limit    int
	// kept are the lines of each attempt, lost the numbers of dropped lines.
	kept [][]Line
	lost int64
	size int
}

func newLineKeeper(attempts []Attempt, limit int) *lineKeeper {
	return &lineKeeper{attempts: attempts, limit: limit, kept: make([][]Line, len(attempts))}
}

// take keeps a record if its time is that of an attempt.
func (g *lineKeeper) take(log int, record *applog.Record, at applog.Time) {
	if at.At.IsZero() {
		return
	}
	for i := range slices.Backward(g.attempts) {
		a := &g.attempts[i]
		if at.At.Before(a.Begin.Add(-around)) || at.At.After(a.End.Add(around)) {
			continue
		}
		if g.size >= g.limit && !g.makeRoom(i) {
			g.lost++
			return
		}
		g.kept[i] = append(g.kept[i], lineOf(log, record, at, a))
		g.size++
		return
	}
}

// makeRoom drops the lines of an attempt that is older than the one that needs room.
func (g *lineKeeper) makeRoom(attempt int) bool {
	for i := range attempt {
		if count := len(g.kept[i]); count > 0 {
			g.lost += int64(count)
			g.size -= count
			g.kept[i] = nil
			return true
		}
	}
	return false
}

func (g *lineKeeper) result() ([]Line, int64) {
	all := slices.Concat(g.kept...)
	slices.SortStableFunc(all, func(a, b Line) int {
		return cmp.Or(a.Time.At.Compare(b.Time.At), cmp.Compare(a.Log, b.Log), cmp.Compare(a.Line, b.Line))
	})
	return all, g.lost
}

func lineOf(log int, record *applog.Record, at applog.Time, a *Attempt) Line {
	line := Line{
		Log: log, Line: record.Line, Time: at, Kind: record.Kind, Level: record.Level,
		Origin:  strings.Clone(cmp.Or(record.Process, record.Subsystem)),
		Message: bounded(record.Message, maximumLineText),
		Raw:     bounded(strings.TrimRight(record.Raw, "\r\n"), maximumLineText),
	}
	if !at.At.Before(a.Begin) && !at.At.After(a.End) {
		line.Attempt = a.Number
	}
	if known := event.Recognise(record); known != nil {
		line.Event, line.Class = known.Name, known.Class
	}
	return line
}
