package applog

import (
	"bytes"
	"strings"
)

// maximumLine is the length up to which a line is kept, in bytes with its end. The bytes beyond are reported as cut.
const maximumLine = 1 << 20

// line is one line of a file with its end, if it has one.
type line struct {
	raw string
	// block is the text that was read together with the line, from the beginning of the line on.
	block  string
	cut    int64
	number int
	offset int64
}

func (l *line) end() int64 { return l.offset + int64(len(l.raw)) + l.cut }

// splitter splits bytes into lines. The bytes come in pieces of any size. The lines of a piece share one string.
type splitter struct {
	partial []byte
	cut     int64
	// offset is where the partial line begins, number the lines before it.
	offset int64
	number int
}

func (s *splitter) write(data []byte, take func(line) error) error {
	if s.pending() {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			s.hold(data)
			return nil
		}
		s.hold(data[:end])
		if err := s.flush(take); err != nil {
			return err
		}
		data = data[end:]
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	block := string(data[:whole])
	for len(block) > 0 {
		end := strings.IndexByte(block, '\n') + 1
		if err := s.hand(block[:end], block, 0, take); err != nil {
			return err
		}
		block = block[end:]
	}
	s.hold(data[whole:])
	return nil
}

func (s *splitter) pending() bool { return len(s.partial) > 0 || s.cut > 0 }

// hold keeps bytes that are not yet a complete line.
func (s *splitter) hold(data []byte) {
	keep := min(len(data), maximumLine-len(s.partial))
	s.partial = append(s.partial, data[:keep]...)
	s.cut += int64(len(data) - keep)
}

// hand hands out a line. A line that came in one piece may still be too long.
func (s *splitter) hand(raw, block string, cut int64, take func(line) error) error {
	if len(raw) > maximumLine {
		cut, raw = int64(len(raw)-maximumLine), raw[:maximumLine]
	}
	s.number++
	found := line{raw: raw, block: block, cut: cut, number: s.number, offset: s.offset}
	s.offset = found.end()
	return take(found)
}

// flush hands out the partial line, if there is one.
func (s *splitter) flush(take func(line) error) error {
	if !s.pending() {
		return nil
	}
	raw, cut := string(s.partial), s.cut
	s.cut = 0
	if s.partial = s.partial[:0]; cap(s.partial) > 64<<10 { // release the memory that one long line took
		s.partial = nil
	}
	return s.hand(raw, raw, cut, take)
}
