package applog

import (
	"fmt"
	"io"
	"iter"
	"strings"
)

// A grammar is one way in which Company Portal has written its log.
type grammar struct {
	// head reads the first line of an entry into a record, and is false for any other line. Raw and what counts lines
	// and bytes are not its business.
	head func(text string) (Record, bool)
	// body returns what reads the further lines of the entry, nil when there are none. It may set Fields.
	body func(*Record) body
}

// A body reads the lines of an entry after the first one. A line that is the head of another entry always ends it and
// is not shown to it.
type body interface {
	// take reads a line into fields. belongs is false when the line is no part of the entry, done is true when the entry
	// is complete with this line.
	take(text string, fields map[string]string) (belongs, done bool)
	// torn tells whether an entry that ends here lacks something.
	torn() bool
}

// grammars is every grammar that is known. At most one of them takes a line as a head.
var grammars = []grammar{spaced, piped}

// parser makes records of lines. An entry that may have more lines is held back until it is complete or followed by
// another.
type parser struct {
	pending *Record
	body    body
	raw     strings.Builder
}

func (p *parser) take(l line, emit func(Record) error) error {
	text := trimLineEnd(l.raw)
	if l.offset == 0 {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	for _, g := range grammars {
		record, ok := g.head(text)
		if !ok {
			continue
		}
		if err := p.flush(emit); err != nil {
			return err
		}
		if p.body = g.body(&record); p.body == nil {
			return emit(placed(record, l))
		}
		record = placed(record, l)
		p.pending = &record
		p.raw.WriteString(l.raw)
		return nil
	}
	if p.pending != nil && int64(p.raw.Len())+int64(len(l.raw)) <= maximumLine {
		if p.pending.Fields == nil {
			p.pending.Fields = map[string]string{}
		}
		if belongs, done := p.body.take(text, p.pending.Fields); belongs {
			p.raw.WriteString(l.raw)
			p.pending.Cut += l.cut
			p.pending.End = l.end()
			if !done {
				return nil
			}
			return p.flush(emit)
		}
	}
	if err := p.flush(emit); err != nil {
		return err
	}
	return emit(placed(Record{Unparsed: true, Message: text}, l))
}

// flush hands out the entry that is held back, if there is one.
func (p *parser) flush(emit func(Record) error) error {
	if p.pending == nil {
		return nil
	}
	record := *p.pending
	record.Raw, record.Torn = p.raw.String(), p.body.torn()
	p.pending, p.body, p.raw = nil, nil, strings.Builder{}
	return emit(record)
}

// placed fills in where the record stands.
func placed(record Record, l line) Record {
	record.Raw, record.Cut, record.Line, record.Offset, record.End = l.raw, l.cut, l.number, l.offset, l.end()
	return record
}

// reader joins a splitter and a parser: bytes in, records out.
type reader struct {
	splitter splitter
	parser   parser
}

func (r *reader) write(data []byte, emit func(Record) error) error {
	return r.splitter.write(data, func(l line) error { return r.parser.take(l, emit) })
}

// flush hands out what is incomplete.
func (r *reader) flush(emit func(Record) error) error {
	if err := r.splitter.flush(func(l line) error { return r.parser.take(l, emit) }); err != nil {
		return err
	}
	return r.parser.flush(emit)
}

// settled is the offset behind the last record that was handed out.
func (r *reader) settled() int64 {
	if r.parser.pending != nil {
		return r.parser.pending.Offset
	}
	return r.splitter.offset
}

// Read returns the records of a log that is complete. An error of source ends the sequence, after the records that could
// be made of what came before it.
func Read(source io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		emit := func(record Record) error {
			if !yield(record, nil) {
				return errStopped
			}
			return nil
		}
		var r reader
		buffer := make([]byte, 64<<10)
		for {
			n, err := source.Read(buffer)
			if r.write(buffer[:n], emit) != nil {
				return
			}
			if err == nil {
				continue
			}
			if r.flush(emit) == nil && err != io.EOF {
				yield(Record{}, fmt.Errorf("read log: %w", err))
			}
			return
		}
	}
}
