package applog

import (
	"strings"
	"time"
)

// A grammar is one format of entries.
type grammar struct {
	format Format
	// head reads the first line of an entry, without its end, into a record, and returns false for any other line. It
	// does not set Format, Raw, or the counts of lines and bytes. If it returns false, the record is unchanged.
	head func(text string, s *state, record *Record) bool
	// body returns the reader of the further lines of an entry, or nil if it has none. It may set Fields. The zero
	// grammar's entries are complete with their first line.
	body func(record *Record) body
	// undated grammars have heads without a time. They are tried only if no entry of another format is open.
	undated bool
	// alone grammars have heads that look like lines within an entry. They are tried only if no entry is open.
	alone bool
}

// A body reads the lines of an entry after the first one. A line that is the head of another entry always ends it and
// is not shown to it.
type body interface {
	// take reads a line into the record. belongs is false if the line is not a part of the entry. done is true if the
	// line completes the entry.
	take(text string, record *Record) (belongs, done bool)
	// within reports whether a line with this first byte certainly belongs to the entry, and cannot be the head of
	// another one.
	within(first byte) bool
	// end completes the record when all of its lines are in Raw, and reports whether it lacks something.
	end(record *Record) (torn bool)
}

// grammars is every known grammar. At most one of them takes a line as a head.
var grammars = []grammar{
	companyPortal2018, companyPortal5, ssoExtension, msal, jamfLog, intuneAgent,
	unifiedNDJSON, unifiedJSON, unifiedDefault, unifiedCompact, unifiedSyslog, unifiedConsole,
	usherLog, usherLogJSON, usherJournal,
	jamfPolicy, selfService, errorText,
}

// state is what the grammars remember about one log from line to line.
type state struct {
	options Options
	day     day
	jamf    jamfState
	sso     ssoState
	compact localClock
	intune  localClock
}

// Options add what a log does not say itself.
type Options struct {
	// File becomes [Record.File].
	File string
	// Zone is the zone of local times without an offset; nil is this computer's. Inferred is true if it was found in
	// other logs of the same Mac, and false if it is an assumption.
	Zone     *time.Location
	Inferred bool
	// Modified is when the log was last written. It gives the year of the last entry in a log whose times have no year;
	// zero is now.
	Modified time.Time
}

func (o Options) zone() *time.Location {
	if o.Zone == nil {
		return time.Local
	}
	return o.Zone
}

// certainty is the certainty of a time that was read in the zone of the options.
func (o Options) certainty() Zone {
	if o.Inferred {
		return ZoneInferred
	}
	return ZoneAssumed
}

// parser builds records from lines. An entry that may have more lines is held back until it is complete or another one
// follows.
type parser struct {
	state state
	// likely is the index of the grammar that took the last head; it is tried first.
	likely int
	// next is the record that is being built from a line.
	next    Record
	pending Record
	// held means that pending is an entry. body reads its further lines and raw collects them; raw is empty while there
	// is only one line.
	held bool
	body body
	raw  strings.Builder
	// block is the text that was read together with the first line of the held entry, from that line on. Further lines
	// of the same block need no copy.
	block string
}

func (p *parser) take(l line, emit func(*Record) error) error {
	text := unescaped(trimLineEnd(l.raw))
	if l.offset == 0 {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	p.next = Record{}
	record := &p.next
	if g := p.head(text, record); g != nil {
		if err := p.flush(emit); err != nil {
			return err
		}
		record.Kind, record.Format = Entry, g.format
		p.place(record, l)
		if g.body == nil {
			return emit(record)
		}
		if p.body = g.body(record); p.body == nil {
			return emit(record)
		}
		p.pending, p.held, p.block = *record, true, l.block
		return nil
	}
	if isNote(text) && (len(text) > 2 || !p.held) || !p.held && isRunnerHeading(text) {
		if err := p.flush(emit); err != nil {
			return err
		}
		record.Kind, record.Message = Note, text
		p.place(record, l)
		return emit(record)
	}
	if p.held && int64(max(p.raw.Len(), len(p.pending.Raw)))+int64(len(l.raw)) <= maximumLine {
		if belongs, done := p.body.take(text, &p.pending); belongs {
			p.extend(l)
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
	record.Kind, record.Message = Unparsed, text
	p.place(record, l)
	return emit(record)
}

// extend adds a line to the text of the held entry.
func (p *parser) extend(l line) {
	length := len(p.pending.Raw) + len(l.raw)
	if p.raw.Len() == 0 && p.pending.Cut == 0 && l.cut == 0 && length <= len(p.block) {
		p.pending.Raw = p.block[:length]
		return
	}
	if p.raw.Len() == 0 {
		p.raw.WriteString(p.pending.Raw)
	}
	p.raw.WriteString(l.raw)
}

// head returns the grammar that takes a line as the first one of an entry, or nil.
func (p *parser) head(text string, record *Record) *grammar {
	if text == "" || p.held && p.body.within(text[0]) {
		return nil
	}
	if g := &grammars[p.likely]; p.mayBegin(g, text) && g.head(text, &p.state, record) {
		return g
	}
	for i := range grammars {
		g := &grammars[i]
		if i != p.likely && p.mayBegin(g, text) && g.head(text, &p.state, record) {
			p.likely = i
			return g
		}
	}
	return nil
}

// mayBegin reports whether a line may be the head of a grammar's entry. A script's result may be a log; jamf's own
// lines follow it.
func (p *parser) mayBegin(g *grammar, text string) bool {
	return !p.held || !g.alone && (!g.undated || p.pending.Format == g.format) ||
		g.format == JamfPolicy && p.pending.Format != JamfLog && isAfterScript(text)
}

// flush hands out the held entry, if there is one.
func (p *parser) flush(emit func(*Record) error) error {
	if !p.held {
		return nil
	}
	if p.raw.Len() > 0 {
		p.pending.Raw = p.raw.String()
		p.raw = strings.Builder{}
	}
	if p.body.end(&p.pending) {
		p.pending.Torn = true
	}
	p.held, p.body = false, nil
	return emit(&p.pending)
}

// settle hands out an entry that is held back only because text may follow it, if none has.
func (p *parser) settle(emit func(*Record) error) error {
	if _, mayWait := p.body.(*textLines); p.held && !mayWait {
		return nil
	}
	return p.flush(emit)
}

// place fills in the position of the record.
func (p *parser) place(record *Record, l line) {
	record.Raw, record.Cut, record.Line, record.Offset, record.End = l.raw, l.cut, l.number, l.offset, l.end()
	record.File = p.state.options.File
}

// reader joins a splitter and a parser: bytes in, records out.
type reader struct {
	splitter splitter
	parser   parser
}

func newReader(options Options) *reader {
	r := &reader{}
	r.parser.state.options = options
	return r
}

func (r *reader) write(data []byte, emit func(*Record) error) error {
	return r.splitter.write(data, func(l line) error { return r.parser.take(l, emit) })
}

// flush hands out the incomplete line and entry.
func (r *reader) flush(emit func(*Record) error) error {
	if err := r.splitter.flush(func(l line) error { return r.parser.take(l, emit) }); err != nil {
		return err
	}
	return r.parser.flush(emit)
}

// settled is the offset after the last record that was handed out.
func (r *reader) settled() int64 {
	if r.parser.held {
		return r.parser.pending.Offset
	}
	return r.splitter.offset
}
