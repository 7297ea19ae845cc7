package applog

import "bytes"

// maximumLine is the longest line that is kept, in bytes with its end; what goes beyond is told as cut.
const maximumLine = 1 << 20

// line is one line of a file with its end, if it has one.
type line struct {
	raw    string
	cut    int64
	number int
	offset int64
}

func (l line) end() int64 { return l.offset + int64(len(l.raw)) + l.cut }

// splitter makes lines of bytes that come in pieces of any size.
type splitter struct {
	partial []byte
	cut     int64
	// offset is where the partial line begins, number the lines before it.
	offset int64
	number int
}

func (s *splitter) write(data []byte, take func(line) error) error {
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n') + 1
		complete := end > 0
		if !complete {
			end = len(data)
		}
		keep := min(end, maximumLine-len(s.partial))
		s.partial = append(s.partial, data[:keep]...)
		s.cut += int64(end - keep)
		data = data[end:]
		if complete {
			if err := s.flush(take); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush hands out the partial line, if there is one.
func (s *splitter) flush(take func(line) error) error {
	if len(s.partial) == 0 {
		return nil
	}
	s.number++
	found := line{raw: string(s.partial), cut: s.cut, number: s.number, offset: s.offset}
	s.offset = found.end()
	s.cut = 0
	if s.partial = s.partial[:0]; cap(s.partial) > 64<<10 { // do not hold on to what one long line took
		s.partial = nil
	}
	return take(found)
}
