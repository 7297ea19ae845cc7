// Package excerpt copies a part of a log for a support archive: usherctl of what its caller can read, usherd of what
// root alone can. [Copy] copies what is of some stretches of time, and with a [Privacy] what tells of nobody but one
// person.
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

// margin is what is kept before and after an attempt: policies that led to it, and what followed.
const margin = 10 * time.Minute

// Around is the span of an attempt with what led to it and what followed.
func Around(begin, end time.Time) Span { return Span{begin.Add(-margin), end.Add(margin)} }

// Options say what of a log is copied.
type Options struct {
	// Spans are the stretches of time; without one all of the log is copied.
	Spans []Span
	// Limit is how many bytes are copied at most: the newest. It is what Copy holds in memory.
	Limit int
	// Keep leaves out records for which it is false; nil leaves out none.
	Keep func(record *applog.Record) bool
}

// Result is what became of a log's records.
type Result struct {
	// Kept were copied. OutOfTime are of other times, LeftOut were not to be kept, and TooMany the older ones beyond
	// the limit.
	Kept, OutOfTime, LeftOut, TooMany int
}

// Copy copies whole records of a log, byte by byte. A record without a time goes with the one before it; those before
// the first time are of no span. Reading says how the log is to be read, see [applog.Read].
//
// An error of from comes after what could be read before it was copied. When ctx ends nothing is copied.
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
		kept = append(kept, strings.Clone(record.Raw)) // it shares the memory of a block
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
