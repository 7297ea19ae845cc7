// Package excerpt copies a part of a log for a support archive. usherctl copies logs that its caller can read, and
// usherd copies logs that only root can read. [Copy] copies the records of some stretches of time. With a [Privacy] it
// copies only records that are about no other person.
package excerpt

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"usher.internal/internal/applog"
)

// Span is a stretch of time, both ends included.
type Span struct{ From, To time.Time }

// margin is how much time before and after an attempt is kept. Before it are the policies that led to it.
const margin = 10 * time.Minute

// Around is the span of an attempt, with a margin before and after it.
func Around(begin, end time.Time) Span { return Span{begin.Add(-margin), end.Add(margin)} }

// Options say which records of a log are copied.
type Options struct {
	// Spans are the stretches of time; without one the whole log is copied.
	Spans []Span
	// Limit is how many bytes are copied at most: the newest. Copy holds that many in memory.
	Limit int
	// Keep returns false for a record that is left out; nil leaves out none.
	Keep func(record *applog.Record) bool
}

// Result counts a log's records by what happened to them.
type Result struct {
	// Kept were copied. OutOfTime are of other times, and LeftOut were rejected by Keep. TooMany are the older records
	// beyond the limit.
	Kept, OutOfTime, LeftOut, TooMany int
}

// Copy copies whole records of a log, byte by byte. A record without a time belongs to the span of the record before
// it. Records before the first time belong to no span. reading says how to read the log, see [applog.Read].
//
// If reading from fails, the records before the error are copied, and the error is returned. If ctx ends, nothing is
// copied.
func Copy(ctx context.Context, to io.Writer, from io.Reader, reading applog.Options, options Options) (Result, error) {
	var result Result
	var kept []string
	size, oldest := 0, 0
	inTime := len(options.Spans) == 0
	var failed error
	for record, err := range applog.Read(ctx, from, reading) {
		if ctx.Err() != nil {
			return Result{}, context.Cause(ctx)
		}
		if err != nil {
			failed = err
			break
		}
		if at := record.Time.At; !at.IsZero() && len(options.Spans) > 0 {
			inTime = within(options.Spans, at)
		}
		switch {
		case !inTime:
			result.OutOfTime++
			continue
		case options.Keep != nil && !options.Keep(record):
			result.LeftOut++
			continue
		}
		kept = append(kept, strings.Clone(record.Raw)) // record.Raw shares the memory of a block
		size += len(record.Raw)
		for size > options.Limit {
			size -= len(kept[oldest])
			kept[oldest] = ""
			oldest++
			result.TooMany++
		}
		if oldest > len(kept)/2 {
			kept, oldest = append([]string(nil), kept[oldest:]...), 0
		}
	}
	for _, raw := range kept[oldest:] {
		if _, err := io.WriteString(to, raw); err != nil {
			return result, fmt.Errorf("copy log: %w", err)
		}
		result.Kept++
	}
	return result, failed
}

func within(spans []Span, at time.Time) bool {
	for _, span := range spans {
		if !at.Before(span.From) && !at.After(span.To) {
			return true
		}
	}
	return false
}
