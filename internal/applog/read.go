package applog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// blockSize is how much of a log is read at once. A caller that keeps a part of a record keeps a whole block in memory.
const blockSize = 256 << 10

// linesBetween is how many lines are read between two looks at the context: parsing them takes about a millisecond.
const linesBetween = 1024

// Read returns the records of a complete log, one after the other. Each is valid until the next one is requested. An
// error of source or of ctx ends the sequence, after the records from the bytes before the error.
func Read(ctx context.Context, source io.Reader, options Options) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		emit := func(record *Record) error {
			if !yield(record, nil) {
				return errStopped
			}
			return nil
		}
		r := newReader(options)
		take := func(l line) error {
			if l.number%linesBetween == 0 {
				if err := ended(ctx); err != nil {
					return err
				}
			}
			return r.parser.take(l, emit)
		}
		buffer := make([]byte, blockSize)
		for {
			err := ended(ctx)
			n := 0
			if err == nil {
				n, err = source.Read(buffer)
			}
			switch written := r.splitter.write(buffer[:n], take); {
			case errors.Is(written, errStopped):
				return
			case written != nil:
				yield(&Record{}, written)
				return
			}
			if err == nil {
				continue
			}
			if r.flush(emit) == nil && err != io.EOF {
				yield(&Record{}, fmt.Errorf("read log: %w", err))
			}
			return
		}
	}
}

// Parse reads one record from its text, as in [Record.Raw]. Text after the first record is ignored.
func Parse(text string, options Options) (record Record) {
	p := parser{state: state{options: options}}
	emit := func(read *Record) error {
		record = *read
		return errStopped
	}
	number := 0
	for raw := range strings.Lines(text) {
		number++
		if p.take(line{raw: raw, number: number}, emit) != nil {
			return record
		}
	}
	_ = p.flush(emit)
	return record
}
